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

TURNED_EVERY = 8
"""Frames without a face, before the first one, of which one is also looked at from another side."""

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
        return smoothed(self.boxes, sigma)


def smoothed(boxes: np.ndarray, sigma: float = 2.0) -> np.ndarray:
    """(F, 4) boxes without the detector's jitter: a Gaussian over time of `sigma` frames, the ends repeated."""
    radius = min(int(3 * sigma), len(boxes) - 1)
    if sigma <= 0 or radius < 1:
        return boxes
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(boxes.astype(np.float64), ((radius, radius), (0, 0)), mode="edge")
    smooth = [np.convolve(padded[:, i], weights / weights.sum(), mode="valid") for i in range(4)]
    return np.stack(smooth, axis=1).astype(np.float32)


class FaceFollower:
    """Follows the largest face of the first frame that has one, from frame to frame.

    Args:
        analyzer: finds faces.

    Attributes:
        last: the last face that was seen.
        turns: quarter turns of the frames (`np.rot90`) that bring it upright: the picture may lie on its side.
    """

    def __init__(self, analyzer: FaceAnalyzer) -> None:
        self._analyzer = analyzer
        self._lost = 0
        self._anywhere = True
        self.last: Face | None = None
        self.turns = 0

    def __call__(self, frame: np.ndarray, cut: bool = False) -> Face | None:
        """The face in the next frame, or None.

        Args:
            frame: uint8 RGB (H, W, 3).
            cut: it may begin another shot: where no face is near the last one, the largest is followed.
        """
        self._anywhere |= cut
        face = self._near_last(frame) or (self._largest(frame) if self._anywhere else None)
        if face is None:
            self._lost += 1
        else:
            self.last, self._lost, self._anywhere = face, 0, False
        return face

    def _near_last(self, frame: np.ndarray) -> Face | None:
        if self.last is None:
            return None
        height, width = frame.shape[:2]
        upright = np.rot90(frame, self.turns)
        last = self.last.turned(self.turns, width, height)
        face = _next_face(upright, self._analyzer, last, REACH + REACH_GROWTH * self._lost)
        return face and face.turned(-self.turns, upright.shape[1], upright.shape[0])

    def _largest(self, frame: np.ndarray) -> Face | None:
        face = next(iter(self._analyzer.faces(frame)), None)
        if face is None and self.last is None and self._lost % TURNED_EVERY == 0:
            # from some sides upside-down faces are not found at all
            face = self._found_in(frame, 1 + self._lost // TURNED_EVERY % 3)
        if face is None:
            return None
        self.turns = self._analyzer.turns_to_upright(frame, face)
        return (self._found_in(frame, self.turns) or face) if self.turns else face

    def _found_in(self, frame: np.ndarray, turns: int) -> Face | None:
        """The largest face of a frame that is turned first, in the frame as it is."""
        turned = np.ascontiguousarray(np.rot90(frame, turns))
        face = next(iter(self._analyzer.faces(turned)), None)
        return face and face.turned(-turns, turned.shape[1], turned.shape[0])


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


def _next_face(frame: np.ndarray, analyzer: FaceAnalyzer, last: Face, reach: float) -> Face | None:
    """Looks near the last place first: faster, sharper, and it stays with the same person."""
    x0, y0, x1, y1 = _search_area(last.box, frame.shape[1], frame.shape[0])
    if x1 - x0 > 1 and y1 - y0 > 1:
        for look, within in ((analyzer.near_faces, min(SAME, reach)), (analyzer.faces, reach)):
            part = np.ascontiguousarray(frame[y0:y1, x0:x1])
            near = [face.moved(1, (x0, y0)) for face in look(part)]
            face = _nearest(near, last, within)
            if face is not None:
                return face
    return _nearest(analyzer.faces(np.ascontiguousarray(frame)), last, reach)


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
