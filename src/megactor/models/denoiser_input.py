"""The input channels of DenoisingUNet; this file alone knows their order.

noisy latents | portrait latents | background mask | visibility (models with dense motion) | PoseGuider features
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def join_conditions(portrait: Tensor, background: Tensor, visibility: Tensor | None, pose: Tensor) -> Tensor:
    """Join all channels behind the noisy latents.

    What all clips or all frames share may have 1 in the place of B or F.

    Args:
        portrait: (B, latent_channels, F, h, w) portrait latents, moved into place where there is dense motion.
        background: (B, 1, F, h, w) in [0, 1], 1 = background.
        visibility: (B, V, F, h, w) in [0, 1], see `visibility_latents`; None without dense motion.
        pose: (B, pose_channels, F, h, w) PoseGuider features; always of all clips and frames.

    Returns:
        (B, latent_channels + 1 + V + pose_channels, F, h, w).
    """
    masks = [background] if visibility is None else [background, visibility]
    clips, _, frames, _, _ = pose.shape
    shared = [part.expand(clips, -1, frames, -1, -1) for part in (portrait, *masks)]
    return torch.cat([*shared, pose], dim=1)


def join_noisy(noisy: Tensor, conditions: Tensor) -> Tensor:
    """(B, latent_channels, F, h, w) noisy latents and `join_conditions` -> (B, in_channels, F, h, w)."""
    return torch.cat([noisy, conditions], dim=1)


def split_portrait(sample: Tensor, latent_channels: int, mask_channels: int) -> tuple[Tensor, Tensor]:
    """What `portrait_skip` reads of a joined input with a visibility.

    Args:
        sample: (B, in_channels, F, h, w), as `join_noisy` makes it.
        latent_channels: of the noisy latents, and of the portrait's.
        mask_channels: of background (1) and visibility (V).

    Returns:
        Portrait latents (B, latent_channels, F, h, w) and visibility (B, V, F, h, w): views.
    """
    rest = sample.shape[1] - 2 * latent_channels - mask_channels
    parts = sample.split([latent_channels, latent_channels, 1, mask_channels - 1, rest], dim=1)
    return parts[1], parts[3]


def visibility_latents(visibility: Tensor, channels: int, size: torch.Size) -> Tensor:
    """A visibility as fine as the denoiser reads it.

    Args:
        visibility: (N, 1, H, W) in [0, 1], 1 = the moved portrait shows this point.
        channels: V; 1 for a latent's mean, or the pixels of a patch for one value each.
        size: h, w of the latents.

    Returns:
        (N, V, h, w).
    """
    if channels == 1:
        return F.interpolate(visibility, size=size, mode="area")
    side = math.isqrt(channels)
    pixels = [side * length for length in size]
    fine = F.interpolate(visibility, size=pixels, mode="bilinear", align_corners=False)
    return F.pixel_unshuffle(fine, side)
