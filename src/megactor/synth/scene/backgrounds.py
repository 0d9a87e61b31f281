"""What is behind people: studio backdrops, rooms, shelves, streets, gardens, lights at night; often out of focus."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from megactor.synth.brushes.noise import hsv, smooth_noise
from megactor.synth.scene import places
from megactor.synth.streams import pick, stream

_PAINTED_SIZE = 256
"""Pictures are painted at least this large."""

_Painter = Callable[[np.random.Generator, int], np.ndarray]


@dataclass(frozen=True)
class Background:
    """A picture made when it is needed.

    kind: one of `KINDS`.
    seed: of what is in it.
    blur: radius of the lens blur as a part of the picture's height; 0 = in focus.
    """

    kind: str
    seed: int
    blur: float

    def picture(self, size: int) -> np.ndarray:
        """(size, size, 3) float32 sRGB in [0, 1]; the same picture at all sizes, but for its finest grain."""
        # larger, then reduced: OpenCV draws hard edges that are half a pixel too wide
        finer = size * max(2, -(-_PAINTED_SIZE // size))
        painted = np.clip(KINDS[self.kind](stream(self.seed, "background"), finer), 0, 1).astype(np.float32)
        return _out_of_focus(cv2.resize(painted, (size, size), interpolation=cv2.INTER_AREA), self.blur * size)


def random_background(seed: int) -> Background:
    """A background; places are mostly out of focus as they are behind portraits."""
    rng = stream(seed, "background kind")
    kind = pick(rng, _WEIGHTS)
    blur = float(rng.choice([0.004, 0.012, 0.025, 0.04])) if kind in _PLACES else 0.0
    return Background(kind=kind, seed=seed, blur=blur)


def _plain(rng: np.random.Generator, size: int) -> np.ndarray:
    """A wall with a little unevenness of light."""
    picture = np.tile(_wall_color(rng), (size, size, 1))
    return picture * (1 + smooth_noise(rng, size, [3, 6], [0.04, 0.02]))[..., None]


def _gradient(rng: np.random.Generator, size: int) -> np.ndarray:
    x, y = _axes(size)
    angle = rng.uniform(0, 2 * np.pi)
    t = np.clip((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) + 0.5, 0, 1)[..., None]
    return _wall_color(rng) * (1 - t) + _wall_color(rng) * t


def _studio(rng: np.random.Generator, size: int) -> np.ndarray:
    """A painted canvas with a pool of light behind the head."""
    x, y = _axes(size)
    center = rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.6)
    pool = np.exp(-((x - center[0]) ** 2 + (y - center[1]) ** 2) / rng.uniform(0.1, 0.4))[..., None]
    clouds = smooth_noise(rng, size, [4, 9, 18], [0.035, 0.025, 0.012])[..., None]
    return _wall_color(rng) * (0.25 + 0.75 * pool) * (1 + 2 * clouds)


def _wall_color(rng: np.random.Generator) -> np.ndarray:
    """Grays and muted colors more often than loud ones."""
    return hsv(rng.uniform(0, 360), rng.beta(1.1, 3), rng.uniform(0.12, 0.95))


def _axes(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns x (1, size) and rows y (size, 1) of the pixels' centers in [0, 1]."""
    line = (np.arange(size, dtype=np.float32) + 0.5) / size
    return line[None], line[:, None]


def _out_of_focus(picture: np.ndarray, radius: float) -> np.ndarray:
    """Blurs with a disc in linear light, as a lens does: highlights become discs."""
    if radius < 0.7:
        return picture
    side = 2 * int(np.ceil(radius)) + 1
    offset = np.arange(side) - side // 2
    disc = np.clip(radius + 0.5 - np.hypot(offset[:, None], offset), 0, 1).astype(np.float32)
    light = cv2.filter2D(picture**2.2, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)
    return np.clip(light, 0, 1) ** np.float32(1 / 2.2)


_PLACES: dict[str, _Painter] = {
    "room": places.room,
    "shelf": places.shelf,
    "curtain": places.curtain,
    "street": places.street,
    "garden": places.garden,
    "night": places.night,
}
KINDS: dict[str, _Painter] = {"plain": _plain, "gradient": _gradient, "studio": _studio, **_PLACES}
"""Painters: (random numbers, size) -> (size, size, 3)."""

_WEIGHTS = {
    "plain": 0.12,
    "gradient": 0.09,
    "studio": 0.17,
    "room": 0.22,
    "shelf": 0.07,
    "curtain": 0.05,
    "street": 0.08,
    "garden": 0.12,
    "night": 0.08,
}
