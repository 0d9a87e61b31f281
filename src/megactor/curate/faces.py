"""One person's face through one clip: where it is, what it does, and what the picture of it is worth."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from megactor.drive.crop import FACE_CENTER, FACE_SCALE, CropBox, crop_and_resize, face_center, face_size
from megactor.errors import FaceError
from megactor.faces import measures
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import MESH_TO_68, Face
from megactor.faces.tracking import FaceTrack, track_face

LOOK_EVERY = 12
"""Frames between two looks at the whole picture for other people."""
PATIENCE = 4
"""Looks without a face after which a clip is given up: whole pictures without a face take longest to search."""

_IRISES_LEFT_FIRST = (473, 468)
"""Of the person: the schema's order of the 70 landmarks."""
_SKIN_RIGHT = (67, 109, 50, 117, 205, 187, 36, 136, 172, 57, 212, 216, 206, 210)
"""Mesh vertices on bare skin of the half that lies left in the picture: forehead, cheek, jaw, beside the mouth."""
_SKIN_LEFT = (297, 338, 280, 346, 425, 411, 266, 365, 397, 287, 432, 436, 426, 430)
_SKIN_MIDDLE = (10, 151, 9, 195, 4, 2, 164, 18, 200, 199, 175)
_SKIN_SIDE = 128
"""Side at which skin is sampled."""
_OTHER_COLOR = 10.0
"""CIE 1976 color difference from which a point no longer shows its skin."""
_COVERED_POINTS = 0.15
"""Share of the judged points that a covered frame has of those."""
_FACE_PIXELS = 128
"""Height to which a larger face is reduced before its sharpness is measured."""
_MARGIN = 0.08
"""Of the face's size, that the crop keeps around the places of the face."""


@dataclass(frozen=True)
class Followed:
    """A person's face over T frames, in pixels of the source.

    track: the face.
    size: width and height of the source's frames.
    crowded: share of the looked-at frames that show another person.
    """

    track: FaceTrack
    size: tuple[int, int]
    crowded: float


def follow(
    frames: Iterable[np.ndarray], analyzer: FaceAnalyzer, size: tuple[int, int], other_size: float = 0.25
) -> Followed:
    """Follows the largest face through a clip and looks for others now and then.

    Args:
        frames: uint8 RGB (H, W, 3), may be smaller than the source; consumed once.
        analyzer: finds faces.
        size: width and height of the source's frames.
        other_size: area of another face, relative to the followed one, from which it counts.

    Raises:
        FaceError: no face.
    """
    looks: dict[int, list[Face]] = {}
    width = 0

    def looked_at() -> Iterator[np.ndarray]:
        nonlocal width
        missed = 0
        for number, frame in enumerate(frames):
            width = frame.shape[1]
            if number % LOOK_EVERY == 0:
                looks[number] = _confirmed(frame, analyzer)
                missed += not looks[number]
                if missed >= PATIENCE:
                    raise FaceError(f"no face in {missed} of the first {len(looks)} frames that were looked at")
            yield frame

    track = track_face(looked_at(), analyzer)
    others = [_others(track.boxes[number], faces, other_size) for number, faces in looks.items() if number < len(track)]
    landmarks = (track.landmarks * (size[0] / width)).astype(np.float32)
    return Followed(FaceTrack(landmarks, track.found), size, float(np.mean(others)) if others else 0.0)


def _confirmed(frame: np.ndarray, analyzer: FaceAnalyzer) -> list[Face]:
    """All faces; where there are several, those that are found again from near: windows of a house are not."""
    found = analyzer.faces(frame)
    return found if len(found) < 2 else [face for face in found if _found_again(face, frame, analyzer)]


def _found_again(face: Face, frame: np.ndarray, analyzer: FaceAnalyzer) -> bool:
    size = float(face_size(face.box))
    x0, y0 = (max(int(v - 0.3 * size), 0) for v in face.box[:2])
    x1, y1 = (int(v + 0.3 * size) for v in face.box[2:])
    part = np.ascontiguousarray(frame[y0:y1, x0:x1])
    if min(part.shape[:2]) < 2:
        return False
    return any(np.abs(near.moved(1, (x0, y0)).box - face.box).max() < size / 4 for near in analyzer.faces(part))


