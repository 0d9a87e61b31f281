"""What all people share: the rig's head on a torso, what its surface is made of, and what moves with the head."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from megactor.synth.anatomy.rig import Rig
from megactor.synth.anatomy.subject import Material
from megactor.synth.anatomy.torso import Torso, build_torso

_PART_MATERIALS = {
    "face": Material.SKIN,
    "headneck": Material.HEAD,
    "mouthsocket": Material.MOUTH,
    "eyesockL": Material.SOCKET,
    "eyesockR": Material.SOCKET,
    "gums": Material.GUM,
    "teeth": Material.TEETH,
    "scleraL": Material.EYE,
    "scleraR": Material.EYE,
}

_TONGUE_POINTS = np.array([[0, -2.9, 6.5], [0, -5.3, 7]])
"""On the tongue's back and on its underside: each picks one of the charts that the gums are unwrapped into."""
_TONGUE_ROOT, _TONGUE_TIP = 4.2, 9.8
"""Depths (z) between which the tongue goes from fixed to free."""

_LASH_ROWS = (0, 1, 3)
"""Of six rows from the top of the texture: three along the upper lid, three along the lower. More rows than these
darken the lids at the sizes that are rendered."""

_STIFF, _TURNING = -17.0, -6.5
"""Heights (y + z / 4) between which points go from staying with the shoulders to turning with the head."""


@dataclass(frozen=True)
class Bust:
    """The mean head on a torso, B vertices (the rig's V first), T triangles without lashes, L triangles of lashes.

    rest: (B, 3) float32. It is the `canonical` position of every identity's vertex.
    triangles, uv_triangles: (T, 3) int32; torso triangles have uv 0.
    materials: (T,) uint8 of `Material`.
    lash_triangles, lash_uv_triangles: (L, 3) int32.
    uvs: (U, 2) float32; v of lashes is 0 at the root and 1 at the tip, u runs along the lid from 0 to 1.
    head_weight: (B,) float32, 1 = turns with the head.
    torso: how the torso hangs on the neck.
    tongue: (B,) float32, 0 elsewhere and at the tongue's root, 1 at its tip.
    landmark_uvs: (68, 2) float32 of the 68 landmarks.
    """

    rig: Rig
    rest: np.ndarray
    triangles: np.ndarray
    uv_triangles: np.ndarray
    materials: np.ndarray
    lash_triangles: np.ndarray
    lash_uv_triangles: np.ndarray
    uvs: np.ndarray
    head_weight: np.ndarray
    torso: Torso
    tongue: np.ndarray
    landmark_uvs: np.ndarray

    @property
    def head_vertices(self) -> int:
        """How many of the vertices are the rig's."""
        return len(self.rig.neutral)

    def shaped(self, head_offsets: np.ndarray) -> np.ndarray:
        """Rest positions of a head of another shape; the torso follows the rim of its neck.

        Args:
            head_offsets: (V, 3) from the mean head.

        Returns:
            (B, 3) float32.
        """
        return np.concatenate([self.rig.neutral + head_offsets, self.torso.following(head_offsets)]).astype(np.float32)


def build_bust(rig: Rig) -> Bust:
    """Derives the tables from a rig; takes a fraction of a second."""
    torso = build_torso(rig)
    rest = np.concatenate([rig.neutral, torso.rest]).astype(np.float32)
    solid = ~np.isin(rig.triangle_parts, [rig.part_names.index(name) for name in ("lashL", "lashR")])
    materials = np.zeros(len(rig.triangles), np.uint8)
    for part, material in _PART_MATERIALS.items():
        materials[rig.triangles_of(part)] = material
    tongue_triangles = _tongue_triangles(rig)
    materials[tongue_triangles] = Material.TONGUE
    uvs, lashes = _lash_rows(rig)
    return Bust(
        rig=rig,
        rest=rest,
        triangles=np.concatenate([rig.triangles[solid], torso.triangles]).astype(np.int32),
        uv_triangles=np.concatenate([rig.uv_triangles[solid], np.zeros_like(torso.triangles)]).astype(np.int32),
        materials=np.concatenate([materials[solid], np.full(len(torso.triangles), Material.CLOTH, np.uint8)]),
        lash_triangles=rig.triangles[lashes],
        lash_uv_triangles=rig.uv_triangles[lashes],
        uvs=uvs,
        head_weight=smoothstep(rest[:, 1] + rest[:, 2] / 4, _STIFF, _TURNING).astype(np.float32),
        torso=torso,
        tongue=_tongue_weights(rest, rig.triangles[tongue_triangles]),
        landmark_uvs=_vertex_uvs(rig)[rig.landmarks],
    )


def smoothstep(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _charts(uv_triangles: np.ndarray) -> np.ndarray:
    """(T,) which triangles are unwrapped in one piece: equal numbers share uv vertices."""
    _, corners = np.unique(uv_triangles, return_inverse=True)
    corners = corners.reshape(-1, 3)
    edges = np.concatenate([corners[:, :2], corners[:, 1:]])
    graph = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(np.max(corners) + 1,) * 2)
    _, labels = csgraph.connected_components(graph, directed=False)
    return labels[corners[:, 0]]


def _tongue_triangles(rig: Rig) -> np.ndarray:
    """Indices of the triangles of the gums' part that are the tongue."""
    gums = rig.triangles_of("gums")
    triangles = rig.triangles[gums]
    charts = _charts(rig.uv_triangles[gums])
    centers = rig.neutral[triangles].mean(axis=1)
    nearest = [np.linalg.norm(centers - point, axis=1).argmin() for point in _TONGUE_POINTS]
    return gums.start + np.flatnonzero(np.isin(charts, charts[nearest]))


def _tongue_weights(rest: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    weights = np.zeros(len(rest), np.float32)
    on_tongue = np.unique(triangles)
    weights[on_tongue] = np.clip((rest[on_tongue, 2] - _TONGUE_ROOT) / (_TONGUE_TIP - _TONGUE_ROOT), 0, 1)
    return weights


def _lash_rows(rig: Rig) -> tuple[np.ndarray, np.ndarray]:
    """The uvs with lashes rescaled row by row, and the indices of the triangles in the rows that are used."""
    uvs = rig.uvs.astype(np.float32).copy()
    used = []
    for part in ("lashL", "lashR"):
        triangles = rig.triangles_of(part)
        corners = rig.uv_triangles[triangles]
        charts = _charts(corners)
        tops = {chart: rig.uvs[corners[charts == chart], 1].max() for chart in np.unique(charts)}
        for row, chart in enumerate(sorted(tops, key=lambda chart: -tops[chart])):
            points = np.unique(corners[charts == chart])
            low, high = rig.uvs[points].min(axis=0), rig.uvs[points].max(axis=0)
            uvs[points] = np.abs([0, 1] - (rig.uvs[points] - low) / (high - low))  # the file has roots at the top
            if row in _LASH_ROWS:
                used.append(triangles.start + np.flatnonzero(charts == chart))
    return uvs, np.concatenate(used)


def _vertex_uvs(rig: Rig) -> np.ndarray:
    """(V, 2) one uv of each vertex; at a seam, one of several."""
    uvs = np.zeros((len(rig.neutral), 2), np.float32)
    uvs[rig.triangles.ravel()[::-1]] = rig.uvs[rig.uv_triangles.ravel()[::-1]]
    return uvs
