"""The input channels of DenoisingUNet; this file alone knows their order.

noisy latents | portrait latents | background mask | visibility (models with dense motion) | PoseGuider features
"""

from __future__ import annotations

import torch
from torch import Tensor


def join_conditions(portrait: Tensor, background: Tensor, visibility: Tensor | None, pose: Tensor) -> Tensor:
    """Join all channels behind the noisy latents.

    What all clips or all frames share may have 1 in the place of B or F.

    Args:
        portrait: (B, latent_channels, F, h, w) portrait latents, moved into place where there is dense motion.
        background: (B, 1, F, h, w) in [0, 1], 1 = background.
        visibility: (B, 1, F, h, w) in [0, 1], 1 = the moved portrait shows this point; None without dense motion.
        pose: (B, pose_channels, F, h, w) PoseGuider features; always of all clips and frames.

    Returns:
        (B, latent_channels + 1 or 2 + pose_channels, F, h, w).
    """
    masks = [background] if visibility is None else [background, visibility]
    clips, _, frames, _, _ = pose.shape
    shared = [part.expand(clips, -1, frames, -1, -1) for part in (portrait, *masks)]
    return torch.cat([*shared, pose], dim=1)


def join_noisy(noisy: Tensor, conditions: Tensor) -> Tensor:
    """(B, latent_channels, F, h, w) noisy latents and `join_conditions` -> (B, in_channels, F, h, w)."""
    return torch.cat([noisy, conditions], dim=1)


def split_portrait(sample: Tensor, latent_channels: int) -> tuple[Tensor, Tensor]:
    """What `portrait_skip` reads of a joined input with two masks.

    Returns:
        Portrait latents (B, latent_channels, F, h, w) and visibility (B, 1, F, h, w): views.
    """
    _, portrait, _, visibility, _ = sample.split(
        [latent_channels, latent_channels, 1, 1, sample.shape[1] - 2 * latent_channels - 2], dim=1
    )
    return portrait, visibility
