"""Where in a picture faces are looked for, whichever library finds them there."""

import contextlib
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator

import cv2
import numpy as np

from megactor.faces.face import Face
from megactor.faces.measures import head_roll

MAX_SIDE = 1280
"""Larger pictures are analyzed at no more than this: the networks look at 192 pixels a face and less."""

TILE_FROM = 480
"""Longer side from which a picture is searched once more in tiles: a face that only they show has about 5 % of it, and
fewer than 24 pixels are too few to animate."""

FEW_TILES, MANY_TILES = 2, 3
"""Tiles to the longer side of a frame without a face, and of a still picture."""

UPRIGHT_SIDE, UPRIGHT_CROP = 256, 2.2
"""Pixels at which a face is looked at from four sides, and how many faces wide that square is."""

LEANS = 50.0
"""Degrees of roll from which a face counts as turned: what lies between two sides stays as it is."""

CROP_MARGIN = 0.6
"""Of the detected box, on each side: FaceMesh finds a face best when it fills about half of the picture."""


class FaceSearch(ABC):
    """A mesh on the whole picture, then once more around the faces that only the far-range detector saw.

    With a 16:9 picture this finds single faces down to a tenth of its height, but overlooks faces of a fifth in groups.
    Tiles show those.
    """

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
        mask = self._mask(np.ascontiguousarray(small))
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

    @abstractmethod
    def close(self) -> None:
        """See `FaceAnalyzer.close`."""

    @abstractmethod
    def _mesh_faces(self, image: np.ndarray) -> list[Face]:
        """Faces that fill a good part of a picture of at most `MAX_SIDE`."""

    @abstractmethod
    def _detections(self, image: np.ndarray, far: bool) -> list[tuple[np.ndarray, float]]:
        """Boxes (4,) in pixels and how sure the far-range or the near-range detector is of them, from 0 to 1."""

    @abstractmethod
    def _mask(self, image: np.ndarray) -> np.ndarray:
        """float32, about 1 where a person is, of any size."""

    def _score(self, image: np.ndarray) -> float:
        """How sure both detectors are of an upright face, from 0 to 2."""
        return sum(max((sure for _, sure in self._detections(image, far)), default=0.0) for far in (True, False))

    def _detected_boxes(self, image: np.ndarray) -> list[np.ndarray]:
        small, factor = _shrink(image)
        return [box * factor for box, _ in self._detections(np.ascontiguousarray(small), far=True)]

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
def quiet_stderr() -> Iterator[None]:
    """The libraries' C++ writes notices straight to file descriptor 2; a progress display would be torn apart."""
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
