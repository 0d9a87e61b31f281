"""Square crops: the official ones (the largest square around the face) and ours (relative to the face)."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from megactor.errors import FaceError, InputError
from megactor.options import Square

FACE_SCALE = 1.85
"""Side of our crops over the face's size: what the renders that `nano` was trained on show."""

FACE_CENTER = (0.5, 0.38)
"""Where the face's center lies in our portrait crop, in parts of its side."""

LEAST_SCALE = 1.2
"""Side over the face's size where a portrait shows no more around it."""

MOST_SCALE = 4.0
"""Side over the face's size up to which one may ask for a square: the networks see few pixels of a smaller face."""

SLACK = 0.05
"""Of its size, that a face may reach out of a square which was asked for: boxes are no nearer to what people see."""


@dataclass(frozen=True)
class CropBox:
    """A square in pixels of a picture; may reach outside of it.

    x, y: left top corner.
    side: length of its sides.
    """

    x: float
    y: float
    side: float

    def to_crop(self, points: np.ndarray, size: int) -> np.ndarray:
        """(..., 2) points of the picture -> pixels of the crop resized to `size`."""
        return ((points - np.array([self.x, self.y])) * (size / self.side)).astype(np.float32)

    def turned(self, turns: int, width: int, height: int) -> "CropBox":
        """The square after `turns` quarter turns (`np.rot90`) of its picture, which has that size before them."""
        x, y = self.x, self.y
        for _ in range(turns % 4):
            x, y = y, width - x - self.side
            width, height = height, width
        return CropBox(x, y, self.side)


def face_size(boxes: np.ndarray) -> np.ndarray:
    """(..., 4) boxes -> (...): the longer side, which changes least when a head turns or nods."""
    return np.maximum(boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1])


def face_center(boxes: np.ndarray) -> np.ndarray:
    """(..., 4) boxes -> (..., 2) centers."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def portrait_crop(box: np.ndarray, width: int, height: int) -> CropBox:
    """A square around a face, of `FACE_SCALE` faces where the picture holds that, of `LEAST_SCALE` at least.

    It lies within the picture; where the picture is smaller, the picture lies within it.

    Args:
        box: (4,) face box in pixels.
        width: of the picture.
        height: of the picture.
    """
    size = float(face_size(box))
    side = float(np.clip(min(width, height), LEAST_SCALE * size, FACE_SCALE * size))
    # hair needs more room than the chin, where there is any
    room = (side / size - 1) / (FACE_SCALE - 1)
    center = 0.5 + (np.array(FACE_CENTER) - 0.5) * room
    x, y = face_center(box) - center * side
    return CropBox(_into(x, side, width), _into(y, side, height), side)


def asked_crop(square: Square, faces: Sequence[np.ndarray], index: int, size: tuple[int, int]) -> CropBox:
    """The square that was asked for, if it can be animated.

    Args:
        square: left, top and side in pixels.
        faces: boxes (4,) of all faces of the picture.
        index: which of them is animated.
        size: (width, height) of the picture.

    Raises:
        InputError: it reaches out of the picture.
        FaceError: it does not hold the face, or little else than other things.
    """
    (x, y, side), (width, height) = square, size
    told = ",".join(f"{value:g}" for value in square)
    if min(x, y) < -1 or x + side > width + 1 or y + side > height + 1:
        raise InputError(f"the portrait crop {told} reaches out of the {width}x{height} portrait")
    held = [number for number, box in enumerate(faces) if _holds(square, box, size)]
    if not held:
        raise FaceError(f"the portrait crop {told} holds no whole face: choose a part around one")
    if index not in held:
        others = " and ".join(str(number) for number in held)
        raise FaceError(f"the portrait crop {told} holds face {others}, not {index}: say so with --face {held[0]}")
    times = side / float(face_size(faces[index]))
    if times > MOST_SCALE:
        raise FaceError(
            f"the portrait crop {told} is {times:.1f} times as large as the face, {MOST_SCALE:g} are the most: "
            "choose a smaller part (--paste-back shows the whole portrait)"
        )
    return CropBox(x, y, side)


def _holds(square: Square, box: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether what the picture shows of a face lies in the square, or nearly so."""
    slack = SLACK * float(face_size(box))
    first, last = (np.clip(corner, 0, size) for corner in (box[:2], box[2:]))
    start = np.array(square[:2])
    return bool((first >= start - slack).all() and (last <= start + square[2] + slack).all())


def _into(start: float, side: float, length: int) -> float:
    """Moves [start, start + side] into [0, length], or round it if it is longer."""
    return float(np.clip(start, min(0, length - side), max(0, length - side)))


def crop_and_resize(image: np.ndarray, box: CropBox, size: int, repeat_border: bool = False) -> np.ndarray:
    """Cuts a square out and resizes it without aliasing.

    Args:
        image: uint8 (H, W, 3).
        box: what to cut, rounded to whole pixels.
        size: side of the result.
        repeat_border: fill what lies outside of the picture with its border instead of black.

    Returns:
        uint8 (size, size, 3).
    """
    height, width = image.shape[:2]
    side = max(1, round(box.side))
    x0, y0 = round(box.x), round(box.y)
    inside = image[max(y0, 0) : max(min(y0 + side, height), 0), max(x0, 0) : max(min(x0 + side, width), 0)]
    if inside.size == 0:
        return np.zeros((size, size, 3), np.uint8)
    top, left = max(-y0, 0), max(-x0, 0)
    bottom, right = side - top - inside.shape[0], side - left - inside.shape[1]
    if top or left or bottom or right:
        border = cv2.BORDER_REPLICATE if repeat_border else cv2.BORDER_CONSTANT
        inside = cv2.copyMakeBorder(inside, top, bottom, left, right, border)
    return cv2.resize(inside, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)


def official_square(center: tuple[float, float], width: int, height: int) -> tuple[int, int, int, int]:
    """The official crop: the largest square around a point that fits into the picture.

    Returns:
        (top, bottom, left, right), every edge cut to a whole pixel on its own as in the official code.

    Raises:
        ValueError: the center lies outside of the picture.
    """
    x, y = center
    half = min(x, y, width - x, height - y)
    if half <= 0:
        raise ValueError(f"center {center} lies outside of the {width}x{height} picture")
    return int(y - half), int(y + half), int(x - half), int(x + half)


def official_clip_square(boxes: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """The official crop of a whole clip: `official_square` around the center of all face boxes' union.

    Args:
        boxes: (F, 4).
        width: of the frames.
        height: of the frames.
    """
    # the official union starts from an empty box at the right and bottom edges, so it never leaves the picture there
    x0, y0 = np.minimum(boxes[:, :2].min(0), [width, height])
    x1, y1 = np.maximum(boxes[:, 2:].max(0), 0)
    return official_square((int((x0 + x1) // 2), int((y0 + y1) // 2)), width, height)
