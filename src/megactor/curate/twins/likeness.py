"""Whether the portrait can be told from the twin: how much of what makes a face its own is left in its twin.

Colors and light are no part of that: they are fitted to the clip. What remains at the mesh's vertices, less what all
faces share, is brows, folds, spots, the shape of nose and cheeks as shading shows it.
"""

import numpy as np

from megactor.curate.twins.colors import fit_light, skin_vertices, vertex_colors
from megactor.curate.twins.face_mesh import OPENINGS, OVAL, POINTS, face_mesh, poses
from megactor.curate.twins.visible import in_view, turned_here


def likeness(twin: np.ndarray, twin_points: np.ndarray, frames: np.ndarray, points: np.ndarray) -> float:
    """Correlation of two faces' own detail: 1 for the same face, about 0 for two people.

    Args:
        twin: (T, S, S, 3) uint8.
        twin_points: (T, 478, 2) pixels.
        frames: (T, S, S, 3) uint8.
        points: (T, 478, 2) pixels.
    """
    one, weight = own_detail(twin, twin_points[:, :POINTS])
    other, other_weight = own_detail(frames, points[:, :POINTS])
    weights = weight * other_weight
    if weights.sum() < 10:
        return 1.0
    one, other = (values - np.average(values, weights=weights) for values in (one, other))
    spread = np.sqrt((weights * one * one).sum() * (weights * other * other).sum())
    return float((weights * one * other).sum() / max(spread, 1e-9))


def own_detail(frames: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a face has that the mean face has not.

    Args:
        frames: (T, S, S, 3) uint8.
        points: (T, 468, 2) pixels.

    Returns:
        (468,) logarithms of gray, mean over the frames, and (468,) in [0, 1] how well that is known.
    """
    mesh, pose = face_mesh(), poses(points)
    seen = turned_here(pose) * in_view(points, pose)
    colors = vertex_colors(frames, points)
    off = (colors - mesh.colors - fit_light(colors, mesh.colors, seen * skin_vertices())).mean(2)
    inner = (mesh.distance(OVAL) > 0.1) & (mesh.distance(OPENINGS) > 0.025)
    known = seen.mean(0) * inner
    return (off * seen).sum(0) / np.maximum(seen.sum(0), 1e-6), known
