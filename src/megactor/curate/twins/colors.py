"""A donor's colors made those of a clip: light, tint, and at the rim what the clip shows there.

All is done at the vertices of the mesh in logarithms, so what is fitted are factors on the donor's colors, and shading
stays shading. Blending at the rim is that of the gradient domain (Perez et al., 2003; Farbman et al., 2009): the
difference at the border is spread over the face as smoothly as the mesh allows, so what is left of the donor are its
gradients.
"""

from collections.abc import Iterable
from functools import cache

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from megactor.curate.twins.face_mesh import (
    BROWS,
    LEFT_EYE,
    NOSTRILS,
    OPENINGS,
    OUTER_LIPS,
    OVAL,
    RIGHT_EYE,
    face_mesh,
    smoothstep,
)

DARKEST = 8.0
"""Added to colors (0 to 255) before the logarithm: noise in the dark has no say."""
_CALM = 3.0
"""Frames of the Gaussian by which light is steadied."""
_LIGHT = 0.02
"""How much a vertex within the face pulls beside one of its border: soft light and shade stay the clip's."""
_PATCH = 0.03
"""Width of the square whose mean is a vertex's color, in widths of the face."""


@cache
def skin_vertices() -> np.ndarray:
    """(468,) bool: away from brows, eyes, nostrils and lips."""
    mesh = face_mesh()
    features = (*BROWS, *LEFT_EYE, *RIGHT_EYE, *OUTER_LIPS, *NOSTRILS)
    return mesh.distance(features) > 0.035


def vertex_colors(frames: Iterable[np.ndarray], points: np.ndarray) -> np.ndarray:
    """What the vertices look like.

    Args:
        frames: T pictures, uint8 (H, W, 3).
        points: (T, K, 2) pixels.

    Returns:
        (T, K, 3) float32, logarithms.
    """
    factor = max(1, round(_PATCH * float(np.ptp(points[..., 0], axis=1).mean())))
    colors = np.empty((*points.shape[:2], 3), np.float32)
    for number, frame in enumerate(frames):
        size = (max(1, frame.shape[1] // factor), max(1, frame.shape[0] // factor))
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        scale = np.array(size, np.float32) / frame.shape[1::-1]
        x, y = (points[number] * scale - 0.5).T.astype(np.float32)
        colors[number] = cv2.remap(small, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    return np.log(colors + DARKEST)


@cache
def _basis() -> np.ndarray:
    x, y, _ = 2 * face_mesh().points.T
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1).astype(np.float64)


def fit_light(colors: np.ndarray, donor: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The factors that make a donor's skin look as the clip's in its light: smooth fields of second order.

    Args:
        colors: (T, 468, 3), logarithms.
        donor: (468, 3), logarithms.
        weights: (T, 468).

    Returns:
        (T, 468, 3), logarithms.
    """
    basis, wanted = _basis(), (colors - donor).astype(np.float64)
    ridge = 0.01 * np.diag([0.1, 1, 1, 4, 4, 4]) * max(float(weights.sum(1).mean()), 1.0)
    trust = weights
    fitted = np.zeros_like(wanted)
    for _ in range(3):  # Huber's: what is no skin counts less
        normal = np.einsum("tk,ki,kj->tij", trust, basis, basis, optimize=True) + ridge
        factors = np.linalg.solve(normal, np.einsum("tk,ki,tkc->tic", trust, basis, wanted, optimize=True))
        fitted = basis @ gaussian_filter1d(factors, _CALM, axis=0, mode="nearest")
        off = np.linalg.norm(wanted - fitted, axis=2)
        trust = weights * np.minimum(1, 0.15 / np.maximum(off, 1e-6))
    return fitted


@cache
def _spread() -> tuple[np.ndarray, np.ndarray]:
    """Border vertices (B,), and the (468, B) matrix that spreads what is wanted there over the face."""
    mesh = face_mesh()
    pull = np.where(mesh.distance(OVAL) < 0.1, 1.0, _LIGHT)
    pull[list({*BROWS, *OUTER_LIPS})] = 0.1
    pull[list({*OPENINGS})] = 0.3
    pull[list({*OVAL})] = 0.2  # half of it is hair and background
    edges = np.concatenate([mesh.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    neighbors = np.zeros((len(pull), len(pull)))
    neighbors[edges[:, 0], edges[:, 1]] = neighbors[edges[:, 1], edges[:, 0]] = 1
    system = np.diag(neighbors.sum(1) + pull + 1e-3) - neighbors
    border = np.nonzero(pull)[0]
    return border, np.linalg.solve(system, np.eye(len(pull))[:, border] * pull[border])


def spread_from_border(wanted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What the border wants, spread over the face.

    Args:
        wanted: (T, 468, 3), logarithms of factors.
        weights: (T, 468), 0 where the clip shows no skin: nothing is wanted there.

    Returns:
        (T, 468, 3).
    """
    border, matrix = _spread()
    values = wanted[:, border] * weights[:, border, None]
    return gaussian_filter1d(matrix @ values, _CALM, axis=0, mode="nearest")


def shows_skin(off: np.ndarray) -> np.ndarray:
    """Where the clip shows skin, not hair, glasses or a hand.

    Args:
        off: (T, 468, 3), by how much its colors differ from a donor's in its light; logarithms.

    Returns:
        (T, 468) in [0, 1]; 1 at brows, eyes and lips, which differ anyway.
    """
    skin = skin_vertices()
    bare = 1 - smoothstep(np.abs(gaussian_filter1d(off, 1.0, axis=0, mode="nearest")).max(2), 0.4, 0.8)
    bare[:, ~skin] = 1
    return np.asarray(bare)
