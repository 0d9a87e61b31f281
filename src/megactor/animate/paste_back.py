"""Putting the animated square back into the whole portrait picture."""

import cv2
import numpy as np

from megactor.drive.crop import CropBox

BORDER = 0.12
"""Of the square's side: how far in the animation blends into the still picture."""


class PasteBack:
    """Blends frames into one portrait; the mask is made once.

    Args:
        picture: uint8 (H, W, 3), the whole portrait.
        box: where the animated square lies in it; may reach outside.
    """

    def __init__(self, picture: np.ndarray, box: CropBox):
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

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """uint8 (N, N, 3) -> uint8 (H, W, 3)."""
        interpolation = cv2.INTER_AREA if frame.shape[0] > self._side else cv2.INTER_CUBIC
        fitted = cv2.resize(frame, (self._side, self._side), interpolation=interpolation)[self._part]
        result = self._picture.copy()
        still = result[self._place].astype(np.float32)
        blended = still + self._alpha * (fitted.astype(np.float32) - still)
        result[self._place] = np.clip(blended + 0.5, 0, 255).astype(np.uint8)
        return result


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
