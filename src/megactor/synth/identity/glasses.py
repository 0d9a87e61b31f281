"""Glasses: two rims, a bridge, and temples that reach the ears."""

import numpy as np

from megactor.synth.bust import Bust
from megactor.synth.identity.attached import Attached, attach, join, tube
from megactor.synth.identity.traits import GlassesTraits
from megactor.synth.subject import Material

_UPPER_LIDS = [37, 38, 43, 44]
_IN_FRONT_OF_LIDS = 0.9
_EAR = np.array([7.9, 0.6, -0.5])
"""Where temples rest: x from the middle, y from the lenses' center, z."""


def build_glasses(bust: Bust, rest: np.ndarray, glasses: GlassesTraits) -> Attached:
    """Glasses fitted to a face.

    Args:
        bust: for the eyes' place.
        rest: (B, 3) the identity at rest.
        glasses: their shape.
    """
    eyes = [rest[bust.rig.vertices_of(f"sclera{side}")].mean(axis=0) for side in "LR"]
    front = float(rest[bust.rig.landmarks[_UPPER_LIDS], 2].max()) + _IN_FRONT_OF_LIDS
    height = (eyes[0][1] + eyes[1][1]) / 2 - 0.35

    def depth(x: np.ndarray | float) -> np.ndarray | float:
        """Frames follow the face's curve."""
        return front - 0.021 * (np.abs(x) - 2.0) ** 2

    turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    power = 2 / glasses.exponent
    parts = []
    inner = []
    for side, eye in zip((1, -1), eyes, strict=True):
        middle = eye[0] + 0.1 * side
        x = middle + np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power * glasses.half_width
        y = height + np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power * glasses.half_height
        parts.append(tube(np.stack([x, y, depth(x)], axis=1), glasses.thickness, closed=True))
        hinge_x = middle + side * glasses.half_width
        hinge = np.array([hinge_x, height + 0.5, depth(hinge_x)])
        ear = np.array([side * max(_EAR[0], abs(hinge_x) + 0.3), height + _EAR[1], _EAR[2]])
        parts.append(tube(_arc(hinge, ear, np.array([0.4 * side, 0, 0]), 8), 0.9 * glasses.thickness, closed=False))
        inner.append(middle - side * glasses.half_width)
    left, right = (np.array([x, height + 0.3, front]) for x in inner)
    parts.append(tube(_arc(right, left, np.array([0, 0.35, 0.25]), 7), 0.9 * glasses.thickness, closed=False))
    positions, triangles = join(parts)
    return attach(positions, triangles, Material.FRAME, np.array(glasses.color), 1.0)


def _arc(start: np.ndarray, end: np.ndarray, bulge: np.ndarray, count: int) -> np.ndarray:
    t = np.linspace(0, 1, count)[:, None]
    return start * (1 - t) + end * t + bulge * np.sin(np.pi * t)
