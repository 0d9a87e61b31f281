"""How a picture is finished: toned, faded, black and white, on paper or canvas; the same for all pictures of a clip.

Eyes and teeth are as white as the picture's white: a model that never saw a warm or faded one makes them blue or gray.
"""

from dataclasses import dataclass

import cv2
import numpy as np

_LUMINANCE = np.array([0.3, 0.59, 0.11], np.float32)
_GRAIN_CELLS = 192
"""Grains of paper along a side, whatever the picture's size."""


@dataclass(frozen=True)
class Finish:
    """A change of tones and a surface.

    curves: (256, 3) float32 in [0, 1], what each level of each channel becomes.
    color: how much of the color is kept; 0 is black and white.
    surface: (S, S) float32 factors near 1, or None for a smooth one.
    """

    curves: np.ndarray
    color: float
    surface: np.ndarray | None

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """(..., S, S, 3) uint8 -> the same, finished."""
        if self.color < 1:
            gray = (pictures @ _LUMINANCE)[..., None]
            pictures = np.clip(gray + (pictures - gray) * np.float32(self.color), 0, 255).astype(np.uint8)
        toned = np.stack([self.curves[pictures[..., channel], channel] for channel in range(3)], axis=-1)
        if self.surface is not None:
            toned *= self.surface[..., None]
        return np.round(np.clip(toned, 0, 1) * 255).astype(np.uint8)


def random_finish(rng: np.random.Generator, size: int) -> Finish:
    """A finish; a third are black and white or nearly so, half are on paper or canvas.

    Args:
        rng: draws.
        size: S of the pictures.
    """
    kind = rng.random()
    color = 0.0 if kind < 0.2 else float(rng.uniform(0.1, 0.7)) if kind < 0.4 else 1.0
    return Finish(_random_curves(rng, toned=color < 1), color, _random_surface(rng, size))


def _random_curves(rng: np.random.Generator, toned: bool) -> np.ndarray:
    """Gamma and contrast, then colors for black and white between which all levels lie."""
    levels = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.normal(0, 0.3))
    contrast = rng.uniform(-0.3, 0.5)
    levels = levels + contrast * levels * (1 - levels) * (2 * levels - 1) * 2
    warmth = rng.normal(0.03, 0.12) + (0.06 if toned else 0.0)  # old prints are brown more often than blue
    tint = np.array([warmth, rng.normal(0, 0.03), -warmth])
    white = np.clip(1 - abs(rng.normal(0, 0.15)) + tint, 0.35, 1)
    black = np.clip(max(rng.normal(0, 0.08), 0) + rng.normal(0, 0.02, 3), 0, 0.3)
    return (black + (white - black) * levels).astype(np.float32)


def _random_surface(rng: np.random.Generator, size: int) -> np.ndarray | None:
    """Half are smooth, a quarter paper with grain, a quarter canvas with threads."""
    kind, strength = rng.random(), float(rng.uniform(0.015, 0.06))
    if kind < 0.5:
        return None
    grain = rng.normal(0, strength, (_GRAIN_CELLS, _GRAIN_CELLS)).astype(np.float32)
    surface = 1 + cv2.resize(
        grain, (size, size), interpolation=cv2.INTER_AREA if size < _GRAIN_CELLS else cv2.INTER_CUBIC
    )
    if kind < 0.75:
        return surface
    across, angle = rng.uniform(60, 110), rng.uniform(-0.2, 0.2)
    x, y = np.meshgrid(np.arange(size) / size, np.arange(size) / size)
    along, over = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    # threads that pass over each other: bright where the upper one bulges
    weave = np.sin(np.pi * across * along) * np.sin(np.pi * across * over)
    return (surface + strength * weave).astype(np.float32)
