"""Styled twins: the clip as a painting, a drawing or a cartoon.

Every choice is made once for a clip, and textures belong to the paper, so a twin flickers no more than its source.
Lines come from differences of Gaussians (Winnemoeller et al., 2012), which need no geometry.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from megactor.curate.twins.backend import Made
from megactor.synth.brushes.noise import smooth_noise
from megactor.synth.brushes.strokes import blurred, kuwahara, luminance, saturated, streaks

_DABBED_AT = 256
"""Pixels of the longer side."""

_Painter = Callable[[np.ndarray, "_Choices"], np.ndarray]


class _Choices:
    """What is drawn by lot once for a clip."""

    def __init__(self, size: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.grain = smooth_noise(rng, size, [min(size, 200)], [1.0])
        self.marks = streaks(self.grain, rng.uniform(0, np.pi), 9)
        self.pools = smooth_noise(rng, size, [6, 16, 40], [0.06, 0.05, 0.03])
        self.tint = (np.array([1.05, 1.0, 0.92]) ** rng.uniform(-1, 1.5)).astype(np.float32)
        self.saturation = rng.uniform(1.1, 1.45)
        self.radius = rng.uniform(1.5, 3.0)
        self.steps = int(rng.integers(3, 6))


class Styles:
    """See `TwinBackend`; which style is drawn by lot."""

    name = "styles"
    stream = "styled"

    def make(self, frames: np.ndarray, landmarks: np.ndarray, seed: int) -> Made:
        """See `TwinBackend`."""
        names = sorted(PAINTERS)
        painter = PAINTERS[names[seed % len(names)]]
        choices = _Choices(frames.shape[1], seed)
        painted = np.empty_like(frames)
        for number, frame in enumerate(frames):
            picture = painter(frame.astype(np.float32) / 255, choices)
            painted[number] = cv2.convertScaleAbs(np.clip(picture, 0, 1), alpha=255)
        return Made(painted, landmarks)  # strokes move nothing


def _lines(picture: np.ndarray, sharpness: float) -> np.ndarray:
    """(S, S) in [0, 1], dark lines where the light falls."""
    light = luminance(picture)
    return np.clip((blurred(light, 2.0) - blurred(light, 0.8)) * sharpness - 0.15, 0, 1)


def _dabbed(picture: np.ndarray, radii: Sequence[float], amount: float, flat: bool = False) -> np.ndarray:
    """Brush dabs of one radius, then of the next, and colors farther from gray; of even areas if `flat`.

    A dab has one color: it is found at no more than `_DABBED_AT` pixels, in a quarter of the time.
    """
    size = picture.shape[1::-1]
    scale = _DABBED_AT / max(size)
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if flat:
        picture = cv2.bilateralFilter(picture, 5, 0.15, 3)
    for radius in radii:
        picture = kuwahara(picture, radius)
    picture = saturated(picture, amount)
    return cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC) if scale < 1 else picture


def _oil(picture: np.ndarray, choices: _Choices) -> np.ndarray:
    dabs = _dabbed(picture, (choices.radius, 1), choices.saturation)
    return dabs * ((1 + np.float32(0.12) * choices.marks)[..., None] * choices.tint)


def _watercolor(picture: np.ndarray, choices: _Choices) -> np.ndarray:
    wash = _dabbed(picture, (2, 1), choices.saturation)
    edges = np.clip(np.abs(luminance(wash) - luminance(blurred(wash, 2.5))) * 2, 0, 0.25)
    light = 0.14 + 0.9 * np.clip(wash, 0, 1) ** np.float32(0.85)
    return light * (1 - edges + choices.pools)[..., None] + 0.02 * choices.grain[..., None]


def _cartoon(picture: np.ndarray, choices: _Choices) -> np.ndarray:
    flat = _dabbed(picture, (2,), 1.0, flat=True)
    value = flat.max(axis=2, keepdims=True)
    place = value * choices.steps
    # soft steps: a hard one would jump from frame to frame
    stepped = (np.floor(place) + np.clip((place - np.floor(place)) * 4 - 1.5, 0, 1)) / choices.steps
    colors = saturated(flat * (0.4 + 0.6 * stepped / np.maximum(value, 0.02)), choices.saturation)
    return np.clip(1.12 * colors, 0, 1) * (1 - _lines(picture, 9))[..., None]


def _pencil(picture: np.ndarray, choices: _Choices) -> np.ndarray:
    light = luminance(picture)
    dodged = np.clip(light / (blurred(light, 5) + 0.02), 0, 1)
    tone = 0.55 * dodged + 0.45 * np.clip(1.25 * light, 0, 1)
    tone = tone + (1 - tone) * 0.4 * choices.marks - 0.5 * _lines(picture, 7)
    return np.clip(tone, 0, 1)[..., None] * np.array([0.98, 0.97, 0.94])


PAINTERS: dict[str, _Painter] = {"oil": _oil, "watercolor": _watercolor, "cartoon": _cartoon, "pencil": _pencil}
"""Painters: (S, S, 3) float32 in [0, 1] and the clip's choices to (S, S, 3)."""
