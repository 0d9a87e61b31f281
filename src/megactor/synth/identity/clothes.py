"""Clothes: how the torso is painted, how thick the cloth is, and collars of their own."""

import numpy as np
from scipy.spatial import cKDTree

from megactor.synth.anatomy.bust import Bust, smoothstep
from megactor.synth.anatomy.regions import cloth_distance
from megactor.synth.anatomy.subject import ClothesLook, Material
from megactor.synth.identity.attached import Attached, attach, grid_triangles, join, surface_normals
from megactor.synth.identity.traits import ClothesTraits

_CLOTH_THICKNESS = 0.45
_AROUND = 72
"""Columns of a collar, from straight ahead to the person's left and round the neck."""
_ANGLES = np.arange(_AROUND) / _AROUND * 2 * np.pi
_AXIS_Z = -1.5
"""The neck's axis is at x = 0 and this z."""
_REACH = 6.0
_DEPTHS = np.linspace(-_REACH, _REACH, 25)
"""Depths below the neckline at which the surface is measured."""
_NEIGHBORS = 6


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
    """The surface round the neck, unrolled: for each direction a line that runs down over the neckline.

    Args:
        bust: for the canonical positions.
        rest: (B, 3) the identity with its clothes' thickness.
        look: whose neckline it is.
    """

    def __init__(self, bust: Bust, rest: np.ndarray, look: ClothesLook) -> None:
        surface = np.unique(bust.triangles[np.isin(bust.materials, (Material.SKIN, Material.HEAD, Material.CLOTH))])
        depth = cloth_distance(bust.rest[surface], look)
        near = (np.abs(depth) < _REACH + 1) & (bust.rest[surface, 1] < -5)
        points = rest[surface[near]].astype(np.float64)
        column = np.round(np.arctan2(points[:, 0], points[:, 2] - _AXIS_Z) / (2 * np.pi) * _AROUND).astype(int)
        outline = np.stack([np.hypot(points[:, 0], points[:, 2] - _AXIS_Z), points[:, 1]], axis=1)
        lines = _averaged(column % _AROUND, depth[near], outline)
        steps = np.linalg.norm(np.diff(lines, axis=1), axis=2)
        length = np.concatenate([np.zeros((_AROUND, 1)), np.cumsum(steps, axis=1)], axis=1)
        self._lines = lines
        self._length = length - length[:, [len(_DEPTHS) // 2]]

    def ring(self, along: np.ndarray | float, away: np.ndarray | float) -> np.ndarray:
        """(_AROUND, 3) points at a distance along the surface from the neckline, and away from the surface.

        Args:
            along: rig units downwards, negative is up the neck; one or (_AROUND,).
            away: rig units; one or (_AROUND,).
        """
        along = np.broadcast_to(along, _AROUND)
        here, above, below = (self._on_surface(along + step) for step in (0, -0.5, 0.5))
        slope = below - above
        normal = np.stack([-slope[:, 1], slope[:, 0]], axis=1)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        radius, height = (here + normal * np.broadcast_to(away, _AROUND)[:, None]).T
        return np.stack([radius * np.sin(_ANGLES), height, radius * np.cos(_ANGLES) + _AXIS_Z], axis=1)

    def _on_surface(self, along: np.ndarray) -> np.ndarray:
        """(_AROUND, 2) radius and height; beyond the lines' ends they go straight on."""
        found = np.empty((_AROUND, 2))
        for column in range(_AROUND):
            line, length = self._lines[column], self._length[column]
            at = [np.interp(along[column], length, line[:, axis]) for axis in range(2)]
            over = min(0.0, along[column] - length[0])
            found[column] = at + over * np.array([0, -1.0])
        return found


def _averaged(column: np.ndarray, depth: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """(_AROUND, depths, 2) radius and height of the surface at each angle and depth below the neckline."""
    bins = np.clip(np.round((depth - _DEPTHS[0]) / (_DEPTHS[1] - _DEPTHS[0])).astype(int), 0, len(_DEPTHS) - 1)
    total = np.zeros((_AROUND, len(_DEPTHS), 3))
    np.add.at(total, (column, bins), np.column_stack([outline, np.ones(len(outline))]))
    total = _blurred(total, 2)
    lines = np.empty((_AROUND, len(_DEPTHS), 2))
    angles = np.arange(_AROUND)
    seen = angles[(total[..., 2] > 1e-6).any(axis=1)]
    # a steep neckline may leave an angle without a single point: it takes those of the nearest angle that has some
    apart = np.abs(angles[:, None] - seen)
    total = total[seen[np.minimum(apart, _AROUND - apart).argmin(axis=1)]]
    for index in range(_AROUND):
        known = total[index, :, 2] > 1e-6
        for axis in range(2):
            means = total[index, known, axis] / total[index, known, 2]
            lines[index, :, axis] = np.interp(_DEPTHS, _DEPTHS[known], means)
    return _blurred(lines, 4)


def _blurred(rings: np.ndarray, times: int) -> np.ndarray:
    for _ in range(times):
        rings = (np.roll(rings, 1, axis=0) + 2 * rings + np.roll(rings, -1, axis=0)) / 4
    return rings


def build_collar(bust: Bust, rest: np.ndarray, clothes: ClothesTraits, look: ClothesLook) -> Attached | None:
    """The collar as cloth of its own; None for a plain neckline.

    Args:
        bust: for the neck's place.
        rest: (B, 3) the identity with its clothes' thickness.
        clothes: which collar.
        look: whose neckline it follows.
    """
    builder = _COLLARS.get(clothes.collar)
    if builder is None:
        return None
    positions, triangles = builder(_Neck(bust, rest, look))
    shade = 1 + 0.06 * np.sin(positions @ [3.0, 5.0, 4.0])
    colors = np.clip(np.array(clothes.collar_color) * shade[:, None], 0.001, 1)
    return attach(positions, triangles, Material.FABRIC, colors, _weight_below(bust, rest, positions))


def _weight_below(bust: Bust, rest: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(N,) how far points turn with the head: as the cloth they lie on, or they would sink into it."""
    surface = np.unique(bust.triangles[np.isin(bust.materials, (Material.SKIN, Material.HEAD, Material.CLOTH))])
    distance, nearest = cKDTree(rest[surface]).query(positions, _NEIGHBORS)
    share = 1 / (distance + 0.05) ** 2
    return ((share * bust.head_weight[surface[nearest]]).sum(axis=1) / share.sum(axis=1)).astype(np.float32)


_Mesh = tuple[np.ndarray, np.ndarray]


def _rings(rings: list[np.ndarray]) -> _Mesh:
    return np.concatenate(rings), grid_triangles(len(rings), _AROUND, False, True)


def _ribbed(neck: _Neck) -> _Mesh:
    """A knitted band along the neckline."""
    profile = [(-0.7, -0.1), (-0.75, 0.2), (-0.45, 0.45), (0.2, 0.45), (0.65, 0.3), (0.75, 0.0)]
    return _rings([neck.ring(along, away) for along, away in profile])


def _turtleneck(neck: _Neck) -> _Mesh:
    """A tube up the neck, folded over."""
    profile = [(1.0, 0.0), (0, 0.35), (-1.5, 0.35), (-3.0, 0.4), (-3.3, 0.7), (-2.9, 1.0), (-1.2, 1.05), (-0.7, 0.85)]
    profile.append((-0.7, 0.4))
    return _rings([neck.ring(along, away) for along, away in profile])


def _scarf(neck: _Neck) -> _Mesh:
    """Cloth wound round the neck: two fat rolls."""
    parts = []
    for middle, size, phase in ((1.0, 1.4, 0.0), (-1.3, 1.2, 2.0)):
        wave = 0.35 * np.sin(2 * _ANGLES + phase) + 0.2 * np.sin(5 * _ANGLES + phase)
        turns = np.linspace(0, 2 * np.pi, 10)
        rings = [neck.ring(middle + wave - size * np.sin(turn), 0.55 * size * (1.1 + np.cos(turn))) for turn in turns]
        parts.append(_rings(rings))
    return join(parts)


def _hood(neck: _Neck) -> _Mesh:
    """A hood lying on the back, its edge running down to the chest."""
    behind = (1 - np.cos(_ANGLES)) / 2
    profile = [(0.8, 0.0), (0.9, 0.5), (0.3, 1.1), (-0.5, 1.2), (-1.0, 0.8), (-0.9, 0.3), (-0.3, 0.0)]
    return _rings([neck.ring(along * (0.7 + 0.9 * behind), away * (0.5 + 1.6 * behind**2)) for along, away in profile])


def _shirt(neck: _Neck) -> _Mesh:
    """A collar that stands round the neck, folds over and ends in two points in front."""
    aside = np.abs(np.angle(np.exp(1j * _ANGLES)))
    front = np.exp(-((aside / 0.5) ** 2))
    stand = 1.9 - 1.1 * front
    fold = stand + 0.9 + 1.7 * np.exp(-(((aside - 0.38) / 0.22) ** 2))
    rings = [neck.ring(0.6, 0.1), neck.ring(0.0, 0.25), neck.ring(-0.5 * stand, 0.3), neck.ring(-stand, 0.4)]
    rings += [neck.ring(-stand, 0.65), neck.ring(fold / 2 - stand, 0.85), neck.ring(fold - stand, 0.7)]
    positions, triangles = _rings(rings)
    columns = triangles % _AROUND
    buttoned = (np.minimum(columns, _AROUND - columns) == 0).any(axis=1)
    return positions, triangles[~buttoned]


_COLLARS = {"ribbed": _ribbed, "turtleneck": _turtleneck, "scarf": _scarf, "hood": _hood, "shirt": _shirt}
