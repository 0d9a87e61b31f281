"""MediaPipe's face mesh as a solid: which vertices are what, which triangles join them, and what of it is seen."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

POINTS = 468
"""Vertices without the irises."""

OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
"""Rings."""
BROWS = (276, 283, 282, 295, 285, 300, 293, 334, 296, 336, 46, 53, 52, 65, 55, 70, 63, 105, 66, 107)
NOSTRILS = (2, 97, 326, 98, 327, 60, 290, 240, 460, 20, 250, 238, 458)
OPENINGS = (*LEFT_EYE, *RIGHT_EYE, *INNER_LIPS)
"""Borders of what is no surface: eyes and the inside of the mouth."""


@dataclass(frozen=True)
class FaceMesh:
    """The mean of some faces, lips a little apart.

    points: (468, 3) float32, x right, y down, z away from the camera; the face is 1 wide, its mean lies at 0.
    triangles: (N, 3) int32, all with corners in the same sense; none within eyes and mouth.
    normals: (468, 3), unit length, outwards.
    colors: (468, 3), logarithms of the mean of some faces' colors in even light, see `colors.vertex_colors`.
    """

    points: np.ndarray
    triangles: np.ndarray
    normals: np.ndarray
    colors: np.ndarray

    def distance(self, vertices: tuple[int, ...]) -> np.ndarray:
        """(468,) from each vertex to the nearest of these, seen from the front, in widths of the face."""
        flat = self.points[:, :2]
        return np.linalg.norm(flat[:, None] - flat[list(vertices)][None], axis=2).min(1)


@dataclass(frozen=True)
class Poses:
    """How the mean face lies in T pictures under a scaled orthographic camera: p = scale * rotation[:2] @ q + offset.

    rotation: (T, 3, 3).
    scale: (T,) pixels of a face's width.
    offset: (T, 2) pixels.
    """

    rotation: np.ndarray
    scale: np.ndarray
    offset: np.ndarray

    def projected(self, points: np.ndarray) -> np.ndarray:
        """(K, 3) -> (T, K, 2) pixels."""
        flat = np.einsum("tij,kj->tki", self.rotation[:, :2], points)
        return np.asarray(self.scale[:, None, None] * flat + self.offset[:, None])

    def depth(self, points: np.ndarray) -> np.ndarray:
        """(K, 3) -> (T, K), larger is farther."""
        return np.einsum("tj,kj->tk", self.rotation[:, 2], points)


@cache
def face_mesh() -> FaceMesh:
    """The packaged mesh (`scripts/donor_faces.py`)."""
    file = resources.files("megactor") / "assets" / "donors" / "mesh.npz"
    with file.open("rb") as stream, np.load(stream) as arrays:
        points, triangles = arrays["points"], arrays["triangles"].astype(np.int32)
        colors = arrays["colors"]
    points = (points - points.mean(0)) / np.ptp(points[:, 0])
    for ring in (LEFT_EYE, RIGHT_EYE, INNER_LIPS):
        triangles = triangles[~np.isin(triangles, ring).all(1)]
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    turned = across[:, 2] > 0  # outwards is towards the camera
    triangles[turned] = triangles[turned][:, ::-1]
    across[turned] *= -1
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], across)
    return FaceMesh(points, triangles, normals / np.linalg.norm(normals, axis=1, keepdims=True), colors)


def poses(landmarks: np.ndarray) -> Poses:
    """Fits the mean face by least squares (POS; DeMenthon and Davis, 1995), made orthonormal.

    Args:
        landmarks: (T, 468, 2) pixels.
    """
    points = face_mesh().points.astype(np.float64)
    offset = landmarks.mean(1)
    solved = np.einsum("ik,tkj->tji", np.linalg.pinv(points), landmarks - offset[:, None])
    left, stretches, right = np.linalg.svd(solved, full_matrices=False)
    top = left @ right
    rotation = np.concatenate([top, np.cross(top[:, 0], top[:, 1])[:, None]], axis=1)
    return Poses(rotation, stretches.mean(1), offset)


def facing(pose: Poses) -> np.ndarray:
    """(T, 468) how far each vertex looks at the camera: 1 straight, 0 at the outline, negative where it is hidden."""
    return -np.einsum("tj,kj->tk", pose.rotation[:, 2], face_mesh().normals)


def smoothstep(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, smooth between."""
    part = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(part * part * (3 - 2 * part))
