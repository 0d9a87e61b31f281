"""The value that describes one face in one picture."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Vertices of the MediaPipe face mesh that stand for the 68 points of iBUG 300-W, in its order:
# jaw 17, brows 5 + 5, nose bridge 4, nostrils 5, eyes 6 + 6, outer lips 12, inner lips 8.
MESH_TO_68 = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)

IRIS_CENTERS = (468, 473)
"""Mesh vertices of the two iris centers: the eye on the picture's left first."""


@dataclass(frozen=True)
class Face:
    """A face as the 478 vertices of the MediaPipe mesh (468 of the surface, 10 of the irises).

    landmarks: (478, 2) float32, x and y in pixels of the picture; may lie outside of it.
    """

    landmarks: np.ndarray

    @cached_property
    def box(self) -> np.ndarray:
        """(4,) float32: x0, y0, x1, y1 around all landmarks (forehead to chin)."""
        return np.concatenate([self.landmarks.min(0), self.landmarks.max(0)])

    @property
    def area(self) -> float:
        """Area of the box in pixels."""
        width, height = self.box[2:] - self.box[:2]
        return float(width * height)

    @property
    def landmarks68(self) -> np.ndarray:
        """(68, 2) float32, the points of iBUG 300-W."""
        return self.landmarks[list(MESH_TO_68)]

    @property
    def iris(self) -> np.ndarray:
        """(2, 2) float32, iris centers, the one on the picture's left first."""
        return self.landmarks[list(IRIS_CENTERS)]

    def moved(self, scale: float, offset: tuple[float, float]) -> "Face":
        """The same face in a picture where p has become p * scale + offset."""
        return Face((self.landmarks * scale + np.asarray(offset)).astype(np.float32))

    def turned(self, turns: int, width: int, height: int) -> "Face":
        """The same face in `np.rot90(picture, turns)` of a picture of that size."""
        landmarks = self.landmarks
        for _ in range(turns % 4):
            landmarks = np.stack([landmarks[:, 1], width - landmarks[:, 0]], axis=1)
            width, height = height, width
        return Face(landmarks)
