"""Faces by MediaPipe 0.10.21, the last release whose wheel carries its models (so it works offline)."""

import contextlib
import os
from collections.abc import Iterator

import cv2
import numpy as np

# read by the C++ logger when the library is loaded
os.environ.setdefault("GLOG_minloglevel", "3")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from mediapipe.python.solutions import face_detection, face_mesh, selfie_segmentation

from megactor.faces.face import Face

MAX_SIDE = 1280
"""Larger pictures are analyzed at this size: MediaPipe looks at 192 pixels a face and less."""

MAX_FACES = 8
CROP_MARGIN = 0.6
"""Of the detected box, on each side: FaceMesh finds a face best when it fills about half of the picture."""


class MediaPipeAnalyzer:
    """FaceMesh on the whole picture, then once more around the faces that only the far-range detector saw."""

    def __init__(self) -> None:
        with _quiet_stderr():
            self._mesh = face_mesh.FaceMesh(
                static_image_mode=True,
                max_num_faces=MAX_FACES,
                refine_landmarks=True,
                min_detection_confidence=0.5,
            )
            self._detector = face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.5)
            self._segmenter = selfie_segmentation.SelfieSegmentation(model_selection=0)
            # the graphs start, and write their notices, with the first picture
            for solution in (self._mesh, self._detector, self._segmenter):
                solution.process(np.zeros((64, 64, 3), np.uint8))

    def faces(self, image: np.ndarray) -> list[Face]:
        """See `FaceAnalyzer.faces`."""
        small, scale = _shrink(image)
        found = self._mesh_faces(small)
        for box in self._detected_boxes(small):
            if not any(_holds_center(face.box, box) for face in found):
                found += self._faces_around(small, box)
        return sorted((face.moved(1 / scale, (0, 0)) for face in found), key=lambda face: -face.area)

    def foreground(self, image: np.ndarray) -> np.ndarray:
        """See `FaceAnalyzer.foreground`."""
        small, _ = _shrink(image)
        with _quiet_stderr():
            mask = self._segmenter.process(small).segmentation_mask
        height, width = image.shape[:2]
        return np.clip(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1).astype(np.float32)

    def close(self) -> None:
        """See `FaceAnalyzer.close`."""
        for solution in (self._mesh, self._detector, self._segmenter):
            solution.close()

    def _mesh_faces(self, image: np.ndarray) -> list[Face]:
        height, width = image.shape[:2]
        with _quiet_stderr():
            result = self._mesh.process(np.ascontiguousarray(image))
        size = np.array([width, height], np.float32)
        return [
            Face(np.array([(p.x, p.y) for p in mesh.landmark], np.float32) * size)
            for mesh in result.multi_face_landmarks or []
        ]

    def _detected_boxes(self, image: np.ndarray) -> list[np.ndarray]:
        height, width = image.shape[:2]
        with _quiet_stderr():
            result = self._detector.process(np.ascontiguousarray(image))
        boxes = [found.location_data.relative_bounding_box for found in result.detections or []]
        scale = np.array([width, height, width, height], np.float32)
        return [np.array([b.xmin, b.ymin, b.xmin + b.width, b.ymin + b.height], np.float32) * scale for b in boxes]

    def _faces_around(self, image: np.ndarray, box: np.ndarray) -> list[Face]:
        height, width = image.shape[:2]
        margin = CROP_MARGIN * max(box[2] - box[0], box[3] - box[1])
        x0, y0 = (max(int(v - margin), 0) for v in box[:2])
        x1, y1 = min(int(box[2] + margin), width), min(int(box[3] + margin), height)
        if x1 - x0 < 2 or y1 - y0 < 2:
            return []
        faces = [face.moved(1, (x0, y0)) for face in self._mesh_faces(image[y0:y1, x0:x1])]
        return [face for face in faces if _holds_center(face.box, box)][:1]


def _shrink(image: np.ndarray) -> tuple[np.ndarray, float]:
    scale = min(1.0, MAX_SIDE / max(image.shape[:2]))
    if scale == 1.0:
        return image, scale
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale


def _holds_center(outer: np.ndarray, inner: np.ndarray) -> bool:
    center = (inner[:2] + inner[2:]) / 2
    return bool((center >= outer[:2]).all() and (center <= outer[2:]).all())


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """MediaPipe's C++ writes notices straight to file descriptor 2; a progress display would be torn apart."""
    with open(os.devnull, "w") as null:
        saved = os.dup(2)
        os.dup2(null.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
