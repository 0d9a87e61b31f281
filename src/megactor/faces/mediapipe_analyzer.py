"""Faces by MediaPipe 0.10.21, the last release whose wheel carries its models (so it works offline)."""

import contextlib
import math
import os
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

# read by the C++ logger when the library is loaded
os.environ.setdefault("GLOG_minloglevel", "3")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from mediapipe.python.solutions import face_detection, face_mesh, selfie_segmentation

from megactor.faces.face import Face
from megactor.faces.measures import head_roll

MAX_SIDE = 1280
"""Larger pictures are analyzed at no more than this: MediaPipe looks at 192 pixels a face and less."""

TILE_FROM = 480
"""Longer side from which a picture is searched once more in tiles: a face that only they show has about 5 % of it, and
fewer than 24 pixels are too few to animate."""

FEW_TILES, MANY_TILES = 2, 3
"""Tiles to the longer side of a frame without a face, and of a still picture."""

MAX_FACES = 8
UPRIGHT_SIDE, UPRIGHT_CROP = 256, 2.2
"""Pixels at which a face is looked at from four sides, and how many faces wide that square is."""

LEANS = 50.0
"""Degrees of roll from which a face counts as turned: what lies between two sides stays as it is."""

CROP_MARGIN = 0.6
"""Of the detected box, on each side: FaceMesh finds a face best when it fills about half of the picture."""


class MediaPipeAnalyzer:
    """FaceMesh on the whole picture, then once more around the faces that only the far-range detector saw.

    With a 16:9 picture this finds single faces down to a tenth of its height, but overlooks faces of a fifth in groups.
    Tiles show those.
    """

    def __init__(self) -> None:
        self._has_seen_face = False
        with _quiet_stderr():
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

    def faces(self, image: np.ndarray) -> list[Face]:
        """See `FaceAnalyzer.faces`."""
        found = self.near_faces(image)
        found += self._detected_faces(image, (0, 0), found)
        if not found:
            found += self._faces_in_tiles(image, FEW_TILES, found)
        return sorted(found, key=lambda face: -face.area)

    def all_faces(self, image: np.ndarray) -> list[Face]:
        """See `FaceAnalyzer.all_faces`."""
        found = self.faces(image)
        return sorted(found + self._faces_in_tiles(image, MANY_TILES, found), key=lambda face: -face.area)

    def near_faces(self, image: np.ndarray) -> list[Face]:
        """See `FaceAnalyzer.near_faces`: what FaceMesh finds without the far-range detector."""
        small, factor = _shrink(image)
        return sorted((face.moved(factor, (0, 0)) for face in self._mesh_faces(small)), key=lambda face: -face.area)

    def foreground(self, image: np.ndarray) -> np.ndarray:
        """See `FaceAnalyzer.foreground`."""
        small, _ = _shrink(image)
        mask = self._segmenter.process(np.ascontiguousarray(small)).segmentation_mask
        height, width = image.shape[:2]
        return np.clip(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1).astype(np.float32)

    def turns_to_upright(self, image: np.ndarray, face: Face) -> int:
        """See `FaceAnalyzer.turns_to_upright`; a mesh lies upside down on some faces, detectors doubt."""
        (x0, y0), (x1, y1) = face.box[:2], face.box[2:]
        half = max(1, int(UPRIGHT_CROP / 2 * max(x1 - x0, y1 - y0)))
        columns, rows = (int(v) + np.arange(-half, half) for v in ((x0 + x1) / 2, (y0 + y1) / 2))
        inside = np.ix_(np.clip(rows, 0, image.shape[0] - 1), np.clip(columns, 0, image.shape[1] - 1))
        square = cv2.resize(image[inside], (UPRIGHT_SIDE, UPRIGHT_SIDE), interpolation=cv2.INTER_AREA)
        sides = [np.ascontiguousarray(np.rot90(square, turns)) for turns in range(4)]
        scores = [self._score(side) for side in sides]
        turns = int(np.argmax(scores)) if max(scores) > scores[0] else 0
        # within a right angle of upright the mesh is right, and tells the rest
        roll = [math.degrees(head_roll(found)) for found in self._mesh_faces(sides[turns])[:1]]
        return (turns + sum(int(math.copysign(1, lean)) for lean in roll if abs(lean) > LEANS)) % 4

    def close(self) -> None:
        """See `FaceAnalyzer.close`."""
        for solution in self._solutions:
            solution.close()

    def _score(self, image: np.ndarray) -> float:
        """How sure both detectors are of an upright face, from 0 to 2."""
        looks = (detector.process(image).detections or [] for detector in (self._detector, self._near_detector))
        return sum(max((found.score[0] for found in look), default=0.0) for look in looks)

    @property
    def _solutions(self) -> tuple[Any, ...]:
        return self._mesh, self._detector, self._near_detector, self._segmenter

    def _faces_in_tiles(self, image: np.ndarray, across: int, known: list[Face]) -> list[Face]:
        """Faces that are not known yet, in tiles of 1 / `across` of the longer side."""
        faces: list[Face] = []
        if max(image.shape[:2]) >= TILE_FROM:
            for x, y, tile in _tiles(image, across):
                faces += self._detected_faces(tile, (x, y), known + faces)
        return faces

    def _detected_faces(self, image: np.ndarray, offset: tuple[int, int], known: list[Face]) -> list[Face]:
        """Faces of a part of a picture that starts at `offset`, without those that are known already."""
        faces: list[Face] = []
        for box in self._detected_boxes(image):
            if any(_holds_center(face.moved(1, (-offset[0], -offset[1])).box, box) for face in known + faces):
                continue
            faces += [face.moved(1, offset) for face in self._faces_around(image, box)]
        return faces

    def _mesh_faces(self, image: np.ndarray) -> list[Face]:
        height, width = image.shape[:2]
        # the last notice of the C++ code comes with the first face; later, stderr belongs to others
        with contextlib.nullcontext() if self._has_seen_face else _quiet_stderr():
            result = self._mesh.process(np.ascontiguousarray(image))
        size = np.array([width, height], np.float32)
        faces = [
            Face(np.array([(p.x, p.y) for p in mesh.landmark], np.float32) * size)
            for mesh in result.multi_face_landmarks or []
        ]
        self._has_seen_face |= bool(faces)
        return faces

    def _detected_boxes(self, image: np.ndarray) -> list[np.ndarray]:
        small, factor = _shrink(image)
        height, width = small.shape[:2]
        result = self._detector.process(np.ascontiguousarray(small))
        boxes = [found.location_data.relative_bounding_box for found in result.detections or []]
        scale = np.array([width, height, width, height], np.float32) * factor
        return [np.array([b.xmin, b.ymin, b.xmin + b.width, b.ymin + b.height], np.float32) * scale for b in boxes]

    def _faces_around(self, image: np.ndarray, box: np.ndarray) -> list[Face]:
        height, width = image.shape[:2]
        margin = CROP_MARGIN * max(box[2] - box[0], box[3] - box[1])
        x0, y0 = (max(int(v - margin), 0) for v in box[:2])
        x1, y1 = min(int(box[2] + margin), width), min(int(box[3] + margin), height)
        if x1 - x0 < 2 or y1 - y0 < 2:
            return []
        small, factor = _shrink(image[y0:y1, x0:x1])
        faces = [face.moved(factor, (x0, y0)) for face in self._mesh_faces(small)]
        return [face for face in faces if _holds_center(face.box, box)][:1]


