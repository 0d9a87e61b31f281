"""A picture taken apart: how much of each pixel the person covers, and what is there without the person."""

from dataclasses import dataclass, replace

import numpy as np

from megactor.synth.render.renderer import OUTSIDE, Rendered
from megactor.synth.scene.photo import PhotoLook, develop, softened
from megactor.synth.styles.style import Style

_LANDMARKS = 70


@dataclass(frozen=True)
class Layers:
    """The truth about a picture's layers: picture = matte * person + (1 - matte) * plate, as nearly as light adds up.

    What the camera does after light has come together (its gamma and contrast) is not linear: with ordinary cameras
    the sum is off by a few levels of 255 on half-covered pixels. A style paints the plate as it would paint an empty
    scene; brush strokes that run over the person's edge belong to neither.

    matte: (S, S) float32 in [0, 1], hair and all other edges in parts; as soft as the camera is.
    plate: (S, S, 3) uint8 RGB, the scene without its person, in the picture's style and colors. It has no sensor
        noise and no compression, which are not the scene's; the person casts no shadow on it, nor on the picture.
    """

    matte: np.ndarray
    plate: np.ndarray


def true_plate(background: np.ndarray, style: Style, look: PhotoLook) -> np.ndarray:
    """What a clip shows where nobody stands.

    Args:
        background: (S, S, 3) float32 sRGB in [0, 1].
        style: of the clip's pictures.
        look: what the camera does to them.

    Returns:
        (S, S, 3) uint8.
    """
    painted = style.paint(_without_person(background))
    developed = develop(painted, replace(look, noise=0.0, chroma_noise=0.0, jpeg=0), noise_seed=0)
    return np.round(developed * 255).astype(np.uint8)


def true_matte(rendered: Rendered, look: PhotoLook) -> np.ndarray:
    """(S, S) float32: the person's part of each pixel, through the same lens."""
    return np.clip(softened(rendered.alpha, look), 0, 1)


def _without_person(background: np.ndarray) -> Rendered:
    size = len(background)
    return Rendered(
        rgb=background,
        alpha=np.zeros((size, size), np.float32),
        materials=np.full((size, size), OUTSIDE, np.uint8),
        normals=np.zeros((size, size, 3), np.float32),
        depth=np.full((size, size), np.inf, np.float32),
        landmarks=np.full((_LANDMARKS, 2), np.nan, np.float32),
        screen=np.zeros((0, 3), np.float32),
        triangle_ids=np.full((size, size), -1, np.int32),
    )
