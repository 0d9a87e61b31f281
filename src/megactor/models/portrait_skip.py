"""The denoiser's output as a correction of the portrait that dense motion has moved into place."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.folded_frames import fold_frames, unfold_frames

_LEAST = 0.02
"""Weight around a pixel, in parts, below which a mean says less the less there is."""
_MOST_LIGHT, _DARK = 0.25, 0.1
"""Light makes colors brighter or darker by so much at most, in parts; brightness, 2 = white, below which it does less.
More is a veil over dark hair: that of rendered people is not as dark as on photographs."""


def add_correction(
    portrait: Tensor, correction: Tensor, visibility: Tensor, shading_width: int, matte_channels: int = 0
) -> Tensor:
    """Paints where the portrait does not show a point; where it does, its light may change, and the outline everywhere.

    Light multiplies colors: what is black stays black, and edges stay.

    Args:
        portrait: (B, C, F, h, w) latents of the moved portrait, with `shading_width` those of a codec that keeps pixels
            (-1 is black, 1 white); those of an outline are -1 where nobody is, 1 on the person.
        correction: (B, C, F, h, w).
        visibility: (B, 1, F, h, w), probability that the portrait shows the point; or (B, V, F, h, w), that it shows
            each of the V pixels of a latent, which are V channels of every color.
        shading_width: side, in pixels, of the square over which corrections are averaged where the portrait is shown;
            odd; 0 adds none there.
        matte_channels: the last so many of C tell the person's outline, which is corrected everywhere.

    Returns:
        (B, C, F, h, w) latents, computed in float32.
    """
    kind, colors, frames = portrait.dtype, portrait.shape[1] - matte_channels, portrait.shape[2]
    # means of small differences, of which half precision would leave little
    portrait, correction, visibility = portrait.float(), correction.float(), visibility.float()
    patch = math.isqrt(visibility.shape[1])
    parts = (portrait[:, :colors], correction[:, :colors], visibility)
    moved, painted, shown = (_pixels(latents, patch) for latents in parts)
    added = (1 - shown) * painted
    if shading_width:
        weights = shown
        if matte_channels:  # what is said of the colors of nobody is no light on the person
            outline = portrait[:, colors:] + correction[:, colors:]
            weights = shown * (_pixels(outline, patch) / 2 + 0.5).clamp(0, 1)
        brightness = moved + 1
        change, mean = (_mean(values, weights, shading_width) for values in (painted, brightness))
        # never more than the correction itself: what is dark around a bright pixel says little of its light
        light = (change / (mean.maximum(brightness).clamp(min=0) + _DARK)).clamp(-_MOST_LIGHT, _MOST_LIGHT)
        added = added + shown * light * brightness
    added = unfold_frames(F.pixel_unshuffle(added, patch), frames)
    return (portrait + torch.cat([added, correction[:, colors:]], 1)).to(kind)


def _pixels(latents: Tensor, patch: int) -> Tensor:
    """(B, C, F, h, w) -> (B*F, C / patch ** 2, h * patch, w * patch)."""
    return F.pixel_shuffle(fold_frames(latents), patch)


def _mean(values: Tensor, weights: Tensor, width: int) -> Tensor:
    """(N, C, H, W), weighted with (N, 1, H, W), over the square around each pixel."""
    total, weight = (
        F.avg_pool2d(part, width, 1, width // 2, count_include_pad=False) for part in (values * weights, weights)
    )
    return total / (weight + _LEAST)
