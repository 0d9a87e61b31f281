"""Light: the shadow of the first lamp, diffuse and specular reflection, the glow of the surroundings."""
# mypy: disallow-untyped-defs=false

import math
from typing import NamedTuple

import numpy as np

from megactor.synth.jit import inlined, kernel
from megactor.synth.render import raster
from megactor.synth.render.occlusion import occlusion_at

_SHADOW_SIZE = 256
_SHADOW_EXTENT = 52.0
"""Side of the square that the shadow map covers, rig units."""
_SHADOW_CENTER = np.array([0.0, -3.0, 2.0])


class Light(NamedTuple):
    """What reaches the surfaces, as the shader takes it.

    lamps: (L, 6) float32 unit direction towards the lamp and linear RGB; the first casts shadows.
    ambient: (3, 9) float32, see `Scene.ambient`.
    shadow_map: (N, N) float32, distance along the first lamp's rays of the nearest surface, inf where there is none.
    shadow_view: (3, 4) float32, world to column, row and distance in the map.
    openness, openness_distance, openness_step: from `ambient_occlusion`.
    """

    lamps: np.ndarray
    ambient: np.ndarray
    shadow_map: np.ndarray
    shadow_view: np.ndarray
    openness: np.ndarray
    openness_distance: np.ndarray
    openness_step: int


def shadow_view(direction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(3, 4) float32: an orthographic view along the rays of a lamp.

    Args:
        direction: (3,) towards the lamp.
        target: (3,) world point that is shown in the middle.
    """
    z = direction / np.linalg.norm(direction)
    x = np.cross([0, 1, 0] if abs(z[1]) < 0.99 else [1, 0, 0], z)
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    scale = _SHADOW_SIZE / _SHADOW_EXTENT
    rotation = np.stack([x * scale, -y * scale, -z])
    offset = np.array([_SHADOW_SIZE / 2, _SHADOW_SIZE / 2, 0]) - rotation @ target
    return np.column_stack([rotation, offset]).astype(np.float32)


def cast_shadow(
    positions: np.ndarray, direction: np.ndarray, triangles: np.ndarray, casters: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draws the shadow map.

    Args:
        positions: (V, 3) float32.
        direction: (3,) towards the lamp.
        triangles: (T, 3) int32.
        casters: indices of the triangles that throw shadows, (M,) int32.
        shift: (3,) how far the subject has moved from its place.

    Returns:
        shadow_map and shadow_view of `Light`.
    """
    view = shadow_view(np.asarray(direction, np.float64), _SHADOW_CENTER + shift)
    seen = np.empty_like(positions)
    _look(positions, view, seen)
    depth = np.full((_SHADOW_SIZE, _SHADOW_SIZE), np.inf, np.float32)
    ids = np.empty((_SHADOW_SIZE, _SHADOW_SIZE), np.int32)
    both_sides = np.ones(len(triangles), np.bool_)
    raster.draw(
        raster.corners(seen),
        seen[:, 2].copy(),
        triangles,
        casters,
        both_sides,
        raster.nothing_hidden(depth),
        depth,
        ids,
    )
    return depth, view


@kernel
def _look(points, view, seen):
    for i in range(points.shape[0]):
        for axis in range(3):
            seen[i, axis] = (
                view[axis, 0] * points[i, 0]
                + view[axis, 1] * points[i, 1]
                + view[axis, 2] * points[i, 2]
                + view[axis, 3]
            )


@inlined
def lit_part(light, x, y, z, bias):
    """How much of the first lamp a point sees: 3 x 3 map texels, weighted by how near they are.

    Args:
        light: `Light`.
        x: of the point in the world.
        y: of the point.
        z: of the point.
        bias: distance in front of the point within which nothing shades it.
    """
    view, shadow_map = light.shadow_view, light.shadow_map
    column = view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3]
    row = view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3]
    distance = view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + view[2, 3] - bias
    i, j = int(row), int(column)
    if i < 2 or j < 2 or i >= shadow_map.shape[0] - 2 or j >= shadow_map.shape[1] - 2:
        return 1.0
    fy, fx = row - i - 0.5, column - j - 0.5
    lit, total = 0.0, 0.0
    for di in range(-1, 2):
        weight_y = 1 - abs(di - fy) * 0.6
        for dj in range(-1, 2):
            weight = weight_y * (1 - abs(dj - fx) * 0.6)
            total += weight
            if shadow_map[i + di, j + dj] > distance:
                lit += weight
    return lit / total


@inlined
def ambient_light(ambient, channel, nx, ny, nz):
    """Light from all around that falls on a normal, in one color channel."""
    a = ambient[channel]
    glow = a[0] + a[1] * ny + a[2] * nz + a[3] * nx + a[4] * nx * ny + a[5] * ny * nz
    glow += a[6] * (3 * nz * nz - 1) + a[7] * nx * nz + a[8] * (nx * nx - ny * ny)
    return max(glow, 0.0)


@inlined
def openness_at(light, x, y, distance):
    """Ambient occlusion at a sample whose surface is `distance` away."""
    return occlusion_at(light.openness, light.openness_distance, light.openness_step, x, y, distance)


@inlined
def inverse_length(x, y, z):
    """1 / |v|, finite for zero."""
    return 1 / math.sqrt(x * x + y * y + z * z + 1e-12)
