"""DenseMotionNet: where each pixel of the animated frame comes from in the portrait.

Not part of the released MegActor: it belongs to the `nano` preset, which has too few parameters to learn long-range
copying through reference attention alone. A renderer knows the true correspondence between any two frames, so this
network is trained with supervision; the denoiser then receives the portrait latent already moved into place and adds
what no warp can: the inside of the mouth, uncovered skin and background, sharpness.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

GRAY_WEIGHTS = (0.2989, 0.5870, 0.1140)

FLOW_UNIT = 1 / 8
"""The network's own unit of flow, in picture sizes: typical motion is then of order one, as Adam's step sizes want."""


class DenseMotion(NamedTuple):
    """Result of `DenseMotionNet`.

    flow: (B, 2, H, W), backward flow (x, y) in units of the picture's width and height: the pixel at p shows the
        portrait's point p + flow(p).
    visibility: (B, 1, H, W) in [0, 1], the probability that this point can be seen in the portrait.
    """

    flow: Tensor
    visibility: Tensor


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Moves the portrait into place.

    Args:
        image: (B, C, H, W), any value range.
        flow: (B, 2, h, w) as in `DenseMotion`; resized to H x W when it is smaller.

    Returns:
        (B, C, H, W): bilinear samples of `image` at p + flow(p); the border is repeated outside of the picture.
    """
    height, width = image.shape[-2:]
    if flow.shape[-2:] != (height, width):
        flow = F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)
    y = (torch.arange(height, device=flow.device, dtype=flow.dtype) + 0.5) / height
    x = (torch.arange(width, device=flow.device, dtype=flow.dtype) + 0.5) / width
    grid = torch.stack([x.expand(height, width) + flow[:, 0], y[:, None].expand(height, width) + flow[:, 1]], dim=-1)
    return F.grid_sample(image, (2 * grid - 1).to(image.dtype), padding_mode="border", align_corners=False)


class _ResBlock(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, groups: int):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class _SelfAttention(nn.Module):
    def __init__(self, channels: int, head_dim: int, groups: int):
        super().__init__()
        self.head_dim = head_dim
        self.norm = nn.GroupNorm(groups, channels)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.to_out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.to_out.weight)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        qkv = self.to_qkv(self.norm(x)).view(b, 3, c // self.head_dim, self.head_dim, h * w).transpose(-1, -2)
        q, k, v = qkv.unbind(1)
        out = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2).reshape(b, c, h, w)
        return x + self.to_out(out)


class DenseMotionNet(ModelMixin, ConfigMixin):
    """A UNet over the portrait and one masked gray driving frame; its output has half the input's resolution.

    Args:
        patch_size: pixels along the side of a patch; the finest level works on one position a patch.
        block_out_channels: widths from the finest level to the coarsest.
        attention_levels: which levels have self-attention after their blocks.
        head_dim: channels of one attention head.
        norm_num_groups: groups of every GroupNorm.
    """

    @register_to_config
    def __init__(
        self,
        patch_size: int = 4,
        block_out_channels: tuple[int, ...] = (48, 96, 160, 192),
        attention_levels: tuple[bool, ...] = (False, False, True, True),
        head_dim: int = 32,
        norm_num_groups: int = 16,
    ):
        super().__init__()
        if len(attention_levels) != len(block_out_channels):
            raise ValueError(f"{len(block_out_channels)} levels, but {len(attention_levels)} attention_levels")
        widths, groups = block_out_channels, norm_num_groups

        def attention(level: int) -> nn.Module:
            return _SelfAttention(widths[level], head_dim, groups) if attention_levels[level] else nn.Identity()

        # a patch holds the RGB portrait and one gray driving channel
        self.conv_in = nn.Conv2d(patch_size**2 * (3 + 1), widths[0], 3, padding=1)
        self.down_blocks = nn.ModuleList()
        self.downsamplers = nn.ModuleList()
        channels = widths[0]
        for level, width in enumerate(widths):
            blocks = nn.Sequential(
                _ResBlock(channels, width, groups), _ResBlock(width, width, groups), attention(level)
            )
            self.down_blocks.append(blocks)
            last = level == len(widths) - 1
            self.downsamplers.append(nn.Identity() if last else nn.Conv2d(width, width, 3, stride=2, padding=1))
            channels = width
        self.mid_block = nn.Sequential(_ResBlock(channels, channels, groups), _ResBlock(channels, channels, groups))
        self.up_blocks = nn.ModuleList()
        for level in reversed(range(len(widths))):
            blocks = nn.Sequential(_ResBlock(channels + widths[level], widths[level], groups), attention(level))
            self.up_blocks.append(blocks)
            channels = widths[level]
        self.norm_out = nn.GroupNorm(groups, channels)
        self.conv_out = nn.Conv2d(channels, 3 * (patch_size // 2) ** 2, 3, padding=1)
        for parameter in self.conv_out.parameters():
            nn.init.zeros_(parameter)

    def logits(self, portrait: Tensor, driving: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, with the visibility before its sigmoid (what training needs)."""
        if portrait.shape[-2:] != driving.shape[-2:]:
            raise ValueError(f"portrait {tuple(portrait.shape)} and driving {tuple(driving.shape)} differ in size")
        weights = driving.new_tensor(GRAY_WEIGHTS).view(1, 3, 1, 1)
        gray = (driving * weights).sum(1, keepdim=True)
        patch = self.config.patch_size
        h = self.conv_in(F.pixel_unshuffle(torch.cat([portrait, gray], 1) * 2 - 1, patch))
        skips = []
        for blocks, downsample in zip(self.down_blocks, self.downsamplers, strict=True):
            h = blocks(h)
            skips.append(h)
            h = downsample(h)
        h = self.mid_block(h)
        for blocks in self.up_blocks:
            skip = skips.pop()
            if h.shape[-1] != skip.shape[-1]:
                h = F.interpolate(h, scale_factor=2.0, mode="nearest")
            h = blocks(torch.cat([h, skip], 1))
        out = F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(h))).float(), patch // 2)
        flow, visibility = out.split([2, 1], 1)
        return flow * FLOW_UNIT, visibility

    def forward(self, portrait: Tensor, driving: Tensor) -> DenseMotion:
        """Predicts the motion from the portrait to one driving frame.

        Args:
            portrait: (B, 3, H, W) in [0, 1]; H and W divisible by patch_size * 2 ** (levels - 1).
            driving: (B, 3, H, W) in [0, 1], the driving condition (a masked frame), used in gray.

        Returns:
            `DenseMotion` at half the resolution, float32.
        """
        flow, visibility = self.logits(portrait, driving)
        return DenseMotion(flow, visibility.sigmoid())
