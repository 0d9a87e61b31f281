"""A small UNet on patches of a picture: the trunk of nano's keypoint and motion networks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


class PatchUNet(nn.Module):
    """Pixel unshuffle, residual blocks down and up with skips, one convolution out.

    Args:
        in_channels: channels of the picture.
        out_channels: channels of the result.
        patch_size: pixels along the side of a patch; the finest level works on one position a patch.
        block_out_channels: widths from the finest level to the coarsest.
        attention_levels: which levels have self-attention after their blocks.
        head_dim: channels of one attention head.
        norm_num_groups: groups of every GroupNorm.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        patch_size: int,
        block_out_channels: tuple[int, ...],
        attention_levels: tuple[bool, ...],
        head_dim: int,
        norm_num_groups: int,
    ):
        super().__init__()
        if len(attention_levels) != len(block_out_channels):
            raise ValueError(f"{len(block_out_channels)} levels, but {len(attention_levels)} attention_levels")
        widths, groups = block_out_channels, norm_num_groups
        self.patch_size = patch_size

        def attention(level: int) -> nn.Module:
            return _SelfAttention(widths[level], head_dim, groups) if attention_levels[level] else nn.Identity()

        self.conv_in = nn.Conv2d(patch_size**2 * in_channels, widths[0], 3, padding=1)
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
        self.conv_out = nn.Conv2d(channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) in [-1, 1] -> (B, out_channels, H / patch_size, W / patch_size), float32.

        H and W must be divisible by patch_size * 2 ** (levels - 1).
        """
        h = self.conv_in(F.pixel_unshuffle(x, self.patch_size))
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
        return self.conv_out(F.silu(self.norm_out(h))).float()
