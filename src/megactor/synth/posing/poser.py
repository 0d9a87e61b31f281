"""Subject + one moment of a motion -> where every vertex is and how it faces.

Order: expression shapes and tongue, exaggeration of avatars, eyeballs, what hangs on the skin (beards), head rotation,
translation, normals.
"""

from dataclasses import dataclass

import numpy as np

from megactor.synth.anatomy.bust import Bust
from megactor.synth.anatomy.subject import Material, Subject
from megactor.synth.motion.sequence import MotionFrame
from megactor.synth.posing import deformation
from megactor.synth.posing.deformation import SparseShapes
from megactor.synth.posing.eyes import Eye, Eyeball

NECK_JOINT = np.array([0, -7, -1.5], np.float32)
"""The head turns about this point."""

_FULL_YAW, _FULL_PITCH = 0.55, 0.45
"""Gaze in radians at which the lids' look shapes are fully active."""


@dataclass(frozen=True)
class Posed:
    """A subject at one moment.

    positions, normals: (V, 3) float32.
    tangents: (V - B, 3) float32, hair strands' directions.
    eyes: left and right (the person's).
    expressions: (E,) float32 weights that made it, the rig's shapes.
    tongue_out: 0 = in the mouth, 1 = out.
    translation: (3,) float32, how far the body has moved from its place.
    """

    positions: np.ndarray
    normals: np.ndarray
    tangents: np.ndarray
    eyes: tuple[Eye, Eye]
    expressions: np.ndarray
    tongue_out: float
    translation: np.ndarray


class Poser:
    """Poses one subject; what does not depend on the pose is computed once.

    Args:
        bust: that the subject was built on.
        shapes: the bust's expressions, `expression_shapes(bust)`.
        subject: who.
    """

    def __init__(self, bust: Bust, shapes: SparseShapes, subject: Subject) -> None:
        self._bust = bust
        self._shapes = shapes
        self._subject = subject
        count = len(bust.rest)
        self._scale, offset = _exaggeration(subject, count)
        self._rest = np.ascontiguousarray(subject.rest, np.float32)
        self._rest[:count] = self._rest[:count] * self._scale + offset
        self._gain = np.array(
            [1 if name.startswith("eye") else subject.expression_gain for name in bust.rig.expression_names], np.float32
        )
        self._bust_triangles = np.ascontiguousarray(subject.triangles[: len(bust.triangles)])
        self._anchored = np.flatnonzero(subject.anchor_weights.any(axis=1)).astype(np.int32)
        self._eyes = {side: Eyeball(bust, side, self._rest, self._scale) for side in "LR"}
        for side, eye in self._eyes.items():
            self._gain[bust.rig.expression(f"eyeBlink_{side}")] = eye.blink_gain
        self._attached_normals = self._rest_normals()

    def pose(self, frame: MotionFrame) -> Posed:
        """Positions and normals for one moment of a motion."""
        return self._pose(frame.expressions, frame.gaze, frame.rotation, frame.translation)

    def neutral(self) -> Posed:
        """Looking straight ahead with a relaxed face."""
        zero = np.zeros(3, np.float32)
        return self._pose(np.zeros(len(self._bust.rig.expressions) + 1, np.float32), zero[:2], zero, zero)

    def _pose(self, expressions: np.ndarray, gaze: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> Posed:
        bust, subject = self._bust, self._subject
        rotation, translation = np.asarray(rotation, np.float32), np.asarray(translation, np.float32)
        count = len(bust.rest)
        weights = _expression_weights(bust, expressions[:-1], gaze) * self._gain
        tongue_out = float(expressions[-1])
        moved = np.zeros((count, 3), np.float32)
        deformation.add_shapes(*self._shapes, weights, moved)
        if tongue_out > 1e-3:
            deformation.bend_tongue(bust.tongue, np.float32(tongue_out), moved)
        points = self._rest.copy()
        points[:count] += moved * self._scale
        eyes = [
            eye.turn(points, gaze, float(expressions[bust.rig.expression(f"eyeBlink_{side}")]))
            for side, eye in self._eyes.items()
        ]
        deformation.follow_anchors(
            points, self._rest, self._anchored, subject.anchors, subject.anchor_weights, np.int64(count)
        )
        deformation.rotate_points(points, subject.head_weight, rotation, NECK_JOINT, translation)
        normals = np.zeros_like(points)
        deformation.vertex_normals(points, self._bust_triangles, normals)
        attached_weight = subject.head_weight[count:]
        deformation.rotate_directions(self._attached_normals, attached_weight, rotation, normals[count:])
        tangents = np.empty_like(subject.hair_tangents)
        deformation.rotate_directions(subject.hair_tangents, attached_weight, rotation, tangents)
        head = deformation.rotation_matrix(rotation)
        left, right = (
            Eye(
                center=(head @ (eye.center - NECK_JOINT) + NECK_JOINT + translation).astype(np.float32),
                axes=(eye.axes @ head.T).astype(np.float32),
                radius=eye.radius,
            )
            for eye in eyes
        )
        shown = np.asarray(expressions[:-1], np.float32)
        return Posed(points, normals, tangents, (left, right), shown, tongue_out, translation)

    def _rest_normals(self) -> np.ndarray:
        """(V - B, 3) float32: hair's given normals, and those of glasses and fabric from their surface."""
        bust, subject = self._bust, self._subject
        count = len(bust.rest)
        normals = np.zeros_like(subject.rest, np.float32)
        solid = subject.triangles[np.isin(subject.materials, (Material.FRAME, Material.FABRIC))]
        deformation.vertex_normals(self._rest, np.ascontiguousarray(solid), normals)
        given = subject.hair_normals.any(axis=1)
        return np.where(given[:, None], subject.hair_normals, normals[count:]).astype(np.float32)


def expression_shapes(bust: Bust) -> SparseShapes:
    """The rig's expressions without the many displacements that are too small to see."""
    return deformation.sparse_shapes(bust.rig.expressions)


def _expression_weights(bust: Bust, expressions: np.ndarray, gaze: np.ndarray) -> np.ndarray:
    """(E,) float32: the motion's weights, but the lids follow the gaze and closed lids stay closed."""
    rig = bust.rig
    weights = np.array(expressions, np.float32)
    yaw, pitch = float(gaze[0]), float(gaze[1])
    for side, outwards in (("L", 1), ("R", -1)):
        opened = 1 - np.clip(weights[rig.expression(f"eyeBlink_{side}")], 0, 1)
        for shape, amount in (
            ("eyeLookOut", yaw * outwards / _FULL_YAW),
            ("eyeLookIn", -yaw * outwards / _FULL_YAW),
            ("eyeLookUp", pitch / _FULL_PITCH),
            ("eyeLookDown", -pitch / _FULL_PITCH),
        ):
            weights[rig.expression(f"{shape}_{side}")] = opened * np.clip(amount, 0, 1)
    return weights


def _exaggeration(subject: Subject, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The local scales in one: (count, 3) float32 factor and offset of each of the first `count` vertices."""
    factor, offset = np.ones((count, 3)), np.zeros((count, 3))
    for local in subject.local_scales:
        step = local.weight[:count, None] * local.axes
        factor, offset = factor * (1 + step), offset * (1 + step) - step * local.center
    return factor.astype(np.float32), offset.astype(np.float32)
