"""Hats: a crown that follows the head, and brims."""

import numpy as np

from megactor.synth.anatomy.bust import Bust, smoothstep
from megactor.synth.anatomy.subject import Material
from megactor.synth.identity.attached import Attached, attach, grid_triangles, join
from megactor.synth.identity.head_surface import HEAD_CENTER, HeadSurface
from megactor.synth.identity.traits import HatTraits

_Mesh = tuple[np.ndarray, np.ndarray]

_AROUND, _ROWS = 64, 14
_BAND = (0.0, 0.12, 0.24)
"""Heights of the rows of a felt hat's band, as parts of the hat's."""
_GAP = 0.35
"""Between the head and a hat's rim."""
_TILT = 0.16
"""Rims rise to the front: height gained for every unit of depth."""
_RIM_DEPTH = 6.0
"""Depth at which the rim is at `HatTraits.rim`; it is the forehead's."""


def below_rim(points: np.ndarray, hat: HatTraits) -> np.ndarray:
    """(N,) whether (N, 3) points are visible below the hat; hair above is not drawn."""
    return points[:, 1] < hat.rim + _TILT * (points[:, 2] - _RIM_DEPTH) - 0.35


def build_hat(bust: Bust, rest: np.ndarray, hat: HatTraits) -> Attached:
    """The hat on a head.

    Args:
        bust: for the head's surface.
        rest: (B, 3) the identity at rest.
        hat: which.
    """
    surface = HeadSurface(bust, rest)
    rim = _rim(surface, hat)
    crown = _felt_crown(surface, hat, rim) if hat.kind == "hat" else _crown(surface, hat, rim)
    edge = _cuff(rim) if hat.kind == "beanie" else _brim(rim, hat)
    positions, triangles = join([crown, edge])
    colors = np.tile(np.array(hat.color), (len(positions), 1))
    in_crown = np.arange(len(positions)) < len(crown[0])
    if hat.kind == "hat":
        colors[: len(_BAND) * _AROUND] = hat.band
    elif hat.kind == "beanie":
        colors[~in_crown] = hat.band
    return attach(positions, triangles, Material.FABRIC, colors, 1.0)


def _rim(surface: HeadSurface, hat: HatTraits) -> np.ndarray:
    """(_AROUND, 3) the closed line where the hat ends on the head."""
    angle = np.arange(_AROUND) / _AROUND * 2 * np.pi
    radius = np.full(_AROUND, 9.0)
    points = np.zeros((_AROUND, 3))
    for _ in range(6):  # the rim's height depends on its depth, which depends on the radius there
        z = HEAD_CENTER[2] + radius * np.cos(angle)
        points = np.stack([radius * np.sin(angle), hat.rim + _TILT * (z - _RIM_DEPTH), z], axis=1)
        wall, distance = surface.radius(points)
        radius = radius + 0.8 * (wall + _GAP + 0.25 * hat.depth - distance)
    return points


def _crown(surface: HeadSurface, hat: HatTraits, rim: np.ndarray) -> _Mesh:
    """A dome that follows the head, from the rim to the top."""
    upwards = np.array([0, 1, -0.12])
    rings = []
    for t in np.linspace(0, 1, _ROWS):
        direction = (1 - t) * (rim - HEAD_CENTER) / 9 + t * upwards
        direction = direction / np.linalg.norm(direction, axis=1, keepdims=True)
        wall, _ = surface.radius(HEAD_CENTER + direction)
        stand = _GAP + hat.depth * smoothstep(np.array(t), -0.25, 0.3)
        rings.append(HEAD_CENTER + direction * (wall + stand)[:, None])
    rings[-1][:] = rings[-1].mean(axis=0)
    return np.concatenate(rings), grid_triangles(_ROWS, _AROUND, False, True)


def _felt_crown(surface: HeadSurface, hat: HatTraits, rim: np.ndarray) -> _Mesh:
    """Nearly upright walls and a flat top with a dent."""
    top, _ = surface.radius(HEAD_CENTER[None] + [0, 1.0, 0])
    ceiling = HEAD_CENTER[1] + float(top[0]) + 0.2 + hat.depth
    middle = rim.mean(axis=0)
    wall, lid = 0.86, 0.72
    # the band's upper edge is there twice, once in each color
    profile = [(t, 1 - (1 - wall) * t) for t in (*_BAND, *np.linspace(_BAND[-1], 0.94, _ROWS - 8))]
    profile += [(1.0, wall - 0.06), (0.99, lid), (0.93, lid / 2), (0.9, 0.0)]
    rings = []
    for rise, width in profile:
        ring = middle + (rim - middle) * width
        ring[:, 1] = rim[:, 1] + (ceiling - rim[:, 1]) * rise
        rings.append(ring)
    return np.concatenate(rings), grid_triangles(len(rings), _AROUND, False, True)


def _cuff(rim: np.ndarray) -> _Mesh:
    """The turned-up edge of a knitted hat."""
    outwards = rim - HEAD_CENTER
    outwards[:, 1] = 0
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    profile = [(0.0, 0.0), (-0.1, 0.5), (0.9, 0.85), (1.9, 0.75), (2.0, 0.1)]
    rings = [rim + outwards * out - outwards * 0.14 * max(rise, 0) + [0, rise, 0] for rise, out in profile]
    return np.concatenate(rings), grid_triangles(len(rings), _AROUND, False, True)


def _brim(rim: np.ndarray, hat: HatTraits) -> _Mesh:
    """All round a hat, in front only on a cap; both sides of it."""
    outwards = rim - HEAD_CENTER
    outwards[:, 1] = 0
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    front = outwards[:, 2]
    if hat.kind == "cap":
        width, droop = 6.0 * smoothstep(front, 0.45, 0.95), 0.18
    else:
        width, droop = np.full(_AROUND, 4.5), -0.05
    rings = []
    for part, rise in ((0, 0.1), (0.35, 0.1), (0.7, 0.1), (1, 0.05), (1, -0.05), (0.5, -0.1), (0, -0.1)):
        out = outwards * (width * part)[:, None]
        curve = -droop * width * part**1.5 - (0.5 * (1 - front) * width * part * 0.3 if hat.kind == "cap" else 0)
        rings.append(rim + out + np.stack([np.zeros(_AROUND), curve + rise, np.zeros(_AROUND)], axis=1))
    return np.concatenate(rings), grid_triangles(len(rings), _AROUND, False, True)
