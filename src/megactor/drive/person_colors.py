"""Whose color a pixel beside an outline has: the person's or the background's.

A matte drawn to a picture's edges follows those of the background, too: the slats of a blind grow out of a head, and
move with it. But their color is seen all over the background beside, and nowhere on the person. And where a rim of the
person is mixed with what is behind, its color is not the person's own.
"""

import math

import cv2
import numpy as np

from megactor.drive.textures import BARE

_REACH, _SAMPLES = 0.05, 96
"""How far around a pixel, in picture sizes, and at how many places colors are compared."""
_RIM, _OWN_RIM = 0.008, 1
"""What is not sure of the person, in picture sizes, and of the background, in pixels."""
_NOISE = 6.0
"""Differences of colors, 255 = white, that say nothing."""
_APART = 40.0
"""How different the nearest colors of person and background are at least, together, where they can be told apart."""


def likeness(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """How much more a pixel looks like the person near it than like the background near it.

    Args:
        picture: uint8 (N, N, 3).
        matte: float32 (N, N) in [0, 1], 1 on the person; roughly right.

    Returns:
        float32 (N, N) in [0, 1], 0 where the color is the background's; 1 where it is the person's, where both have
        such colors, or none of them is near.
    """
    wide = max(1, round(_RIM * len(picture)))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * wide + 1,) * 2)
    person = cv2.erode((matte > 1 - BARE).astype(np.uint8), disk) > 0
    nobody = cv2.erode((matte < BARE).astype(np.uint8), np.ones((2 * _OWN_RIM + 1,) * 2)) > 0
    unsure = (matte >= BARE) & ~person
    to_person, to_background = (_difference(picture, unsure, known) for known in (person, nobody))
    both = to_person + to_background
    told = np.isfinite(both) & (both > _APART)
    alike = np.ones(matte.shape, np.float32)
    alike[unsure] = np.divide(to_background + _NOISE, both + 2 * _NOISE, out=np.ones_like(both), where=told)
    return alike


def _difference(picture: np.ndarray, where: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Of the colors at n places, bool (N, N), to the nearest of those known, bool (N, N), around each: (n,), or inf."""
    size = len(picture)
    rows, columns = np.nonzero(where)
    colors = picture[rows, columns].astype(np.float32)
    least = np.full(len(rows), np.inf, np.float32)
    for number in range(_SAMPLES):  # along a spiral, everywhere as dense
        angle, distance = number * math.pi * (3 - math.sqrt(5)), _REACH * size * math.sqrt((number + 0.5) / _SAMPLES)
        y = np.clip(rows + round(distance * math.sin(angle)), 0, size - 1)
        x = np.clip(columns + round(distance * math.cos(angle)), 0, size - 1)
        squared = np.square(picture[y, x] - colors).sum(1)
        least = np.where(known[y, x], np.minimum(least, squared), least)
    return np.sqrt(least)
