"""Eyeballs that turn, and lids that close over them without touching them.

The rig's blink moves each lid's points along straight lines, through the eyeball where it bulges most, and closes
the mean person's eyes only. Here lids are kept outside of the eyeball, and each person's blink closes their own eyes.
"""
# mypy: disallow-untyped-defs=false

import math
from dataclasses import dataclass

import numpy as np

from megactor.synth.anatomy.bust import Bust
from megactor.synth.jit import kernel
from megactor.synth.posing import deformation

_CORNEA_AXIS = np.array([0.1448, 0.0166, 0.9893])
"""Where the left eye of the rig looks at rest: the cornea's bulge is modelled 8.4 degrees outwards."""
_VERGENCE = 0.03
"""Radians that each eye turns inwards: people look at something at arm's length or further."""
_CLOSED_SHRINK = 0.04
"""Closed lids cover a slightly smaller eyeball, whatever remains between them."""

_LID_PAIRS = {"L": ((43, 47), (44, 46)), "R": ((37, 41), (38, 40))}
"""Landmarks opposite to each other on the upper and the lower lid."""
_LID_OVERLAP = 0.12
"""How far the lids' landmarks pass each other in a full blink, rig units; they lie a little inside of the margins."""
_LID_REACH = 1.0
"""Skin within this distance of the eyeball belongs to the lids."""
_CLEARANCE = 0.05
_ANGLE_BINS = 48


@dataclass(frozen=True)
class Eye:
    """A posed eyeball.

    center: (3,) float32.
    axes: (3, 3) float32, rows are where it looks, its right (towards +x at rest) and its up.
    radius: rig units.
    """

    center: np.ndarray
    axes: np.ndarray
    radius: float


class Eyeball:
    """One eye of a subject at rest, and how it moves.

    Args:
        bust: that the subject was built on.
        side: "L" or "R", the person's.
        rest: (V, 3) positions at rest, exaggeration included.
        scale: (B, 3) by which exaggeration stretches displacements.
    """

    def __init__(self, bust: Bust, side: str, rest: np.ndarray, scale: np.ndarray) -> None:
        rig = bust.rig
        self._outwards = 1 if side == "L" else -1
        self._vertices = rig.vertices_of(f"sclera{side}")
        self._axis = _CORNEA_AXIS * [self._outwards, 1, 1]
        ball = rest[self._vertices]
        self._center, self._radius = fit_sphere(ball)
        self._profile = _profile(ball - self._center, self._axis)
        self._lids = _lid_vertices(bust.rest, rig.vertices_of("face"), self._vertices, self._axis)
        blink = rig.expressions[rig.expression(f"eyeBlink_{side}")] * scale[: len(rig.neutral)]
        self.blink_gain = _blink_gain(rest, blink, rig.landmarks[np.array(_LID_PAIRS[side])])

    def turn(self, points: np.ndarray, gaze: np.ndarray, closed: float) -> Eye:
        """Turns the eyeball in `points` (V, 3) to where it looks and pushes the lids off it, both in place.

        Args:
            points: before the head turns.
            gaze: yaw and pitch in radians.
            closed: of the lids, 0..1.
        """
        yaw, pitch = float(gaze[0]) - self._outwards * _VERGENCE, float(gaze[1])
        look = np.array([math.sin(yaw) * math.cos(pitch), math.sin(pitch), math.cos(yaw) * math.cos(pitch)])
        turn = _shortest_rotation(self._axis, look)
        shrink = 1 - _CLOSED_SHRINK * min(max((closed - 0.6) / 0.4, 0.0), 1.0)
        points[self._vertices] = (points[self._vertices] - self._center) @ (shrink * turn.T) + self._center
        _push_out(points, self._lids, self._center, look, self._profile * np.float32(shrink))
        right = np.cross([0, 1, 0], look)
        right /= np.linalg.norm(right)
        return Eye(self._center, np.stack([look, right, np.cross(look, right)]), self._radius)


def fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Center and radius of the sphere nearest to (N, 3) points, in the least squares sense of |p|² - r²."""
    p = points.astype(np.float64)
    solution, *_ = np.linalg.lstsq(np.column_stack([2 * p, np.ones(len(p))]), (p * p).sum(axis=1), rcond=None)
    center = solution[:3]
    return center.astype(np.float32), float(np.sqrt(solution[3] + center @ center))


def _lid_vertices(mean: np.ndarray, face: slice, eyeball: slice, axis: np.ndarray) -> np.ndarray:
    """(N,) int32: skin round the mean person's eye, outside of the eyeball; the lids' inner edges lie within it.

    The mean person decides, since the eyeballs of others may pierce their lids.
    """
    center, _ = fit_sphere(mean[eyeball])
    profile = _profile(mean[eyeball] - center, axis)
    offset = mean[face] - center
    distance = np.linalg.norm(offset, axis=1)
    cosine = offset / np.maximum(distance, 1e-6)[:, None] @ axis
    bins = (np.arccos(np.clip(cosine, -1, 1)) / np.pi * _ANGLE_BINS).astype(int)
    surface = profile[np.minimum(bins, _ANGLE_BINS - 1)]
    near = (distance > surface + _CLEARANCE) & (distance < surface + _LID_REACH)
    return (face.start + np.flatnonzero(near)).astype(np.int32)


def _profile(offsets: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """(_ANGLE_BINS,) float32: the eyeball's radius over the angle from its axis, the largest in each bin."""
    radius = np.linalg.norm(offsets, axis=1)
    angle = np.arccos(np.clip(offsets @ axis / np.maximum(radius, 1e-6), -1, 1))
    bins = np.minimum((angle / np.pi * _ANGLE_BINS).astype(int), _ANGLE_BINS - 1)
    profile = np.zeros(_ANGLE_BINS)
    np.maximum.at(profile, bins, radius)
    filled = np.flatnonzero(profile)
    return np.interp(np.arange(_ANGLE_BINS), filled, profile[filled]).astype(np.float32)


def _blink_gain(rest: np.ndarray, blink: np.ndarray, pairs: np.ndarray) -> float:
    """By how much the rig's blink has to be stronger to close this person's eye: where it gapes most, too."""
    upper, lower = pairs[:, 0], pairs[:, 1]
    opening = rest[upper, 1] - rest[lower, 1]
    closure = blink[lower, 1] - blink[upper, 1]
    if closure.min() <= 0.1:
        return 1.0
    return float(np.clip((opening + _LID_OVERLAP) / closure, 1.0, 1.5).max())


def _shortest_rotation(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(3, 3) the rotation that takes one direction into another by the shortest way."""
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(start, end)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3)
    return deformation.rotation_matrix(axis / sine * math.atan2(sine, float(start @ end)))


@kernel
def _push_out(points, lids, center, look, profile):
    """Moves lid vertices away from the eyeball's center until they clear it."""
    for k in range(lids.shape[0]):
        v = lids[k]
        dx, dy, dz = points[v, 0] - center[0], points[v, 1] - center[1], points[v, 2] - center[2]
        distance = math.sqrt(dx * dx + dy * dy + dz * dz) + 1e-6
        cosine = (dx * look[0] + dy * look[1] + dz * look[2]) / distance
        place = math.acos(min(max(cosine, -1.0), 1.0)) / math.pi * profile.shape[0] - 0.5
        low = min(max(int(place), 0), profile.shape[0] - 2)
        part = min(max(place - low, 0.0), 1.0)
        wanted = profile[low] + part * (profile[low + 1] - profile[low]) + _CLEARANCE
        if distance < wanted:
            grow = wanted / distance
            points[v, 0] = center[0] + dx * grow
            points[v, 1] = center[1] + dy * grow
            points[v, 2] = center[2] + dz * grow