def _others(box: np.ndarray, faces: list[Face], other_size: float) -> bool:
    area = float((box[2] - box[0]) * (box[3] - box[1]))
    away = [face for face in faces if np.linalg.norm(face_center(face.box) - face_center(box)) > face_size(box) / 2]
    return any(face.area >= other_size * area for face in away)


def crop_square(followed: Followed) -> CropBox:
    """One static square for the whole clip: as portraits are cropped, larger where the face moves out of that.

    Whole pixels, within the picture unless the face's way is longer than the picture's shorter side.
    """
    boxes = followed.track.smooth_boxes()
    size = float(np.median(face_size(boxes)))
    low, high = boxes[:, :2].min(0) - _MARGIN * size, boxes[:, 2:].max(0) + _MARGIN * size
    side = max(FACE_SCALE * size, float(np.max(high - low)))
    side = max(min(side, *followed.size), 1.0)
    start = np.median(face_center(boxes), axis=0) - np.array(FACE_CENTER) * side
    start = np.minimum(np.maximum(start, high - side), low)
    start = np.clip(start, 0, np.maximum(np.array(followed.size) - side, 0))
    return CropBox(float(round(start[0])), float(round(start[1])), float(int(side)))


def cropped(frames: Iterable[np.ndarray], followed: Followed, box: CropBox, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a clip out of the source's whole frames.

    Returns:
        Pictures (T, size, size, 3) uint8 and the face's mesh in them (T, 478, 2) float32 pixels; T is what both have.
    """
    pictures = [crop_and_resize(frame, box, size, repeat_border=True) for frame in frames]
    count = min(len(pictures), len(followed.track))
    return np.stack(pictures[:count]), box.to_crop(followed.track.landmarks[:count], size)


def landmarks70(mesh: np.ndarray) -> np.ndarray:
    """(T, 478, 2) -> (T, 70, 2): the 68 points of iBUG 300-W, then the person's left and right iris."""
    return np.ascontiguousarray(mesh[:, [*MESH_TO_68, *_IRISES_LEFT_FIRST]])


def measured(mesh: np.ndarray) -> dict[str, np.ndarray]:
    """What the face does in every frame, as `megactor.faces.measures` defines it.

    Args:
        mesh: (T, 478, 2).

    Returns:
        mouth, yaw, pitch, roll: (T,); lids: (T, 2), the eye on the picture's left first; gaze: (T, 2); float32.
    """
    faces = [Face(points) for points in mesh]
    values = {
        "mouth": [measures.mouth_opening(face) for face in faces],
        "lids": [measures.eye_opening(face) for face in faces],
        "yaw": [measures.head_yaw(face) for face in faces],
        "pitch": [measures.head_pitch(face) for face in faces],
        "roll": [measures.head_roll(face) for face in faces],
        "gaze": [measures.gaze(face) for face in faces],
    }
    return {name: np.array(rows, np.float32) for name, rows in values.items()}


def jump(track: FaceTrack) -> float:
    """Farthest way of the face's center from one frame to the next, in face sizes."""
    boxes = track.boxes
    if len(boxes) < 2:
        return 0.0
    ways = np.linalg.norm(np.diff(face_center(boxes), axis=0), axis=1)
    return float((ways / np.maximum(face_size(boxes)[1:], 1.0)).max())


def jitter(track: FaceTrack) -> float:
    """How much the face trembles: median change of its center's velocity from frame to frame, in face sizes."""
    centers = face_center(track.boxes)
    if len(centers) < 3:
        return 0.0
    changes = np.linalg.norm(centers[:-2] - 2 * centers[1:-1] + centers[2:], axis=1)
    return float(np.median(changes) / max(float(np.median(face_size(track.boxes))), 1.0))


def outside(followed: Followed) -> float:
    """Share of the frames in which a tenth of the face and more lies beyond the picture's edge."""
    boxes, (width, height) = followed.track.boxes, followed.size
    beyond = np.maximum(-boxes[:, :2], boxes[:, 2:] - np.array([width, height])).max(1)
    return float((beyond > 0.1 * face_size(boxes)).mean())


def sharpness(pictures: np.ndarray, mesh: np.ndarray) -> float:
    """Mean absolute Laplacian of the face over its contrast, as if it were 128 pixels high; median of a few frames.

    Args:
        pictures: (T, S, S, 3) uint8.
        mesh: (T, 478, 2) pixels.
    """
    values = []
    for frame in np.linspace(0, len(pictures) - 1, min(len(pictures), 9)).astype(int):
        (x0, y0), (x1, y1) = mesh[frame].min(0), mesh[frame].max(0)
        part = pictures[frame][max(int(y0), 0) : max(int(y1), 1), max(int(x0), 0) : max(int(x1), 1)]
        if min(part.shape[:2]) < 2:
            values.append(0.0)
            continue
        gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)  # rounding would look like detail
        if part.shape[0] > _FACE_PIXELS:
            width = max(8, round(part.shape[1] * _FACE_PIXELS / part.shape[0]))
            gray = cv2.resize(gray, (width, _FACE_PIXELS), interpolation=cv2.INTER_AREA)
        edges = float(np.abs(cv2.Laplacian(gray, cv2.CV_32F)).mean()) / max(float(gray.std()), 1.0)
        values.append(edges * gray.shape[0] / _FACE_PIXELS)  # what is small has steeper edges
    return float(np.median(values))


