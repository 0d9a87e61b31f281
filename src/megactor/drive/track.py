"""The first pass over a driving video: where the face is, and what of it is kept for the second pass."""

import math
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from megactor.drive.pose import RIGID
from megactor.errors import FaceError
from megactor.faces import measures
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import MESH_TO_68, Face
from megactor.faces.tracking import FaceFollower
from megactor.media.shots import CutWatch, stands_out

OUTLINE = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Mesh vertices around the face, clockwise from the forehead."""

KEPT = (*RIGID, *(vertex for vertex in OUTLINE if vertex not in RIGID))
"""Vertices that are kept of every frame, the rigid ones first; their box is the face's."""

KEPT_FOR_CONTOUR = (*KEPT, *MESH_TO_68)
"""The same where the 68 points of iBUG 300-W are needed as well, behind them."""

WHOLE, CLEAR = 0.8, 0.35
"""Of the face's usual part in the picture, and of its usual contrast: a frame that shows less, since the face leaves it
or it fades, counts as one without a face."""

LEAST_FOUND = 1 / 3
"""Part of the frames that must show the face."""

FAR_PLACE, FAR_SIZE = 0.5, 1.35
"""Face sizes and factor from which a face is framed anew: it went, and came back elsewhere."""

NEAR = 0.35
"""Of those, behind a cut."""


@dataclass(frozen=True)
class Shot:
    """Frames of one framing.

    first: its first frame, which shows the face.
    turns: quarter turns (`np.rot90`) that bring its face upright.
    """

    first: int
    turns: int


@dataclass(frozen=True)
class DriverTrack:
    """What is known of F frames.

    points: (F, V, 2) float32 pixels, the vertices that were asked for; nothing where no face was found.
    looks: (F, 4) float32, see `look_of`.
    found: (F,) bool, whether the frame shows the face.
    shots: in order.
    """

    points: np.ndarray
    looks: np.ndarray
    found: np.ndarray
    shots: list[Shot]

    def __len__(self) -> int:
        return len(self.found)

    def spans(self) -> list[tuple[Shot, int]]:
        """Every shot and the frame behind its last one; frames before the first face belong to none."""
        ends = [shot.first for shot in self.shots[1:]] + [len(self)]
        return list(zip(self.shots, ends, strict=True))


def look_of(face: Face) -> np.ndarray:
    """(4,) float32: turn, nod, mouth and lids, in units that make equal differences look alike."""
    values = measures.head_yaw(face), measures.head_pitch(face), measures.mouth_opening(face)
    lids = float(np.mean(measures.eye_opening(face)))
    return np.array([*values, lids], np.float32) / np.array([0.1, 0.05, 0.05, 0.1], np.float32)


class ShotFollower:
    """Follows a face through shots, one frame after the other.

    Args:
        analyzer: finds faces.

    Attributes:
        may_be_cut: whether the last frame may have begun another shot.
        missed: frames without a face before the last one that has one.
    """

    def __init__(self, analyzer: FaceAnalyzer) -> None:
        self._follow = FaceFollower(analyzer)
        self._watch = CutWatch()
        self._last: Face | None = None
        self._cut = False  # since the last face
        self._lost = self.missed = 0
        self.may_be_cut = False

    @property
    def change(self) -> float:
        """Of the last frame against the one before."""
        return self._watch.change

    @property
    def turns(self) -> int:
        """Quarter turns (`np.rot90`) that bring the face upright."""
        return self._follow.turns

    def __call__(self, frame: np.ndarray) -> tuple[Face | None, float]:
        """Uint8 RGB (H, W, 3) -> the face, and how far it lies from the last one (`_way`); infinite for the first.

        A face that was never lost, and nothing cut, may be anywhere: it moves, however fast. Its size must be alike.
        """
        self.may_be_cut = self._watch(frame)
        self._cut |= self.may_be_cut
        face = self._follow(frame, self.may_be_cut)
        if face is None:
            self._lost += 1
            return None, 0.0
        last, self._last = self._last, face
        way = np.inf if last is None else _way(last, face, moves=not (self._lost or self._cut))
        self.missed, self._lost, self._cut = self._lost, 0, False
        return face, way


