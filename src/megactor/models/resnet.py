"""Residual block, its norm, and upsampling, on frames folded into the batch."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from megactor.models.folded_frames import repeat_for_frames

RESNET_EPS = 1e-5


class JointGroupNorm(nn.GroupNorm):
    """GroupNorm whose statistics are taken over all frames of a window together.

    The official network normalizes the 5-D tensor (B, C, F, h, w) in its residual blocks, so a frame's
    features depend on which frames share its window. With one frame this is the ordinary GroupNorm.
    """

    def forward(self, pictures: Tensor, frames: int = 1) -> Tensor:
        """Normalize (B*F, C, h, w) with statistics joint over `frames`; same shape."""
        if frames == 1:
            return super().forward(pictures)
        height = pictures.shape[2]
        # In channels-last memory the frames of a window lie below each other as one tall picture: a view.
        rows = pictures.permute(0, 2, 3, 1)  # (B*F, h, w, C)
        tall = rows.reshape(-1, frames * height, *rows.shape[2:]).permute(0, 3, 1, 2)  # (B, C, F*h, w)
        normed = super().forward(tall).permute(0, 2, 3, 1)  # (B, F*h, w, C)
        return normed.reshape(rows.shape).permute(0, 3, 1, 2)


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
