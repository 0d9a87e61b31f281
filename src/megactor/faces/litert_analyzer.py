"""Faces by MediaPipe's networks run by LiteRT: the same numbers where MediaPipe 0.10.21 cannot be installed."""

import cv2
import numpy as np

from megactor.faces.face import Face
from megactor.faces.face_models import FaceModels
from megactor.faces.litert_detector import FAR_RANGE, NEAR_RANGE, Detection, FaceDetector
from megactor.faces.litert_mesh import MESH_SIDE, FaceMesh
from megactor.faces.litert_network import Network
from megactor.faces.search import FaceSearch, quiet_stderr

SURE = 0.5
"""From which a face counts, be it of a detector or of the mesh."""

DOUBTED = 0.1
"""From which the near-range detector has a say about which side of a face is up."""

MAX_FACES = 8

FACE_SQUARE = 1.5
"""Side of the square that the mesh looks at, in longer sides of the detected box."""


class LiteRTAnalyzer(FaceSearch):
    """What `MediaPipeAnalyzer` does, step by step.

    Args:
        models: MediaPipe's files, see `face_models.face_models`.
    """

    def __init__(self, models: FaceModels) -> None:
        with quiet_stderr():
            self._near = FaceDetector(models["face_detection_short_range.tflite"].read_bytes(), NEAR_RANGE)
            self._far = FaceDetector(models["face_detection_full_range_sparse.tflite"].read_bytes(), FAR_RANGE)
            self._mesh = FaceMesh(models["face_landmark_with_attention.tflite"].read_bytes())
            self._segmenter = Network(models["selfie_segmentation.tflite"].read_bytes())

    def close(self) -> None:
        """See `FaceAnalyzer.close`; the networks go with the object."""

    def _mesh_faces(self, image: np.ndarray) -> list[Face]:
        faces = []
        for detection in self._near(image, SURE)[:MAX_FACES]:
            place = _face_square(detection)
            cut = cv2.warpAffine(
                image,
                place,
                (MESH_SIDE, MESH_SIDE),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
            points, sure = self._mesh(cut.astype(np.float32) / 255)
            if sure >= SURE:
                faces.append(Face((points @ place[:, :2].T + place[:, 2]).astype(np.float32)))
        return faces

    def _detections(self, image: np.ndarray, far: bool) -> list[tuple[np.ndarray, float]]:
        found = self._far(image, SURE) if far else self._near(image, DOUBTED)
        return [(one.box, one.sure) for one in found]

    def _mask(self, image: np.ndarray) -> np.ndarray:
        side = self._segmenter.input_shapes[0][1]
        placed = np.diag([side / image.shape[1], side / image.shape[0], 1])[:2]
        small = cv2.warpAffine(image, placed, (side, side), flags=cv2.INTER_LINEAR)
        (mask,) = self._segmenter((small.astype(np.float32) / 255)[None])
        return mask[0, :, :, 0]


def _face_square(detection: Detection) -> np.ndarray:
    """(2, 3) from the pixels that the mesh looks at to those of the picture: eyes level, the box in the middle."""
    (x0, y0), (x1, y1) = detection.eyes
    angle = np.arctan2(y1 - y0, x1 - x0)
    low, high = detection.box[:2], detection.box[2:]
    scale = FACE_SQUARE * (high - low).max() / MESH_SIDE
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, (low + high) / 2 - linear.sum(1) * MESH_SIDE / 2])