def follow_driver(
    frames: Iterable[np.ndarray],
    analyzer: FaceAnalyzer,
    vertices: tuple[int, ...] = KEPT,
    progress: Callable[[int], None] | None = None,
) -> DriverTrack:
    """Follows one face through a driving video.

    Args:
        frames: uint8 RGB (H, W, 3), consumed once.
        analyzer: finds faces.
        vertices: of the mesh, kept of every frame.
        progress: called with the number of frames seen.

    Raises:
        FaceError: less than a third of the frames show a face.
    """
    kept, looks, clear, changes = (array("f") for _ in range(4))  # they grow in place
    shots: list[Shot] = []
    cut: int | None = None
    cuts: dict[Shot, int] = {}  # what only begins another shot if the frame stands out
    follow = ShotFollower(analyzer)
    for number, frame in enumerate(frames):
        face, way = follow(frame)
        changes.append(follow.change)
        cut = number if follow.may_be_cut else cut
        if face is not None:
            shot = Shot(number, follow.turns)
            if way >= 1 and (cut is None or follow.missed or not shots):
                shots.append(shot)
            elif way >= NEAR and cut is not None:
                shots.append(shot)
                cuts[shot] = cut
            cut = None
        points = np.zeros((478, 2), np.float32) if face is None else face.landmarks
        kept.frombytes(points[list(vertices)].tobytes())
        looks.frombytes((np.zeros(4, np.float32) if face is None else look_of(face)).tobytes())
        clear.frombytes((np.zeros(2, np.float32) if face is None else clearness(frame, face.box)).tobytes())
        if progress:
            progress(number + 1)
    frame_changes = np.frombuffer(changes, np.float32)
    shots = [shot for shot in shots if shot not in cuts or stands_out(frame_changes, cuts[shot])]
    seen = np.frombuffer(clear, np.float32).reshape(-1, 2)
    found = np.zeros(len(seen), bool)
    for first, end in pairwise([*(shot.first for shot in shots), len(seen)]):
        found[first:end] = _clear_faces(seen[first:end])
    _require_faces(found)
    points = np.frombuffer(kept, np.float32).reshape(-1, len(vertices), 2)
    return DriverTrack(points, np.frombuffer(looks, np.float32).reshape(-1, 4), found, shots)


def _way(last: Face, face: Face, moves: bool) -> float:
    """How far a face is from another: 1 for `FAR_PLACE` or `FAR_SIZE`; of one that moves, only the size counts."""
    sizes = [float((of.box[2:] - of.box[:2]).max()) for of in (last, face)]
    way = float(np.linalg.norm(face.box[:2] + face.box[2:] - last.box[:2] - last.box[2:])) / 2
    place = 0.0 if moves else way / (FAR_PLACE * max(sizes))
    return max(place, abs(math.log(sizes[0] / sizes[1])) / math.log(FAR_SIZE))


def clearness(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """(2,) float32: the part of a face's box (4,) that lies in the frame, and the contrast there; zeros for none."""
    size = frame.shape[1::-1]
    (x0, y0), (x1, y1) = (np.clip(corner, 0, size).astype(int) for corner in (box[:2], box[2:]))
    step = max(1, (x1 - x0) // 32)
    part = frame[y0:y1:step, x0:x1:step]
    if part.size == 0:
        return np.zeros(2, np.float32)
    shown = (x1 - x0) * (y1 - y0) / max(float(np.prod(box[2:] - box[:2])), 1.0)
    return np.array([min(shown, 1.0), part.mean(2).std()], np.float32)


def is_clear(clear: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Whether `clearness` (..., 2) comes near enough to what is usual, (2,)."""
    return (clear[..., 0] > 0) & (clear >= np.array([WHOLE, CLEAR]) * usual).all(-1)


def _clear_faces(clear: np.ndarray) -> np.ndarray:
    """(F, 2) of one shot -> (F,) whether a frame shows the face as clearly as half of those that show it."""
    seen = clear[clear[:, 0] > 0]
    return is_clear(clear, np.median(seen, axis=0)) if len(seen) else np.zeros(len(clear), bool)


def _require_faces(found: np.ndarray) -> None:
    count = int(found.sum())
    if count >= LEAST_FOUND * len(found) and count:
        return
    what = "no face in any" if not count else f"only {count}"
    raise FaceError(
        f"{what} of the {len(found)} driving frames{' show a face' if count else ''}: use a video that shows one face "
        "clearly, or another part of it (--start, --end)"
    )
