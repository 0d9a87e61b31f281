"""Following one person through a clip."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from megactor.errors import FaceError
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import Face

SEARCH_MARGIN = 0.75
"""Of the last box, on each side: where a face is looked for first."""

REACH, REACH_GROWTH = 0.75, 0.15
"""Face sizes that a center may move in one frame, and how much farther with every frame that the face is lost.

A neighbor at two face sizes takes over only after a third of a second (25 fps), so a head that turns away for a moment
is not swapped for another person; a cut to a face elsewhere is followed after a second or two.
"""

SAME = 0.25
"""Face sizes that a center may move so that no other face can be nearer: the rest of the picture need not be known."""


@dataclass(frozen=True)
class FaceTrack:
    """One face over F frames.

    landmarks: (F, 478, 2) float32 pixels; a frame without a face has those of the frame before, the first frames
        those of the first face.
    found: (F,) bool, whether the frame itself shows the face.
    """

    landmarks: np.ndarray
    found: np.ndarray

    def __len__(self) -> int:
        return len(self.landmarks)

    @property
    def boxes(self) -> np.ndarray:
        """(F, 4) float32: x0, y0, x1, y1 around the landmarks of every frame."""
        return np.concatenate([self.landmarks.min(1), self.landmarks.max(1)], axis=1)

    def smooth_boxes(self, sigma: float = 2.0) -> np.ndarray:
        """`boxes` without the detector's jitter: a Gaussian over time of `sigma` frames, the ends repeated."""
        boxes = self.boxes.astype(np.float64)
        radius = min(int(3 * sigma), len(boxes) - 1)
        if sigma <= 0 or radius < 1:
            return self.boxes
        weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
        padded = np.pad(boxes, ((radius, radius), (0, 0)), mode="edge")
        smooth = [np.convolve(padded[:, i], weights / weights.sum(), mode="valid") for i in range(4)]
        return np.stack(smooth, axis=1).astype(np.float32)


class FaceFollower:
    """Follows the largest face of the first frame that has one, from frame to frame.

    Args:
        analyzer: finds faces.
    """

    def __init__(self, analyzer: FaceAnalyzer) -> None:
        self._analyzer = analyzer
        self._lost = 0
        self.last: Face | None = None

    def __call__(self, frame: np.ndarray) -> Face | None:
        """The face in the next frame, uint8 RGB (H, W, 3), or None; `last` is the last one that was seen."""
        face = _next_face(frame, self._analyzer, self.last, REACH + REACH_GROWTH * self._lost)
        self._lost = 0 if face else self._lost + 1
        self.last = face or self.last
        return face


def track_face(
    frames: Iterable[np.ndarray],
    analyzer: FaceAnalyzer,
    progress: Callable[[int], None] | None = None,
) -> FaceTrack:
    """Follows one face through a whole clip, see `FaceFollower`.

    Args:
        frames: uint8 RGB (H, W, 3), consumed once.
        analyzer: finds faces.
        progress: called with the number of frames seen.

    Raises:
        FaceError: no frame shows a face, or there are no frames.
    """
    landmarks: list[np.ndarray] = []
    found: list[bool] = []
    follow = FaceFollower(analyzer)
    for frame in frames:
        found.append(follow(frame) is not None)
        # before the first face: a placeholder that is filled below
        landmarks.append(follow.last.landmarks if follow.last else np.zeros((478, 2), np.float32))
        if progress:
            progress(len(found))
    if not any(found):
        raise FaceError(
            f"no face in any of the {len(found)} driving frames: use a video that shows one face clearly, "
            "or another part of it (--start, --end)"
        )
    first = found.index(True)
    for i in range(first):
        landmarks[i] = landmarks[first]
    return FaceTrack(np.stack(landmarks), np.array(found))


def _next_face(frame: np.ndarray, analyzer: FaceAnalyzer, last: Face | None, reach: float) -> Face | None:
    """Looks near the last place first: faster, sharper, and it stays with the same person."""
    if last is None:
        return next(iter(analyzer.faces(frame)), None)
    x0, y0, x1, y1 = _search_area(last.box, frame.shape[1], frame.shape[0])
    if x1 - x0 > 1 and y1 - y0 > 1:
        for look, within in ((analyzer.near_faces, min(SAME, reach)), (analyzer.faces, reach)):
            near = [face.moved(1, (x0, y0)) for face in look(frame[y0:y1, x0:x1])]
            face = _nearest(near, last, within)
            if face is not None:
                return face
    return _nearest(analyzer.faces(frame), last, reach)


def _search_area(box: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    margin = SEARCH_MARGIN * max(box[2] - box[0], box[3] - box[1])
    x0, y0 = (max(int(v - margin), 0) for v in box[:2])
    return x0, y0, min(int(box[2] + margin), width), min(int(box[3] + margin), height)


def _nearest(faces: list[Face], last: Face, reach: float) -> Face | None:
    """The face whose center is nearest to the last one's, if it lies within `reach` face sizes."""

    def distance(face: Face) -> float:
        return float(np.linalg.norm(face.box[:2] + face.box[2:] - last.box[:2] - last.box[2:])) / 2

    face = min(faces, key=distance, default=None)
    size = float((last.box[2:] - last.box[:2]).max())
    return face if face is not None and distance(face) <= reach * size else None
