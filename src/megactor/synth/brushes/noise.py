"""Smooth random fields for textures, and colors to paint with."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike


def smooth_noise(rng: np.random.Generator, size: int, cells: Sequence[int], amplitudes: Sequence[float]) -> np.ndarray:
    """A sum of smooth fields of normal random numbers, the same picture at every size.

    Args:
        rng: as many numbers are drawn whatever `size` is.
        size: side of the result in pixels.
        cells: how many random numbers lie along a side, one entry an octave.
        amplitudes: standard deviation of each octave's numbers.

    Returns:
        (size, size) float32.
    """
    total = np.zeros((size, size), np.float32)
    for count, amplitude in zip(cells, amplitudes, strict=True):
        numbers = rng.normal(0, amplitude, (count, count)).astype(np.float32)
        # an average where there are more numbers than pixels, so that fine grain fades instead of flickering
        method = cv2.INTER_CUBIC if count < size else cv2.INTER_AREA
        total += cv2.resize(numbers, (size, size), interpolation=method)
    return total


def linear(srgb: ArrayLike) -> np.ndarray:
    """Linear light of sRGB values given in 0..255."""
    c = np.asarray(srgb, float) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """(3,) float32 RGB in [0, 1] of a hue in degrees (any number) and saturation and value in [0, 1]."""
    return cv2.cvtColor(np.array([[[hue % 360, saturation, value]]], np.float32), cv2.COLOR_HSV2RGB)[0, 0]
