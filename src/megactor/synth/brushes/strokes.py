"""Filters that hand-made pictures are built from. Lengths are in pixels of a picture 256 high and scale with it."""
# mypy: disallow-untyped-defs=false

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np


def scale_of(picture: np.ndarray) -> float:
    """Pixels per unit of length."""
    return picture.shape[0] / 256


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur."""
    return cv2.GaussianBlur(picture, (0, 0), sigma * scale_of(picture))


def luminance(picture: np.ndarray) -> np.ndarray:
    """(S, S) of (S, S, 3) sRGB."""
    return picture @ np.array([0.3, 0.59, 0.11], np.float32)


def saturated(picture: np.ndarray, amount: float) -> np.ndarray:
    """Colors farther from gray (amount > 1) or nearer to it."""
    gray = luminance(picture)[..., None]
    return gray + (picture - gray) * np.float32(amount)


def kuwahara(picture: np.ndarray, radius: float) -> np.ndarray:
    """Each pixel gets the mean of the smoothest of four squares it is a corner of: brush dabs with sharp borders."""
    reach = max(1, round(radius * scale_of(picture)))
    side = (reach + 1, reach + 1)
    mean = cv2.blur(picture, side, anchor=(0, 0), borderType=cv2.BORDER_REFLECT)
    square = cv2.blur((picture**2).sum(axis=2), side, anchor=(0, 0), borderType=cv2.BORDER_REFLECT)
    variance = square - (mean**2).sum(axis=2)
    return np.asarray(_compiled()(mean, variance, reach))


@cache
def _compiled() -> Callable[..., np.ndarray]:
    from megactor.synth.jit import kernel  # numba takes a second to load, and few pictures are painted

    return kernel(_smoothest)


def _smoothest(mean, variance, reach):
    """Of the four squares that each pixel is a corner of, the mean of the one that varies least.

    Args:
        mean: (H, W, 3) float32, of the square whose upper left corner is the pixel.
        variance: (H, W) float32, of the same square.
        reach: sides of the squares less one; the picture is mirrored at its border.
    """
    best = np.empty_like(mean)
    for i in range(mean.shape[0]):
        above = i - reach if i >= reach else reach - i - 1
        for j in range(mean.shape[1]):
            left = j - reach if j >= reach else reach - j - 1
            row, column = i, j
            if variance[above, j] < variance[row, column]:
                row, column = above, j
            if variance[i, left] < variance[row, column]:
                row, column = i, left
            if variance[above, left] < variance[row, column]:
                row, column = above, left
            for channel in range(3):
                best[i, j, channel] = mean[row, column, channel]
    return best


def streaks(noise: np.ndarray, angle: float, length: float) -> np.ndarray:
    """Noise drawn out along a direction: the grain of brush or crayon."""
    reach = max(1, round(length * scale_of(noise) / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    dx, dy = round(reach * np.cos(angle)), round(reach * np.sin(angle))
    cv2.line(kernel, (reach - dx, reach - dy), (reach + dx, reach + dy), 1.0, 1, cv2.LINE_AA)
    return cv2.filter2D(noise, -1, kernel / kernel.sum())


def hatching(size: int, angle: float, spacing: float) -> np.ndarray:
    """(S, S) waves in [0, 1] of parallel strokes, `spacing` apart."""
    x, y = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    across = (x * np.cos(angle) + y * np.sin(angle)) / (spacing * size / 256)
    return (0.5 + 0.5 * np.sin(2 * np.pi * across)).astype(np.float32)
