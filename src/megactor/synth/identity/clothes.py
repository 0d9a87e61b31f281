"""Clothes: how the torso is painted, how thick the cloth is, and collars of their own."""

import numpy as np

from megactor.synth.bust import Bust, smoothstep
from megactor.synth.identity.attached import Attached, attach, grid_triangles, join, surface_normals, turning_weight
from megactor.synth.identity.traits import ClothesTraits
from megactor.synth.regions import cloth_distance
from megactor.synth.subject import ClothesLook, Material

_CLOTH_THICKNESS = 0.45
_AROUND = 72
"""Columns of a collar, from straight ahead to the person's left and round the neck."""
_AXIS_Z = -1.5
"""The neck's axis is at x = 0 and this z."""


def clothes_look(clothes: ClothesTraits, hat: tuple[float, float, float] | None, hat_height: float) -> ClothesLook:
    """What the renderer paints."""
    return ClothesLook(
        pattern=clothes.pattern,
        scale=clothes.scale,
        colors=clothes.colors,
        neckline=clothes.neckline,
        neck_v=clothes.neck_v,
        neck_width=clothes.neck_width,
        hat=hat,
        hat_height=hat_height,
    )


def thicken(bust: Bust, rest: np.ndarray, look: ClothesLook) -> np.ndarray:
    """(B, 3) the rest shape with the cloth's thickness on the torso."""
    covered = smoothstep(cloth_distance(bust.rest, look), -0.05, 0.5) * (1 - smoothstep(bust.rest[:, 1], -10, -8))
    normals = surface_normals(rest, bust.triangles)
    return (rest + normals * (_CLOTH_THICKNESS * covered)[:, None]).astype(np.float32)


class _Neck:
    """The neck and shoulders as a height-dependent outline: where a collar can stand.

    Args:
        bust: for the canonical positions.
        rest: (B, 3) the identity with its clothes' thickness.
    """

    def __init__(self, bust: Bust, rest: np.ndarray) -> None:
        near = (bust.rest[:, 1] > -24) & (bust.rest[:, 1] < -5) & (np.abs(bust.rest[:, 0]) < 16)
        surface = np.unique(bust.triangles[np.isin(bust.materials, (Material.SKIN, Material.HEAD, Material.CLOTH))])
        chosen = surface[near[surface]]
        points = rest[chosen].astype(np.float64)
        angle = np.arctan2(points[:, 0], points[:, 2] - _AXIS_Z)
        self._column = np.round((angle / (2 * np.pi)) * _AROUND).astype(int) % _AROUND
        self._height, self._radius = points[:, 1], np.hypot(points[:, 0], points[:, 2] - _AXIS_Z)

    def radius(self, heights: np.ndarray) -> np.ndarray:
        """(_AROUND,) distance of the surface from the axis at a height for each column."""
        found = np.zeros(_AROUND)
        for column in range(_AROUND):
            near = np.isin(self._column, [(column + step) % _AROUND for step in (-1, 0, 1)])
            order = np.argsort(self._height[near])
            if not order.size:
                found[column] = np.nan
                continue
            found[column] = np.interp(heights[column], self._height[near][order], self._radius[near][order])
        filled = np.where(np.isnan(found), np.nanmean(found), found)
        return np.convolve(np.tile(filled, 3), [0.25, 0.5, 0.25], "same")[_AROUND : 2 * _AROUND]


def build_collar(bust: Bust, rest: np.ndarray, clothes: ClothesTraits) -> Attached | None:
    """The collar as cloth of its own; None for a plain neckline.

    Args:
        bust: for the neck's place.
        rest: (B, 3) the identity with its clothes' thickness.
        clothes: which collar.
    """
    builder = _COLLARS.get(clothes.collar)
    if builder is None:
        return None
    positions, triangles = builder(_Neck(bust, rest), clothes)
    shade = 1 + 0.06 * np.sin(positions @ [3.0, 5.0, 4.0])
    colors = np.clip(np.array(clothes.collar_color) * shade[:, None], 0.001, 1)
    return attach(positions, triangles, Material.FABRIC, colors, turning_weight(positions))


_Mesh = tuple[np.ndarray, np.ndarray]
_ANGLES = np.arange(_AROUND) / _AROUND * 2 * np.pi


def _ring(neck: _Neck, heights: np.ndarray, gap: np.ndarray | float) -> np.ndarray:
    """(_AROUND, 3) a ring round the neck at a height and a distance from its surface for each column."""
    radius = neck.radius(heights) + gap
    return np.stack([radius * np.sin(_ANGLES), heights, radius * np.cos(_ANGLES) + _AXIS_Z], axis=1)


