"""The denoiser's output as a correction of the portrait that dense motion has moved into place."""

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.folded_frames import fold_frames, unfold_frames


def add_correction(
    portrait: Tensor,
    correction: Tensor,
    visibility: Tensor,
    visibility_power: int,
    shading_cell: int,
    matte_channels: int = 0,
) -> Tensor:
    """Paints where the portrait does not show a point; where it does, only its light may change, and the outline.

    Args:
        portrait: (B, C, F, h, w) latents of the moved portrait.
        correction: (B, C, F, h, w).
        visibility: (B, 1, F, h, w), probability that the portrait shows the point; or (B, V, F, h, w), that it shows
            each of the V pixels of a latent, which are V channels of every color.
        visibility_power: the odds of that are raised to this power.
        shading_cell: side of the cells, in latents, whose means are added where the portrait is shown; 0 adds none.
        matte_channels: the last so many of C tell the person's outline, which is corrected everywhere.

    Returns:
        (B, C, F, h, w) latents.
    """
    colors = portrait.shape[1] - matte_channels
    shown = _decided(visibility, visibility_power)
    if shown.shape[1] > 1:
        shown = shown.repeat(1, colors // shown.shape[1], 1, 1, 1)
    painted = correction[:, :colors]
    added = (1 - shown) * painted
    if shading_cell:
        added = added + shown * _smooth(painted, shading_cell)
    if matte_channels:
        added = torch.cat([added, correction[:, colors:]], 1)
    return portrait + added


def _decided(probability: Tensor, power: int) -> Tensor:
    """The probability whose odds are those of another one, raised to a power."""
    yes, no = probability**power, (1 - probability) ** power
    return yes / (yes + no)


def _smooth(latents: Tensor, cell: int) -> Tensor:
    """(B, C, F, h, w) -> the same shape: means over cells, interpolated."""
    pictures = fold_frames(latents)
    means = F.avg_pool2d(pictures, cell)
    smooth = F.interpolate(means, size=pictures.shape[-2:], mode="bilinear", align_corners=False)
    return unfold_frames(smooth, latents.shape[2])
