"""MediaPipe's face detectors (BlazeFace, Bazarevsky et al., arXiv 1907.05047), run by LiteRT."""

from dataclasses import dataclass

import cv2
import numpy as np

from megactor.faces.litert_network import Network

SAME_FACE = 0.3
"""Boxes of one face overlap by more than this (intersection over union)."""

NEAR_RANGE, FAR_RANGE = ((8, 2), (16, 6)), ((4, 1),)
"""Grids of the two networks: pixels of a cell, and boxes that are proposed in each."""


@dataclass(frozen=True)
class Detection:
    """A face: box (4,) x0, y0, x1, y1 and eyes (2, 2), in pixels, that on the picture's left first; sure: 0 to 1."""

    box: np.ndarray
    eyes: np.ndarray
    sure: float


class FaceDetector:
    """Faces that stand upright, for as far away as the network was made.

    Args:
        model: `face_detection_short_range.tflite` or `face_detection_full_range_sparse.tflite` of mediapipe 0.10.21.
        grids: `NEAR_RANGE` or `FAR_RANGE`.
    """

    def __init__(self, model: bytes, grids: tuple[tuple[int, int], ...]) -> None:
        self._network = Network(model)
        self._side = self._network.input_shapes[0][1]
        self._anchors = np.concatenate([_anchors(self._side, *grid) for grid in grids])

    def __call__(self, image: np.ndarray, least: float) -> list[Detection]:
        """Faces in a uint8 RGB picture of which the network is at least so sure, the surest first."""
        side, (height, width) = self._side, image.shape[:2]
        scale = side / max(height, width)
        margin = np.array([side - width * scale, side - height * scale]) / 2
        placed = np.array([[scale, 0, margin[0]], [0, scale, margin[1]]])
        # as MediaPipe: no averaging where a picture is made smaller
        square = cv2.warpAffine(image, placed, (side, side), flags=cv2.INTER_LINEAR).astype(np.float32)
        raw, logits = self._network(square[None] / 127.5 - 1)
        sure = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -80, 80)))
        kept = np.flatnonzero(sure >= least)
        values = raw.reshape(raw.shape[1], -1, 2)[kept]  # center, size, then points: eyes, nose, mouth, ears
        anchors = self._anchors[kept]
        centers, halves = values[:, 0] + anchors, values[:, 1] / 2
        points = np.stack([centers - halves, centers + halves, *(values[:, n] + anchors for n in (2, 3))], 1)
        found = _merged((points - margin) / scale, sure[kept])
        return [Detection(p[:2].ravel().astype(np.float32), p[2:].astype(np.float32), certain) for p, certain in found]


def _anchors(side: int, cell: int, boxes: int) -> np.ndarray:
    """(N, 2): centers of the cells, row by row, each as often as boxes are proposed in it."""
    places = (np.arange(side // cell) + 0.5) * cell
    x, y = np.meshgrid(places, places)
    return np.repeat(np.stack([x.ravel(), y.ravel()], 1), boxes, 0)


def _merged(points: np.ndarray, sure: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Proposals (N, 4, 2) that overlap as their mean, weighted by how sure each is: they shake less than the best."""
    merged = []
    left = np.argsort(-sure, kind="stable")
    while len(left):
        best = left[0]
        same = _overlap(points[best, :2], points[left, :2]) > SAME_FACE
        same[0] = True
        weights = sure[left[same]]
        mean = (points[left[same]] * weights[:, None, None]).sum(0) / weights.sum()
        merged.append((mean, float(sure[best])))
        left = left[~same]
    return merged


def _overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box (2, 2) with others (N, 2, 2)."""
    shared = np.clip(np.minimum(box[1], others[:, 1]) - np.maximum(box[0], others[:, 0]), 0, None).prod(1)
    areas = np.clip(others[:, 1] - others[:, 0], 0, None).prod(1)
    return shared / np.maximum(np.clip(box[1] - box[0], 0, None).prod() + areas - shared, 1e-9)
