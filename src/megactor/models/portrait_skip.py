"""The denoiser's output as a correction of the portrait that dense motion has moved into place."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.folded_frames import fold_frames, unfold_frames

_LEAST = 0.02
"""Weight around a pixel, in parts, below which a mean says less the less there is."""


def add_correction(
    portrait: Tensor, correction: Tensor, visibility: Tensor, shading_width: int, matte_channels: int = 0
) -> Tensor:
    """Paints where the portrait does not show a point; where it does, its light may change, and the outline everywhere.

    Args:
        portrait: (B, C, F, h, w) latents of the moved portrait; those of an outline are -1 where nobody is, 1 on the
            person.
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
    painted, shown = (_pixels(latents, patch) for latents in (correction[:, :colors], visibility))
    added = (1 - shown) * painted
    if shading_width:
        weights = shown
        if matte_channels:  # what is said of the colors of nobody is no light on the person
            outline = portrait[:, colors:] + correction[:, colors:]
            weights = shown * (_pixels(outline, patch) / 2 + 0.5).clamp(0, 1)
        added = added + shown * _mean(painted, weights, shading_width)
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