def covered(pictures: np.ndarray, mesh: np.ndarray, yaw: np.ndarray) -> float:
    """Share of the frames in which something seems to cover a part of the face.

    Points on the skin are compared with their own median over the clip, so hands and microphones that come and go are
    found; what covers the face all the time is not. The half that is turned away is not judged.

    Args:
        pictures: (T, S, S, 3) uint8.
        mesh: (T, 478, 2) pixels.
        yaw: (T,), see `measures.head_yaw`.
    """
    points = [*_SKIN_RIGHT, *_SKIN_LEFT, *_SKIN_MIDDLE]
    side = pictures.shape[1]
    colors = np.empty((len(pictures), len(points), 3), np.float32)
    for number, picture in enumerate(pictures):
        small = cv2.resize(picture, (_SKIN_SIDE, _SKIN_SIDE), interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(cv2.GaussianBlur(small, (0, 0), 1.5).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        x, y = (mesh[number, points] * (_SKIN_SIDE / side) - 0.5).T.astype(np.float32)
        colors[number] = cv2.remap(lab, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    change = colors - np.median(colors, axis=0)
    change -= np.median(change, axis=1, keepdims=True)  # the light of the whole face may change
    other = np.linalg.norm(change, axis=2) > _OTHER_COLOR
    judged = np.ones(other.shape, bool)
    judged[yaw > 0.25, len(_SKIN_RIGHT) : len(_SKIN_RIGHT) + len(_SKIN_LEFT)] = False
    judged[yaw < -0.25, : len(_SKIN_RIGHT)] = False
    return float(((other & judged).sum(1) > _COVERED_POINTS * judged.sum(1)).mean())


def contact_strip(frames: list[np.ndarray], side: int = 128) -> np.ndarray | None:
    """Up to six whole frames side by side (side, N side, 3), each fitted into a black square; None without frames."""
    squares = []
    for frame in frames[:6]:
        square = np.zeros((side, side, 3), np.uint8)
        scale = side / max(frame.shape[:2])
        width, height = (max(1, round(length * scale)) for length in frame.shape[1::-1])
        small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        y, x = (side - height) // 2, (side - width) // 2
        square[y : y + height, x : x + width] = small
        squares.append(square)
    return np.hstack(squares) if squares else None
