"""Faces by MediaPipe 0.10.21, the last release whose wheel carries its models (so it works offline)."""

import contextlib
import os
from typing import Any

import numpy as np

# read by the C++ logger when the library is loaded
os.environ.setdefault("GLOG_minloglevel", "3")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from mediapipe.python.solutions import face_detection, face_mesh, selfie_segmentation

from megactor.faces.face import Face
from megactor.faces.search import FaceSearch, quiet_stderr

MAX_FACES = 8


class MediaPipeAnalyzer(FaceSearch):
    """FaceMesh with attention, both face detectors and the selfie segmenter."""

    def __init__(self) -> None:
        self._has_seen_face = False
        with quiet_stderr():
            self._mesh = face_mesh.FaceMesh(
                static_image_mode=True,
                max_num_faces=MAX_FACES,
                refine_landmarks=True,
                min_detection_confidence=0.5,
            )
            self._detector = face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.5)
            self._near_detector = face_detection.FaceDetection(model_selection=0, min_detection_confidence=0.1)
            self._segmenter = selfie_segmentation.SelfieSegmentation(model_selection=0)
            # the graphs start, and write their notices, with the first picture
            for solution in self._solutions:
                solution.process(np.zeros((64, 64, 3), np.uint8))

    def close(self) -> None:
        """See `FaceAnalyzer.close`."""
        for solution in self._solutions:
            solution.close()

    def _mesh_faces(self, image: np.ndarray) -> list[Face]:
        height, width = image.shape[:2]
        # the last notice of the C++ code comes with the first face; later, stderr belongs to others
        with contextlib.nullcontext() if self._has_seen_face else quiet_stderr():
            result = self._mesh.process(np.ascontiguousarray(image))
        size = np.array([width, height], np.float32)
        faces = [
            Face(np.array([(p.x, p.y) for p in mesh.landmark], np.float32) * size)
            for mesh in result.multi_face_landmarks or []
        ]
        self._has_seen_face |= bool(faces)
        return faces

    def _detections(self, image: np.ndarray, far: bool) -> list[tuple[np.ndarray, float]]:
        height, width = image.shape[:2]
        found = (self._detector if far else self._near_detector).process(image).detections or []
        boxes = [(one.location_data.relative_bounding_box, one.score[0]) for one in found]
        scale = np.array([width, height, width, height], np.float32)
        return [
            (np.array([b.xmin, b.ymin, b.xmin + b.width, b.ymin + b.height], np.float32) * scale, sure)
            for b, sure in boxes
        ]

    def _mask(self, image: np.ndarray) -> np.ndarray:
        mask: np.ndarray = self._segmenter.process(image).segmentation_mask
        return mask

    @property
    def _solutions(self) -> tuple[Any, ...]:
        return self._mesh, self._detector, self._near_detector, self._segmenter
