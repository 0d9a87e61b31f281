"""What is inside of a mouth: teeth that differ in size, place and color, gums, the tongue."""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from megactor.synth.anatomy.bust import Bust, smoothstep
from megactor.synth.anatomy.subject import Material
from megactor.synth.identity.traits import MouthTraits
from megactor.synth.streams import stream

_OF_UPPER_JAW = -3.4
"""Canonical height above which the middle of a tooth belongs to the upper jaw."""
_TOP, _NECK_HEIGHT = -0.8, 1.1
"""Canonical height of the upper teeth's ends in the gum, and how far down the highest gum line may come."""


def shaped_teeth(bust: Bust, rest: np.ndarray, mouth: MouthTraits, seed: int) -> np.ndarray:
    """Teeth moved, turned and scaled one by one.

    Args:
        bust: for which vertices are which tooth.
        rest: (B, 3) the identity at rest.
        mouth: how its teeth are.
        seed: of the person: which tooth stands how.

    Returns:
        (B, 3), a copy.
    """
    moved = rest.copy()
    rng = stream(seed, "teeth shape")
    for tooth in _teeth(bust):
        points = rest[tooth]
        middle = points.mean(axis=0)
        turn, lean = rng.normal(0, [0.16, 0.05]) * mouth.crooked
        width = mouth.width * (1 + 0.05 * mouth.crooked * rng.normal())
        length = 1 + 0.07 * mouth.crooked * rng.normal()
        x, y, z = (points - middle).T
        x, y = x * width, y * length
        x, z = x * np.cos(turn) + z * np.sin(turn), z * np.cos(turn) - x * np.sin(turn)
        x = x + lean * y
        shift = rng.normal(0, [0.02, 0.03, 0.05]) * mouth.crooked
        shift[0] += np.sign(middle[0]) * 0.5 * mouth.front_gap * (abs(middle[0]) < 1.0)
        moved[tooth] = middle + shift + np.column_stack([x, y, z])
    return moved


def mouth_colors(bust: Bust, albedo: np.ndarray, mouth: MouthTraits, seed: int) -> np.ndarray:
    """(B, 3) `albedo` with teeth, gums and tongue painted: teeth are darker and yellower towards the gum."""
    colors = albedo.copy()
    rng = stream(seed, "teeth colors")
    gum = np.array(mouth.gum)
    for tooth in _teeth(bust):
        points = bust.rest[tooth]
        upper = points[:, 1].mean() > _OF_UPPER_JAW
        color = np.array(mouth.teeth) * np.exp(rng.normal(0, 0.08, 1) * mouth.uneven + rng.normal(0, 0.025, 3))
        span = np.ptp(points[:, 1])
        edge = (points[:, 1] - points[:, 1].min()) / span  # 0 at the upper teeth's edge
        root = edge if upper else 1 - edge
        shade = 1 - (0.12 + 0.25 * mouth.uneven) * root[:, None] * np.array([0.6, 1.0, 1.6])
        painted = color * np.maximum(shade, 0.2)
        line = _TOP - mouth.gum_line * _NECK_HEIGHT * (1 if upper else 0)
        covered = smoothstep(points[:, 1], line - 0.12, line + 0.12) if upper else np.zeros(len(points))
        colors[tooth] = painted * (1 - covered[:, None]) + gum * covered[:, None]
    materials = bust.materials
    colors[np.unique(bust.triangles[materials == Material.GUM])] = gum
    colors[np.unique(bust.triangles[materials == Material.TONGUE])] = mouth.tongue
    return colors.astype(np.float32)


def _teeth(bust: Bust) -> list[np.ndarray]:
    """Vertices of each tooth; pieces of a few vertices are left out."""
    triangles = bust.triangles[bust.materials == Material.TEETH]
    vertices, corners = np.unique(triangles, return_inverse=True)
    corners = corners.reshape(-1, 3)
    edges = np.concatenate([corners[:, :2], corners[:, 1:]])
    graph = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(len(vertices),) * 2)
    count, labels = csgraph.connected_components(graph, directed=False)
    return [vertices[labels == label] for label in range(count)]
