"""The denoiser's output as a correction of the portrait that dense motion has moved into place."""

import torch.nn.functional as F
from torch import Tensor

from megactor.models.folded_frames import fold_frames, unfold_frames


def add_correction(
    portrait: Tensor, correction: Tensor, visibility: Tensor, visibility_power: int, shading_cell: int
) -> Tensor:
    """Paints where the portrait does not show a point; where it does, only its light may change.

    Args:
        portrait: (B, C, F, h, w) latents of the moved portrait.
        correction: (B, C, F, h, w).
        visibility: (B, 1, F, h, w), probability that the portrait shows the point.
        visibility_power: the odds of that are raised to this power.
        shading_cell: side of the cells, in latents, whose means are added where the portrait is shown; 0 adds none.

    Returns:
        (B, C, F, h, w) latents.
    """
    shown = _decided(visibility, visibility_power)
    added = (1 - shown) * correction
    if shading_cell:
        added = added + shown * _smooth(correction, shading_cell)
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
