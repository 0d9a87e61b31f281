"""Shoulders and chest: rings that leave the neck's rim and widen into a rounded box."""

from dataclasses import dataclass

import numpy as np

from megactor.synth.anatomy.rig import Rig

_RINGS = 16
_SHOULDER_PART = 0.6
"""The part of the rings that curves from the neck into the shoulders; the rest runs down the chest."""
_SHOULDER_Y, _CHEST_DROP = -27.0, 26.0
_HALF_WIDTH, _HALF_DEPTH, _ROUNDNESS = 20.5, 10.5, 2.6
"""The box: |x / half width|^n + |z / half depth|^n = 1 about z = _CENTER_Z."""
_CENTER_Z = -1.5
_NECK_Y = -11.0
"""The neck's rim is the only open edge below this height."""


@dataclass(frozen=True)
class Torso:
    """Rings of as many vertices as the neck's rim has; they come after the rig's vertices.

    rest: (K * R, 3) float32, ring by ring downwards.
    rim: (R,) int32 vertices of the rig, the neck's open edge in order.
    triangles: (2 * K * R, 3) int32, counter-clockwise seen from outside; the first ring hangs on the rim.
    follow: (K * R,) float32, how far a vertex moves with the rim point above it.
    """

    rest: np.ndarray
    rim: np.ndarray
    triangles: np.ndarray
    follow: np.ndarray

    def following(self, head_offsets: np.ndarray) -> np.ndarray:
        """(K * R, 3) positions below a neck whose vertices are moved by `head_offsets` (V, 3)."""
        rings = len(self.rest) // len(self.rim)
        return self.rest + np.tile(head_offsets[self.rim], (rings, 1)) * self.follow[:, None]


def build_torso(rig: Rig) -> Torso:
    """Hangs a torso on the rim of the rig's neck."""
    rim = _neck_rim(rig)
    neck = rig.neutral[rim].astype(np.float64)
    angle = np.arctan2(neck[:, 0], neck[:, 2] - _CENTER_Z)
    box = np.abs(np.sin(angle) / _HALF_WIDTH) ** _ROUNDNESS + np.abs(np.cos(angle) / _HALF_DEPTH) ** _ROUNDNESS
    radius = box ** (-1 / _ROUNDNESS)
    side = np.stack(
        [radius * np.sin(angle), np.full(len(rim), _SHOULDER_Y), radius * np.cos(angle) + _CENTER_Z], axis=1
    )
    rings = []
    for part in np.arange(1, _RINGS + 1) / _RINGS:
        if part <= _SHOULDER_PART:
            turn = part / _SHOULDER_PART
            outwards = np.sin(turn * np.pi / 2)
            downwards = 0.85 * (1 - np.cos(turn * np.pi / 2)) + 0.15 * turn
            rings.append(neck + (side - neck) * [outwards, downwards, outwards])
        else:
            down = (part - _SHOULDER_PART) / (1 - _SHOULDER_PART)
            rings.append(side * [1 - 0.1 * down, 1, 1 - 0.05 * down] - [0, _CHEST_DROP * down, 0])
    depth = np.repeat(np.arange(1, _RINGS + 1) / _RINGS, len(rim))
    fade = np.clip(depth / 0.75, 0, 1)
    return Torso(
        rest=np.concatenate(rings).astype(np.float32),
        rim=rim,
        triangles=_ring_triangles(rig, rim, np.concatenate(rings)),
        follow=(1 - fade * fade * (3 - 2 * fade)).astype(np.float32),
    )


def _neck_rim(rig: Rig) -> np.ndarray:
    """Vertices round the neck's open edge, in order."""
    skin = np.concatenate([rig.triangles[rig.triangles_of(part)] for part in ("face", "headneck")])
    edges = np.sort(np.concatenate([skin[:, [0, 1]], skin[:, [1, 2]], skin[:, [2, 0]]]), axis=1)
    edges, uses = np.unique(edges, axis=0, return_counts=True)
    rim_edges = edges[(uses == 1) & (rig.neutral[edges[:, 0], 1] < _NECK_Y)]
    neighbors: dict[int, list[int]] = {}
    for a, b in rim_edges.tolist():
        neighbors.setdefault(a, []).append(b)
        neighbors.setdefault(b, []).append(a)
    start = int(rim_edges[0, 0])
    rim, previous, current = [start], -1, start
    while True:
        step = next(vertex for vertex in neighbors[current] if vertex != previous)
        if step == start:
            return np.array(rim, np.int32)
        rim.append(step)
        previous, current = current, step


def _ring_triangles(rig: Rig, rim: np.ndarray, rings: np.ndarray) -> np.ndarray:
    count = len(rim)
    rows = np.concatenate([rim, len(rig.neutral) + np.arange(len(rings))]).reshape(-1, count)
    upper, lower = rows[:-1], rows[1:]
    a, b, c, d = upper, np.roll(upper, -1, axis=1), np.roll(lower, -1, axis=1), lower
    quads = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    points = np.concatenate([rig.neutral, rings])[quads]
    normals = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    outside = points.mean(axis=1) - [0, _SHOULDER_Y - 8, _CENTER_Z]
    if (normals * outside).sum() < 0:
        quads = quads[:, [0, 2, 1]]
    return quads.astype(np.int32)
