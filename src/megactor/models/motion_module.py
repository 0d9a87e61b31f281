"""Motion module: attention between a window's frames, pixel by pixel (AnimateDiff, arXiv 2307.04725)."""

from __future__ import annotations

import math

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from megactor.models.attention import GROUP_NORM_EPS
from megactor.models.folded_frames import pictures_to_tokens, tokens_to_pictures


def sinusoidal_positions(positions: int, channels: int) -> Tensor:
    """(positions, channels) table: sine in the even channels, cosine in the odd ones."""
    frequency = torch.exp(torch.arange(0, channels, 2) * (-math.log(10000.0) / channels))
    angle = torch.arange(positions)[:, None] * frequency[None]
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


class TemporalAttention(nn.Module):
    """Self-attention over frames whose input carries the frame's position.

    The positions are added to the attention's input only: to queries, keys and values, not to the residual.
    """

    positions: Tensor

    def __init__(self, channels: int, heads: int, max_frames: int) -> None:
        super().__init__()
        self.attention = Attention(channels, heads=heads, dim_head=channels // heads)
        self.register_buffer("positions", sinusoidal_positions(max_frames, channels))

    def forward(self, tokens: Tensor) -> Tensor:
        """(pixels, F, C) -> (pixels, F, C)."""
        return self.attention(tokens + self.positions[: tokens.shape[1]].to(tokens.dtype))


class MotionModule(nn.Module):
    """Two temporal attentions and a feed-forward, added to the feature map; starts as the identity.

    Args:
        channels: Width of the feature map.
        heads: Attention heads; must divide `channels`.
        norm_groups: Groups of the input GroupNorm (statistics per frame).
        max_frames: Longest window, the size of the position table.
    """

    def __init__(self, channels: int, heads: int, norm_groups: int, max_frames: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{heads} motion heads do not divide {channels} channels")
        self.max_frames = max_frames
        self.norm = nn.GroupNorm(norm_groups, channels, eps=GROUP_NORM_EPS)
        self.proj_in = nn.Linear(channels, channels)
        self.attention_norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.attentions = nn.ModuleList(TemporalAttention(channels, heads, max_frames) for _ in range(2))
        self.ff_norm = nn.LayerNorm(channels)
        self.ff = FeedForward(channels, activation_fn="geglu")
        self.proj_out = nn.Linear(channels, channels)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, pictures: Tensor, frames: int) -> Tensor:
        """(B*F, C, h, w) -> (B*F, C, h, w).

        Raises:
            ValueError: The window is longer than the position table.
        """
        if frames > self.max_frames:
            raise ValueError(f"a window of {frames} frames; the motion modules know {self.max_frames} positions")
        if self._is_idle():
            return pictures
        height, width = pictures.shape[-2:]
        tokens = self.proj_in(pictures_to_tokens(self.norm(pictures)))  # (B*F, h*w, C)
        by_pixel = tokens.unflatten(0, (-1, frames)).transpose(1, 2)  # (B, h*w, F, C)
        batch, pixels = by_pixel.shape[:2]
        tokens = by_pixel.flatten(0, 1)  # (B*h*w, F, C)
        for norm, attention in zip(self.attention_norms, self.attentions, strict=True):
            tokens = tokens + attention(norm(tokens))
        tokens = self.proj_out(tokens + self.ff(self.ff_norm(tokens)))
        tokens = tokens.unflatten(0, (batch, pixels)).transpose(1, 2).flatten(0, 1)  # (B*F, h*w, C)
        return tokens_to_pictures(tokens, height, width) + pictures

    def _is_idle(self) -> bool:
        """Whether it adds nothing, as before training. Asked on CPUs only: a GPU would have to be waited for."""
        weight, bias = self.proj_out.weight, self.proj_out.bias
        if torch.is_grad_enabled() or weight.device.type != "cpu" or torch.compiler.is_compiling():
            return False
        return not (bool(weight.any()) or bool(bias.any()))