def _rings(rings: list[np.ndarray]) -> _Mesh:
    return np.concatenate(rings), grid_triangles(len(rings), _AROUND, False, True)


def _neckline(clothes: ClothesTraits) -> np.ndarray:
    """(_AROUND,) height of the neckline over the columns: lower in front, up at the nape."""
    front = np.cos(_ANGLES)
    return clothes.neckline + 1.6 - 1.6 * front - clothes.neck_v * np.clip(front - 0.55, 0, 1) / 0.45


def _ribbed(neck: _Neck, clothes: ClothesTraits) -> _Mesh:
    """A knitted band along the neckline."""
    line = _neckline(clothes)
    profile = [(-0.75, 0.3), (-0.55, 0.6), (0, 0.72), (0.5, 0.6), (0.75, 0.25), (0.7, -0.2)]
    return _rings([_ring(neck, line + rise, gap) for rise, gap in profile])


def _turtleneck(neck: _Neck, clothes: ClothesTraits) -> _Mesh:
    """A tube up the neck, folded over."""
    top = -9.4 + 0.6 * np.cos(_ANGLES + np.pi)
    bottom = _neckline(clothes) - 0.8
    rings = [
        _ring(neck, bottom + (top - 0.2 - bottom) * t, 0.25 + 0.15 * np.sin(np.pi * t)) for t in (0, 0.3, 0.6, 0.9)
    ]
    rings += [
        _ring(neck, top, 0.35),
        _ring(neck, top - 0.2, 0.65),
        _ring(neck, top - 2.6, 0.75),
        _ring(neck, top - 2.8, 0.3),
    ]
    return _rings(rings)


def _scarf(neck: _Neck, clothes: ClothesTraits) -> _Mesh:
    """Cloth wound round the neck: two fat rolls."""
    parts = []
    for height, size, phase in ((-13.6, 1.5, 0.0), (-11.9, 1.25, 2.0)):
        wave = 0.3 * np.sin(2 * _ANGLES + phase) + 0.15 * np.sin(5 * _ANGLES + phase)
        turns = np.linspace(0, 2 * np.pi, 9)
        rings = [
            _ring(neck, height + wave + size * np.sin(turn), 0.6 + size * 0.6 * (1 + np.cos(turn))) for turn in turns
        ]
        parts.append(_rings(rings))
    return join(parts)


def _hood(neck: _Neck, clothes: ClothesTraits) -> _Mesh:
    """A hood lying on the back, its edge running down to the chest."""
    behind = (1 - np.cos(_ANGLES)) / 2
    line = _neckline(clothes)
    profile = [(-0.9, 0.2), (-0.6, 1.0), (0.6, 1.3), (1.6, 0.8), (1.3, 0.2), (0.0, -0.1)]
    rings = [
        _ring(neck, line + rise * (0.5 + 1.1 * behind), 0.15 + gap * (0.4 + 2.2 * behind)) for rise, gap in profile
    ]
    return _rings(rings)


def _shirt(neck: _Neck, clothes: ClothesTraits) -> _Mesh:
    """A collar that stands round the neck, folds over and ends in two points in front."""
    front = np.cos(_ANGLES)
    # the band opens in front: its ends are the columns beside the middle
    opening = np.abs(np.angle(np.exp(1j * _ANGLES)))
    base = -13.9 + 1.1 * (1 - front) / 2 - 1.2 * np.exp(-((opening / 0.45) ** 2))
    top = base + 2.0 + 0.5 * (1 - front) / 2 - 0.5 * np.exp(-((opening / 0.4) ** 2))
    point = 1.9 * np.exp(-(((opening - 0.42) / 0.3) ** 2))
    tip = top - 2.5 - point
    rings = [
        _ring(neck, base, 0.15),
        _ring(neck, (base + top) / 2, 0.3),
        _ring(neck, top, 0.45),
        _ring(neck, top - 0.1, 0.7),
        _ring(neck, (top + tip) / 2, 0.75),
        _ring(neck, tip, 0.5),
    ]
    positions, triangles = _rings(rings)
    columns = triangles % _AROUND
    middle = np.minimum(columns, _AROUND - columns) <= 1
    return positions, triangles[~middle.any(axis=1)]


_COLLARS = {"ribbed": _ribbed, "turtleneck": _turtleneck, "scarf": _scarf, "hood": _hood, "shirt": _shirt}
