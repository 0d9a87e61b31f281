"""Styles that a rendered frame can be turned into: paintings, drawings, prints, animated films.

A style is a value; its seed fixes paper, palette and brush, so that all frames of a clip share them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from megactor.synth.anatomy.subject import Material
from megactor.synth.brushes.noise import hsv, smooth_noise
from megactor.synth.brushes.strokes import blurred, hatching, kuwahara, luminance, saturated, streaks
from megactor.synth.render.renderer import OUTSIDE, Rendered
from megactor.synth.streams import chance, pick, stream
from megactor.synth.styles.outlines import outlines

_Painter = Callable[[Rendered, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Style:
    """How a picture is made.

    name: one of `STYLES`.
    seed: of its paper, palette and brush.
    """

    name: str
    seed: int

    def paint(self, rendered: Rendered) -> np.ndarray:
        """The frame in this style, (S, S, 3) float32 sRGB in [0, 1]."""
        picture = STYLES[self.name](rendered, stream(self.seed, f"style {self.name}"))
        return np.clip(picture, 0, 1).astype(np.float32)


def random_style(seed: int, photo: float = 0.5) -> Style:
    """A style.

    Args:
        seed: of the choice and of the style itself.
        photo: how likely it is a photograph; the others share the rest.
    """
    rng = stream(seed, "style")
    hand_made = [name for name in STYLES if name != "photo"]
    name = "photo" if chance(rng, photo) else pick(rng, dict.fromkeys(hand_made, 1.0))
    return Style(name=name, seed=seed)


def _photo(rendered: Rendered, rng: np.random.Generator) -> np.ndarray:
    return rendered.rgb


def _oil(rendered: Rendered, rng: np.random.Generator) -> np.ndarray:
    """Dabs of paint, brush marks in one direction, warm varnish."""
    size = rendered.rgb.shape[0]
    picture = kuwahara(kuwahara(rendered.rgb, rng.uniform(1.5, 3.2)), 1)
    marks = streaks(smooth_noise(rng, size, [min(size, 180)], [1.0]), rng.uniform(0, np.pi), 9)
    canvas = smooth_noise(rng, size, [min(size, 256)], [0.03])
    picture = saturated(picture * (1 + 0.16 * marks + canvas)[..., None], rng.uniform(1.1, 1.45))
    return picture * np.array([1.05, 1.0, 0.9]) ** rng.uniform(0, 1.5)


def _watercolor(rendered: Rendered, rng: np.random.Generator) -> np.ndarray:
    """Thin washes that pool and darken at their edges, on rough paper."""
    size = rendered.rgb.shape[0]
    wobble = smooth_noise(rng, size, [20, 50], [2.0, 1.0]) * size / 256
    wobble_y = smooth_noise(rng, size, [20, 50], [2.0, 1.0]) * size / 256
    x, y = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    wet = cv2.remap(rendered.rgb, x + 0.3 * wobble, y + 0.3 * wobble_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    wash = saturated(kuwahara(kuwahara(wet, 2), 1), 1.25)
    edges = np.clip(np.abs(luminance(wash) - luminance(blurred(wash, 2.5))) * 2, 0, 0.25)
    pools = smooth_noise(rng, size, [6, 16, 40], [0.06, 0.05, 0.03])
    paper = smooth_noise(rng, size, [min(size, 200)], [0.025])
    light = 0.14 + 0.9 * np.clip(wash, 0, 1) ** np.float32(0.85)
    picture = light * (1 - edges + pools)[..., None] * (1 - 0.3 * outlines(rendered, 0.55))[..., None]
    fade = _toward_border(size, rng, 2 * pools)[..., None]
    return picture * fade + (1 - fade) * np.array([0.97, 0.96, 0.93]) + paper[..., None]


def _cartoon(rendered: Rendered, rng: np.random.Generator) -> np.ndarray:
    """Flat colors with two or three steps of shade, black outlines."""
    flat = kuwahara(cv2.bilateralFilter(rendered.rgb, 7, 0.15, 4), 2)
    value = flat.max(axis=2, keepdims=True)
    steps = float(rng.integers(3, 6))
    place = value * steps
    stepped = (np.floor(place) + np.clip((place - np.floor(place)) * 6 - 2.5, 0, 1)) / steps + 0.3 / steps
    colors = saturated(flat * (0.35 + 0.65 * stepped / np.maximum(value, 0.02)), rng.uniform(1.25, 1.5))
    return np.clip(1.08 * colors, 0, 1) * (1 - 0.95 * outlines(rendered, 0.5))[..., None]


def _ink(rendered: Rendered, rng: np.random.Generator) -> np.ndarray:
    """Pen and ink: outlines, hatched shade, black where it is dark."""
    size = rendered.rgb.shape[0]
    light = blurred(luminance(rendered.rgb), 0.7)
    fine = np.clip((blurred(light, 0.6) - blurred(light, 2.5)) * 14, -1, 0)
    angle = rng.uniform(0.5, 1.1)
    ink = np.ones((size, size), np.float32)
    for threshold, turn, tone in ((0.42, 0.0, 0.45), (0.22, np.pi / 2, 0.25)):
        strokes = hatching(size, angle + turn, 4.0) < 0.45
        ink = np.where((light < threshold) & strokes, tone, ink)
    ink = np.where(light < 0.09, 0.08, ink)
    drawn = np.clip(blurred(ink.astype(np.float32), 0.5) + fine - 0.9 * outlines(rendered, 0.35), 0.03, 1)
    paper = np.array([0.97, 0.94, 0.87]) if chance(rng, 0.6) else np.ones(3)
    return drawn[..., None] * paper


def _pencil(rendered: Rendered, rng: np.random.Generator) -> np.ndarray:
    """Graphite, or crayons, with strokes in one direction."""
    size = rendered.rgb.shape[0]
    light = luminance(rendered.rgb)
    dodged = np.clip(light / (blurred(light, 5) + 0.02), 0, 1)
    tone = 0.55 * dodged + 0.45 * np.clip(1.25 * light, 0, 1)
    grain = streaks(smooth_noise(rng, size, [min(size, 256)], [1.0]), rng.uniform(0.6, 1.0), 7)
    tone = np.clip(tone + (1 - tone) * 0.5 * grain - 0.35 * outlines(rendered, 0.4), 0, 1)[..., None]
    if chance(rng, 0.4):
        return 1.1 * tone * (0.45 + 0.55 * saturated(rendered.rgb, 1.2))
    return tone * np.array([0.98, 0.97, 0.94])


def _pop(rendered: Rendered, rng: np.random.Generator) -> np.ndarray:
    """A screen print: one bright color for skin, hair, clothes and background each, shade as dots, black drawing."""
    size = rendered.rgb.shape[0]
    hue = rng.uniform(0, 360)
    inks = [
        hsv(hue + turn, s, v) for turn, s, v in ((0, 0.5, 1.0), (150, 0.75, 0.55), (210, 0.7, 0.95), (75, 0.6, 1.0))
    ]
    color = np.tile(inks[0], (size, size, 1))
    for ink, materials in (
        (inks[1], (Material.HAIR,)),
        (inks[2], (Material.CLOTH, Material.FABRIC)),
        (inks[3], (OUTSIDE,)),
        (np.ones(3, np.float32), (Material.EYE, Material.TEETH)),
    ):
        color[np.isin(rendered.materials, materials)] = ink
    light = luminance(rendered.rgb)
    # relative to the surroundings, so that faces of any color print alike
    tone = 0.5 + 1.6 * (blurred(light, 0.8) - blurred(light, 24))
    dots = hatching(size, np.pi / 4, 4.5) * hatching(size, -np.pi / 4, 4.5)
    print_ = np.where(((0.56 - tone) * 3 > 1 - dots)[..., None], color * 0.62, color)
    print_ = np.where((tone > 0.78)[..., None], 0.35 * print_ + 0.65, print_)
    black = np.maximum(np.clip((0.27 - tone) * 9, 0, 1), 0.8 * outlines(rendered, 0.6))
    return blurred(print_.astype(np.float32), 0.5) * (1 - black)[..., None]


def _avatar(rendered: Rendered, rng: np.random.Generator) -> np.ndarray:
    """An animated film: clean surfaces, rich colors, a soft glow; made for subjects with an avatar's proportions."""
    clean = saturated(cv2.bilateralFilter(rendered.rgb, 7, 0.12, 3), rng.uniform(1.15, 1.35))
    return 1.03 * clean + 0.6 * blurred(np.clip(clean - 0.65, 0, 1), 5)


def _toward_border(size: int, rng: np.random.Generator, unevenness: np.ndarray) -> np.ndarray:
    """(S, S) 1 inside, falling to 0 at an uneven border where the paper stays white."""
    line = np.abs((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1)
    edge = np.maximum(line[None], line[:, None]) + np.clip(unevenness, -0.2, 0.12)
    return 1 - np.clip((edge - rng.uniform(0.88, 1.1)) * 9, 0, 1)


STYLES: dict[str, _Painter] = {
    "photo": _photo,
    "oil": _oil,
    "watercolor": _watercolor,
    "cartoon": _cartoon,
    "ink": _ink,
    "pencil": _pencil,
    "pop": _pop,
    "avatar": _avatar,
}
"""Painters: (frame, the style's random numbers) -> (S, S, 3)."""