def _shrink(image: np.ndarray) -> tuple[np.ndarray, int]:
    """The picture at 1 / factor of its size, and the factor.

    A whole factor, because OpenCV averages whole blocks of pixels ten times faster; what is left over at the right
    and bottom is cut off.
    """
    height, width = image.shape[:2]
    factor = min(-(-max(height, width) // MAX_SIDE), height, width)
    if factor == 1:
        return image, 1
    size = (width // factor, height // factor)
    blocks = image[: size[1] * factor, : size[0] * factor]
    return cv2.resize(blocks, size, interpolation=cv2.INTER_AREA), factor


def _tiles(image: np.ndarray, across: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """(x, y, part) of 1 / `across` of the longer side, overlapping by half: a face so much larger for the detector."""
    height, width = image.shape[:2]
    side = max(height, width) // across
    for y in range(0, max(height - side // 2, 1), side // 2):
        for x in range(0, max(width - side // 2, 1), side // 2):
            yield x, y, image[y : y + side, x : x + side]


def _holds_center(outer: np.ndarray, inner: np.ndarray) -> bool:
    center = (inner[:2] + inner[2:]) / 2
    return bool((center >= outer[:2]).all() and (center <= outer[2:]).all())


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """MediaPipe's C++ writes notices straight to file descriptor 2; a progress display would be torn apart."""
    try:
        saved = os.dup(2)
    except OSError:  # started without a stderr
        yield
        return
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
