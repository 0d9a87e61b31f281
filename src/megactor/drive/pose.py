"""Where a head lies in the picture plane, and what is asked of its motion there."""

from dataclasses import dataclass

import numpy as np

RIGID = (33, 263, 168, 1, 152, 10)
"""Mesh vertices that hardly move with expressions: outer eye corners, nose, chin, forehead."""

ROLL, GROWTH, SHIFT = np.radians(25.0), np.log(1.4), 0.5
"""How far a head may go from where it started where its motion is limited: radians, logarithm of size, head sizes."""

BODY_SHIFT, BODY_ZOOM = 0.3, 0.06
"""The same of the body, which is cut off by the picture's edges: what lies beyond them nobody knows."""


@dataclass(frozen=True)
class InPlanePose:
    """Place, lean and size of a head; turns out of the picture plane are no part of it.

    center: (2,) middle of the `RIGID` vertices.
    roll: radians, positive clockwise.
    size: mean distance of the vertices from their middle.
    """

    center: np.ndarray
    roll: float
    size: float

    @classmethod
    def of(cls, rigid: np.ndarray) -> "InPlanePose":
        """Reads it off the `RIGID` vertices, (6, 2)."""
        center = rigid.mean(0)
        x, y = rigid[1] - rigid[0]
        return cls(center, float(np.arctan2(y, x)), max(float(np.linalg.norm(rigid - center, axis=1).mean()), 1e-9))

    def moved(self, shift: np.ndarray, roll: float, growth: float) -> "InPlanePose":
        """Shifted by (2,), rolled by radians, grown by the exponential of `growth`."""
        return InPlanePose(self.center + shift, self.roll + roll, self.size * float(np.exp(growth)))

    def way_to(self, other: "InPlanePose") -> tuple[np.ndarray, float, float]:
        """Shift, roll (the short way round) and growth that make `other` of this; see `moved`."""
        roll = other.roll - self.roll
        roll = float(np.arctan2(np.sin(roll), np.cos(roll)))
        return other.center - self.center, roll, float(np.log(other.size / self.size))

    def towards(self, other: "InPlanePose", part: float) -> "InPlanePose":
        """A pose between this (0) and another (1)."""
        shift, roll, growth = self.way_to(other)
        return self.moved(part * shift, part * roll, part * growth)


def similarity(before: InPlanePose, after: InPlanePose) -> np.ndarray:
    """The map, (2, 3), of the plane that lays one pose onto another."""
    _, roll, growth = before.way_to(after)
    c, s = np.exp(growth) * np.cos(roll), np.exp(growth) * np.sin(roll)
    linear = np.array([[c, -s], [s, c]])
    return np.column_stack([linear, after.center - linear @ before.center])


def scaled_motion(pose: InPlanePose, start: InPlanePose, factor: float, limited: bool) -> InPlanePose:
    """The pose with more or less of its way from where the head started.

    Sizes multiply, so their motion is scaled in the exponent.

    Args:
        pose: of this frame.
        start: where the way begins.
        factor: 0 holds the head at the start, 1 changes nothing.
        limited: a head that leans, comes near or goes away further than `ROLL`, `GROWTH` and `SHIFT` is softly held
            back: who leans in to twice the size would fill more than the picture.
    """
    shift, roll, growth = start.way_to(pose)
    shift, roll, growth = factor * shift, factor * roll, factor * growth
    if limited:
        reach = SHIFT * start.size
        shift = np.asarray(shift * _soft(float(np.linalg.norm(shift)), reach))
        roll, growth = roll * _soft(roll, ROLL), growth * _soft(growth, GROWTH)
    return start.moved(shift, roll, growth)


def scaled_body(motion: np.ndarray, start: InPlanePose, factor: float, limited: bool) -> np.ndarray:
    """The body's shift and zoom as `scaled_motion` has the head's.

    Args:
        motion: (3,), see `body.BodyFollower`.
        start: the head's pose, whose size counts.
        factor: as in `scaled_motion`.
        limited: as in `scaled_motion`.
    """
    shift, zoom = factor * motion[:2], factor * float(motion[2])
    if limited:
        shift = shift * _soft(float(np.linalg.norm(shift)), BODY_SHIFT * start.size)
        zoom = zoom * _soft(zoom, BODY_ZOOM)
    return np.array([*shift, zoom], np.float32)


def _soft(value: float, limit: float) -> float:
    """Factor that keeps small values as they are and large ones below a limit."""
    return 1.0 if value == 0 else float(np.tanh(value / limit) * limit / value)
