"""Loops over vertices: add shapes, bend the tongue, follow the skin, turn with the head, normals.

All are written without BLAS, whose sums differ from machine to machine.
"""
# mypy: disallow-untyped-defs=false

import math
from typing import NamedTuple

import numpy as np

from megactor.synth.jit import kernel

_INVISIBLE = 1e-3
"""Displacements below this, in rig units, are dropped: less than a hundredth of a pixel at 512 x 512."""


class SparseShapes(NamedTuple):
    """Blend shapes that store only what they move.

    starts: (E + 1,) int64, shape e has the entries starts[e] to starts[e + 1].
    vertices: (N,) int32.
    displacements: (N, 3) float32 at weight 1.
    """

    starts: np.ndarray
    vertices: np.ndarray
    displacements: np.ndarray


def sparse_shapes(shapes: np.ndarray) -> SparseShapes:
    """From dense (E, V, 3) displacements."""
    moved = np.abs(shapes).max(axis=2) > _INVISIBLE
    starts = np.concatenate([[0], np.cumsum(moved.sum(axis=1))]).astype(np.int64)
    return SparseShapes(starts, np.nonzero(moved)[1].astype(np.int32), np.ascontiguousarray(shapes[moved], np.float32))


@kernel
def add_shapes(starts, vertices, displacements, weights, points):
    """Points += the sum of weights[e] * shape e; `weights` is (E,), `points` (>= V, 3), both float32."""
    for e in range(weights.shape[0]):
        weight = weights[e]
        if abs(weight) < 1e-3:
            continue
        for k in range(starts[e], starts[e + 1]):
            v = vertices[k]
            points[v, 0] += weight * displacements[k, 0]
            points[v, 1] += weight * displacements[k, 1]
            points[v, 2] += weight * displacements[k, 2]


@kernel
def bend_tongue(tongue, out, points):
    """Moves the tongue forward over the lower lip and down; `tongue` is (B,) from root to tip, `out` in [0, 1]."""
    for v in range(tongue.shape[0]):
        t = tongue[v]
        if t > 0:
            arch = 0.45 * math.sin(t * math.pi) - 1.6 * t**2.5 + 0.35 * t
            points[v, 1] += out * np.float32(arch)
            points[v, 2] += out * np.float32(4.2 * t**1.1)


@kernel
def follow_anchors(points, rest, anchored, anchors, weights, first):
    """Adds to points[first + i] for each i in `anchored` the weighted displacement of its three anchors."""
    for k in range(anchored.shape[0]):
        i = anchored[k]
        for corner in range(3):
            v, weight = anchors[i, corner], weights[i, corner]
            for axis in range(3):
                points[first + i, axis] += weight * (points[v, axis] - rest[v, axis])


@kernel
def rotation_matrix(vector):
    """(3, 3) matrix of an axis-angle vector in radians."""
    angle = math.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2)
    x, y, z = vector[0] / (angle + 1e-12), vector[1] / (angle + 1e-12), vector[2] / (angle + 1e-12)
    c, s = math.cos(angle), math.sin(angle)
    d = 1 - c
    matrix = np.empty((3, 3), np.float64)
    matrix[0, 0], matrix[0, 1], matrix[0, 2] = c + x * x * d, x * y * d - z * s, x * z * d + y * s
    matrix[1, 0], matrix[1, 1], matrix[1, 2] = x * y * d + z * s, c + y * y * d, y * z * d - x * s
    matrix[2, 0], matrix[2, 1], matrix[2, 2] = x * z * d - y * s, y * z * d + x * s, c + z * z * d
    return matrix


@kernel
def rotate_points(points, weights, rotation, pivot, translation):
    """Turns each point in place about `pivot` by its weight's part of the axis-angle `rotation`, then moves all."""
    full = rotation_matrix(rotation).astype(np.float32)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0] - pivot[0], points[i, 1] - pivot[1], points[i, 2] - pivot[2]
        weight = weights[i]
        if weight == 1:
            points[i, 0] = full[0, 0] * x + full[0, 1] * y + full[0, 2] * z
            points[i, 1] = full[1, 0] * x + full[1, 1] * y + full[1, 2] * z
            points[i, 2] = full[2, 0] * x + full[2, 1] * y + full[2, 2] * z
        elif weight == 0:
            points[i, 0], points[i, 1], points[i, 2] = x, y, z
        else:
            points[i, 0], points[i, 1], points[i, 2] = _rotated(x, y, z, rotation, weight)
        for axis in range(3):
            points[i, axis] += pivot[axis] + translation[axis]


@kernel
def rotate_directions(directions, weights, rotation, turned):
    """Writes to `turned` each direction turned by its weight's part of the axis-angle `rotation`."""
    full = rotation_matrix(rotation).astype(np.float32)
    for i in range(directions.shape[0]):
        x, y, z = directions[i, 0], directions[i, 1], directions[i, 2]
        if weights[i] == 1:
            turned[i, 0] = full[0, 0] * x + full[0, 1] * y + full[0, 2] * z
            turned[i, 1] = full[1, 0] * x + full[1, 1] * y + full[1, 2] * z
            turned[i, 2] = full[2, 0] * x + full[2, 1] * y + full[2, 2] * z
        elif weights[i] == 0:
            turned[i, 0], turned[i, 1], turned[i, 2] = x, y, z
        else:
            turned[i, 0], turned[i, 1], turned[i, 2] = _rotated(x, y, z, rotation, weights[i])


@kernel
def _rotated(x, y, z, rotation, weight):
    """Rodrigues' formula for a part of a rotation."""
    angle = math.sqrt(rotation[0] ** 2 + rotation[1] ** 2 + rotation[2] ** 2) + np.float32(1e-12)
    kx, ky, kz = rotation[0] / angle, rotation[1] / angle, rotation[2] / angle
    c, s = math.cos(angle * weight), math.sin(angle * weight)
    along = (kx * x + ky * y + kz * z) * (1 - c)
    return (
        x * c + (ky * z - kz * y) * s + kx * along,
        y * c + (kz * x - kx * z) * s + ky * along,
        z * c + (kx * y - ky * x) * s + kz * along,
    )


@kernel
def vertex_normals(points, triangles, normals):
    """Writes unit normals, weighted by area, of the vertices of `triangles`; others are left alone."""
    for t in range(triangles.shape[0]):
        for corner in range(3):
            v = triangles[t, corner]
            normals[v, 0] = normals[v, 1] = normals[v, 2] = 0
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            normals[v, 0] += nx
            normals[v, 1] += ny
            normals[v, 2] += nz
    for v in range(points.shape[0]):
        length = math.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2)
        if length > 0:
            normals[v, 0] /= length
            normals[v, 1] /= length
            normals[v, 2] /= length
