"""Glasses: two rims, a bridge, and temples that reach the ears."""

import numpy as np

from megactor.synth.anatomy.bust import Bust
from megactor.synth.anatomy.subject import Lenses, Material
from megactor.synth.identity.attached import Attached, attach, join, tube
from megactor.synth.identity.traits import GlassesTraits, LensTraits

_UPPER_LIDS = [37, 38, 43, 44]
_IN_FRONT_OF_LIDS = 0.9
_FARTHEST = 2.0
"""In front of that, at most, for noses that reach out."""
_NEAR = 0.35
"""Skin that is this near to the frame, seen from the front, may not come through it."""
_BRIDGE, _RIM, _TEMPLE = 7, 36, 8
"""Points along the bridge, round a lens and along a temple."""
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
    height = float(eyes[0][1] + eyes[1][1]) / 2 - 0.35
    rims = [_rim(float(eye[0]) + 0.1 * side, height, glasses) for side, eye in zip((1, -1), eyes, strict=True)]
    bridge = _arc(
        np.array([rims[1][:, 0].max(), height + 0.3, 0]),
        np.array([rims[0][:, 0].min(), height + 0.3, 0]),
        np.array([0, 0.35, 0.25]),
        _BRIDGE,
    )
    front = _depth_before_the_face(bust, rest, np.concatenate([*rims, bridge])) + glasses.thickness
    forwards = np.array([0, 0, front])
    parts = [tube(bridge + forwards, 0.9 * glasses.thickness, closed=False)]
    for side, rim in zip((1, -1), rims, strict=True):
        parts.append(tube(rim + forwards, glasses.thickness, closed=True))
        hinge = rim[np.argmax(side * rim[:, 0])] + forwards
        hinge[1] += 0.5
        ear = np.array([side * max(_EAR[0], abs(hinge[0]) + 0.3), height + _EAR[1], _EAR[2]])
        parts.append(
            tube(_arc(hinge, ear, np.array([0.4 * side, 0, 0]), _TEMPLE), 0.9 * glasses.thickness, closed=False)
        )
    positions, triangles = join(parts)
    return attach(positions, triangles, Material.FRAME, np.array(glasses.color), 1.0)


def lenses_of(lenses: LensTraits, start: int) -> Lenses:
    """The lenses of what `build_glasses` made, whose vertices are the subject's from number `start` on."""
    sides = 6  # of a tube
    rims, first = [], start + _BRIDGE * sides
    for _ in range(2):
        rims.append(first + np.arange(_RIM * sides).reshape(_RIM, sides))
        first += (_RIM + _TEMPLE) * sides
    return Lenses((rims[0], rims[1]), lenses.window, lenses.strength, lenses.bars, lenses.sheen, lenses.color)


def _rim(middle: float, height: float, glasses: GlassesTraits) -> np.ndarray:
    """(N, 3) outline of a lens; z is how far it lies behind the middle of the glasses, which follow the face."""
    turn = np.linspace(0, 2 * np.pi, _RIM, endpoint=False)
    power = 2 / glasses.exponent
    x = middle + np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power * glasses.half_width
    y = height + np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power * glasses.half_height
    return np.stack([x, y, -0.021 * (np.abs(x) - 2.0) ** 2], axis=1)


def _depth_before_the_face(bust: Bust, rest: np.ndarray, frame: np.ndarray) -> float:
    """Where the middle of the glasses must be for the lids to move freely and no nose to come through."""
    lids = float(rest[bust.rig.landmarks[_UPPER_LIDS], 2].max()) + _IN_FRONT_OF_LIDS
    skin = rest[np.unique(bust.triangles[bust.materials == Material.SKIN])]
    skin = skin[skin[:, 2] > lids - 4]
    apart = np.linalg.norm(frame[:, None, :2] - skin[None, :, :2], axis=2)
    surface = np.where(apart < _NEAR, skin[None, :, 2], -np.inf).max(axis=1, initial=-np.inf)
    return min(max(lids, float((surface - frame[:, 2]).max()) + 0.05), lids + _FARTHEST)


def _arc(start: np.ndarray, end: np.ndarray, bulge: np.ndarray, count: int) -> np.ndarray:
    t = np.linspace(0, 1, count)[:, None]
    return start * (1 - t) + end * t + bulge * np.sin(np.pi * t)
