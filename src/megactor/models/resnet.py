"""Residual block and upsampling on frames folded into the batch."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from megactor.models.frames import JointGroupNorm, repeat_for_frames

RESNET_EPS = 1e-5


class JointResnetBlock(nn.Module):
    """SD 1.5 residual block with normalization joint over the frames of a window.

    diffusers' `ResnetBlock2D` normalizes every frame for itself, which gives other numbers for more than
    one frame.

    Args:
        in_channels: Input width.
        out_channels: Output width; a 1x1 shortcut is made where the widths differ.
        time_channels: Width of the time embedding.
        norm_groups: Groups of both norms.
    """

    def __init__(self, in_channels: int, out_channels: int, time_channels: int, norm_groups: int) -> None:
        super().__init__()
        self.norm1 = JointGroupNorm(norm_groups, in_channels, eps=RESNET_EPS)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_channels, out_channels)
        self.norm2 = JointGroupNorm(norm_groups, out_channels, eps=RESNET_EPS)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        same = in_channels == out_channels
        self.conv_shortcut = None if same else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, pictures: Tensor, time: Tensor, frames: int) -> Tensor:
        """(B*F, C_in, h, w) and the time embedding (B, T) -> (B*F, C_out, h, w)."""
        hidden = self.conv1(F.silu(self.norm1(pictures, frames)))
        shift = self.time_emb_proj(F.silu(time))  # (B, C_out)
        hidden = hidden + repeat_for_frames(shift, frames)[:, :, None, None]
        hidden = self.conv2(F.silu(self.norm2(hidden, frames)))
        return hidden + (pictures if self.conv_shortcut is None else self.conv_shortcut(pictures))


class Upsample(nn.Module):
    """Nearest-neighbor enlargement to a given size, then a 3x3 convolution.

    Not diffusers' `Upsample2D`: that one leaves channels-last memory for batches of 64 pictures, and a
    batch of ours is B*F pictures.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, pictures: Tensor, size: tuple[int, int]) -> Tensor:
        """(N, C, h, w) -> (N, C, *size)."""
        return self.conv(F.interpolate(pictures, size=size, mode="nearest"))
