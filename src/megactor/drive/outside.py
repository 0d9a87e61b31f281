"""What a square shows beyond the picture's edges: a soft continuation of what lies there."""

import cv2
import numpy as np

from megactor.drive.crop import CropBox, crop_and_resize

SOFTNESS = 0.5
"""Radius of the blur over the distance from the picture: repeated pixels alone would be streaks."""


def continued_crop(picture: np.ndarray, box: CropBox, size: int) -> np.ndarray:
    """Cuts a square out; beyond the picture its edges go on, the softer the farther away.

    Args:
        picture: uint8 (H, W, 3).
        box: what to cut, rounded to whole pixels.
        size: side of the result.

    Returns:
        uint8 (size, size, 3).
    """
    height, width = picture.shape[:2]
    crop = crop_and_resize(picture, box, size, repeat_border=True)
    if reach_beyond(box, width, height) <= 0:
        return crop
    scale = size / max(1, round(box.side))
    across, down = (_distance(start, length, scale, size) for start, length in ((box.x, width), (box.y, height)))
    level = np.log2(np.maximum(SOFTNESS * np.hypot(down[:, None], across[None]), 1))
    result = np.zeros(crop.shape, np.float32)
    for octave in range(int(np.ceil(level.max())) + 1):
        blurred = cv2.GaussianBlur(crop, (0, 0), 2.0**octave, borderType=cv2.BORDER_REPLICATE) if octave else crop
        result += np.clip(1 - np.abs(level - octave), 0, 1)[..., None] * blurred
    return np.clip(result + 0.5, 0, 255).astype(np.uint8)


def reach_beyond(box: CropBox, width: int, height: int) -> float:
    """How far a square reaches out of a picture at most, in parts of its side; not positive if it lies within."""
    return max(-box.x, -box.y, box.x + box.side - width, box.y + box.side - height) / box.side


def _distance(start: float, length: int, scale: float, size: int) -> np.ndarray:
    """(size,) pixels of the result from each to the picture, which begins at 0 and is so long; 0 within."""
    places = np.arange(size) + 0.5
    first, end = -round(start) * scale, (length - round(start)) * scale
    return np.maximum(np.maximum(first - places, places - end), 0)
