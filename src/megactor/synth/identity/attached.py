"""What is fixed to a bust: hair, glasses, hats, collars; meshes that the assembled subject appends to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from megactor.synth.anatomy.bust import smoothstep
from megactor.synth.anatomy.subject import Material

_STIFF, _TURNING = -17.0, -6.5


@dataclass(frozen=True)
class Attached:
    """A mesh of one material, N vertices and T triangles.

    positions: (N, 3) on the identity at rest.
    triangles: (T, 3).
    material: of all triangles.
    colors: (N, 3) linear RGB.
    head_weight: (N,) 1 = turns with the head.
    normals: (N, 3).
    tangents: (N, 3) direction of hair, zero for others.
    anchors, anchor_weights: (N, 3) rig vertices whose movement is followed, weights zero where only the head is.
    casts_shadow: (T,) bool.
    """

    positions: np.ndarray
    triangles: np.ndarray
    material: Material
    colors: np.ndarray
    head_weight: np.ndarray
    normals: np.ndarray
    tangents: np.ndarray
    anchors: np.ndarray
    anchor_weights: np.ndarray
    casts_shadow: np.ndarray


def attach(
    positions: np.ndarray,
    triangles: np.ndarray,
    material: Material,
    colors: np.ndarray,
    head_weight: np.ndarray | float,
    normals: np.ndarray | None = None,
) -> Attached:
    """A mesh that only the head carries.

    Args:
        positions: (N, 3).
        triangles: (T, 3).
        material: of all.
        colors: (3,) or (N, 3).
        head_weight: one for all or (N,).
        normals: (N, 3); by default those of the surface.
    """
    count = len(positions)
    zeros = np.zeros((count, 3), np.float32)
    return Attached(
        positions=positions,
        triangles=triangles,
        material=material,
        colors=np.broadcast_to(np.asarray(colors), (count, 3)),
        head_weight=np.broadcast_to(np.asarray(head_weight, np.float32), (count,)),
        normals=surface_normals(positions, triangles) if normals is None else normals,
        tangents=zeros,
        anchors=np.zeros((count, 3), np.int32),
        anchor_weights=zeros,
        casts_shadow=np.ones(len(triangles), bool),
    )


def turning_weight(points: np.ndarray) -> np.ndarray:
    """(N,) how far points near the neck turn with the head; the same transition as the bust's own."""
    return smoothstep(points[:, 1] + points[:, 2] / 4, _STIFF, _TURNING).astype(np.float32)


def surface_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(N, 3) float32 unit normals, triangles weighted by their area."""
    corners = points[triangles].astype(np.float64)
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat = triangles.ravel()
    normals = np.stack(
        [np.bincount(flat, np.repeat(faces[:, axis], 3), minlength=len(points)) for axis in range(3)], axis=1
    )
    return (normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)).astype(np.float32)


def tube(path: np.ndarray, radius: float, closed: bool, sides: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """A wire along a path.

    Args:
        path: (N, 3).
        radius: of the wire.
        closed: joins the end to the beginning.
        sides: of its cross-section.

    Returns:
        (N * sides, 3) positions and (T, 3) triangles.
    """
    count = len(path)
    along = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0) if closed else np.gradient(path, axis=0)
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    # a ring lies in the x-y plane, a bar runs along z or x: each has an axis that it never points to
    up = np.array([0.0, 0, 1]) if closed else np.array([0.0, 1, 0])
    first = np.cross(along, up)
    first = first / (np.linalg.norm(first, axis=1, keepdims=True) + 1e-9)
    second = np.cross(along, first)  # so that triangles face outwards
    turn = np.arange(sides) / sides * 2 * np.pi
    rings = path[:, None] + radius * (
        first[:, None] * np.cos(turn)[None, :, None] + second[:, None] * np.sin(turn)[None, :, None]
    )
    return rings.reshape(-1, 3), grid_triangles(count, sides, closed, True)


def grid_triangles(rows: int, columns: int, rows_closed: bool, columns_closed: bool) -> np.ndarray:
    """(T, 3) triangles of a grid of vertices numbered row by row; closed directions join their end and beginning."""
    row, column = np.meshgrid(
        np.arange(rows if rows_closed else rows - 1),
        np.arange(columns if columns_closed else columns - 1),
        indexing="ij",
    )
    next_row, next_column = (row + 1) % rows, (column + 1) % columns
    a, b = row * columns + column, row * columns + next_column
    c, d = next_row * columns + next_column, next_row * columns + column
    return np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)


def join(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """One mesh of several (positions, triangles)."""
    offsets = np.cumsum([0] + [len(positions) for positions, _ in parts[:-1]])
    positions = np.concatenate([part[0] for part in parts])
    return positions, np.concatenate(
        [triangles + offset for (_, triangles), offset in zip(parts, offsets, strict=True)]
    )
