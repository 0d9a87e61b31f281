"""Putting the animated square back into the whole portrait picture."""

import cv2
import numpy as np

from megactor.drive.crop import CropBox

BORDER = 0.12
"""Of the square's side: how far in the animation blends into the still picture."""


LARGEST_SIDE, LARGEST_AREA = 3840, 3840 * 2160
"""Pixels of what nearly every player shows: 4K, H.264 level 5.1 (5.2 from 31 to 60 frames a second)."""


_STRIP = 128  # rows


class PasteBack:
    """Blends frames into one portrait; the mask is made once.

    Args:
        picture: uint8 (H, W, 3), the whole portrait.
        box: where the animated square lies in it; may reach outside.
        full_size: keep a picture that is larger than 4K; else it is scaled down to that.

    Attributes:
        scaled: it was.
    """

    def __init__(self, picture: np.ndarray, box: CropBox, full_size: bool = False):
        self._whole = picture.shape[1], picture.shape[0]
        scale = 1.0 if full_size else _fitting_scale(*self._whole)
        if scale < 1:
            width, height = (max(1, round(side * scale)) for side in self._whole)
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            box = CropBox(box.x * scale, box.y * scale, box.side * scale)
        self.scaled = scale < 1
        # H.264 wants even sides; a row or column less is not missed
        height, width = (side - side % 2 if side > 1 else side for side in picture.shape[:2])
        self._picture = picture[:height, :width]
        self._side = max(1, round(box.side))
        x0, y0 = round(box.x), round(box.y)
        self._place = (_overlap(y0, self._side, height), _overlap(x0, self._side, width))
        self._part = tuple(slice(p.start - o, p.stop - o) for p, o in zip(self._place, (y0, x0), strict=True))
        outside = (y0 <= 0, y0 + self._side >= height, x0 <= 0, x0 + self._side >= width)
        self._alpha = _soft_mask(self._side, outside)[self._part]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the pasted frames."""
        height, width = self._picture.shape[:2]
        return width, height

    @property
    def note(self) -> str:
        """What to tell the user of a picture that was `scaled`."""
        (width, height), (old_width, old_height) = self.size, self._whole
        return (
            f"the {old_width}x{old_height} portrait was scaled to {width}x{height}, since most players show no larger "
            "videos: --full-size keeps it"
        )

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """uint8 (N, N, 3) -> uint8 (H, W, 3)."""
        interpolation = cv2.INTER_AREA if frame.shape[0] > self._side else cv2.INTER_CUBIC
        fitted = cv2.resize(frame, (self._side, self._side), interpolation=interpolation)[self._part]
        result = self._picture.copy()
        place = result[self._place]
        for top in range(0, len(place), _STRIP):  # as floats, a square of 4K would take hundreds of MB
            rows = slice(top, top + _STRIP)
            still = place[rows].astype(np.float32)
            blended = still + self._alpha[rows] * (fitted[rows].astype(np.float32) - still)
            place[rows] = np.clip(blended + 0.5, 0, 255).astype(np.uint8)
        return result


def _fitting_scale(width: int, height: int) -> float:
    return min(1.0, LARGEST_SIDE / max(width, height), (LARGEST_AREA / (width * height)) ** 0.5)


def _overlap(start: int, side: int, length: int) -> slice:
    """The part of [start, start + side) that lies in [0, length); empty where they do not meet."""
    first = min(max(start, 0), length)
    return slice(first, max(first, min(start + side, length)))


def _soft_mask(side: int, at_edge: tuple[bool, bool, bool, bool]) -> np.ndarray:
    """(side, side, 1) float32: 1 inside, a cosine ramp to 0 at the borders.

    at_edge: top, bottom, left, right: sides that lie at the picture's own edge, where there is nothing to blend into.
    """
    ramp_length = max(1.0, BORDER * side)
    distance = np.arange(side) + 0.5
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.clip(distance / ramp_length, 0, 1))
    top, bottom, left, right = (np.ones(side) if edge else ramp for edge in at_edge)
    mask = (top * bottom[::-1])[:, None] * (left * right[::-1])[None]
    return mask[..., None].astype(np.float32)
