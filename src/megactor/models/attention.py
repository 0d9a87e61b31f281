"""Spatial transformers: reference attention, background cross-attention, feed-forward.

Self-attention in the denoiser reads [own tokens ; reference tokens]: the middle and upward blocks of
ReferenceNet hand over what their own self-attention saw (the output of `norm1`), and the matching denoiser
block attends to it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from megactor.models.frames import pictures_to_tokens, repeat_for_frames, tokens_to_pictures

GROUP_NORM_EPS = 1e-6  # of the transformers; the residual blocks use 1e-5


class ReferenceAttention(nn.Module):
    """Self-attention inside a frame whose keys and values may also cover reference tokens.

    Args:
        channels: Token width.
        heads: Number of heads; must divide `channels`.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{heads} attention heads do not divide {channels} channels")
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(channels, channels, bias=False)
        self.to_v = nn.Linear(channels, channels, bias=False)
        self.to_out = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, reference: Tensor | None = None) -> Tensor:
        """Attend within each frame, and to the clip's reference tokens if there are any.

        Args:
            tokens: (B*F, N, C).
            reference: (B, M, C), shared by the F frames of a clip, or None.

        Returns:
            (B*F, N, C).
        """
        query, key, value = self.to_q(tokens), self.to_k(tokens), self.to_v(tokens)
        if reference is not None:
            # Projected once a clip, then shared by its frames.
            frames = tokens.shape[0] // reference.shape[0]
            key = torch.cat([key, repeat_for_frames(self.to_k(reference), frames)], dim=1)
            value = torch.cat([value, repeat_for_frames(self.to_v(reference), frames)], dim=1)
        heads = [x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (query, key, value)]
        attended = F.scaled_dot_product_attention(*heads)  # (B*F, heads, N, C / heads)
        return self.to_out(attended.transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    """Reference self-attention, cross-attention to the background tokens, gated feed-forward."""

    def __init__(self, channels: int, heads: int, cross_attention_dim: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = ReferenceAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = Attention(channels, cross_attention_dim, heads=heads, dim_head=channels // heads)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels, activation_fn="geglu")

    def forward(self, tokens: Tensor, background: Tensor, reference: Tensor | None) -> tuple[Tensor, Tensor]:
        """Transform the tokens of all frames.

        Args:
            tokens: (B*F, N, C).
            background: (B, M, D) background tokens, shared by the frames of a clip.
            reference: (B, R, C) or None.

        Returns:
            The new tokens (B*F, N, C), and what self-attention saw of them, (B*F, N, C): a reference feature.
        """
        seen = self.norm1(tokens)
        tokens = tokens + self.attn1(seen, reference)
        # Queries do not see each other here, so all frames of a clip can share one set of keys and values.
        queries = self.norm2(tokens).reshape(background.shape[0], -1, tokens.shape[-1])  # (B, F*N, C)
        tokens = tokens + self.attn2(queries, encoder_hidden_states=background).reshape(tokens.shape)
        return tokens + self.ff(self.norm3(tokens)), seen


class SpatialTransformer(nn.Module):
    """One transformer block over the pixels of each frame, with a residual connection around it.

    Args:
        channels: Width of the feature map and of the tokens.
        heads: Attention heads.
        cross_attention_dim: Width of the background tokens.
        norm_groups: Groups of the input GroupNorm (statistics per frame).
    """

    def __init__(self, channels: int, heads: int, cross_attention_dim: int, norm_groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(norm_groups, channels, eps=GROUP_NORM_EPS)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.block = TransformerBlock(channels, heads, cross_attention_dim)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, pictures: Tensor, background: Tensor, reference: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B*F, C, h, w) -> the same shape, and the reference feature (B*F, h*w, C) of this block."""
        height, width = pictures.shape[-2:]
        tokens = pictures_to_tokens(self.proj_in(self.norm(pictures)))
        tokens, seen = self.block(tokens, background, reference)
        return self.proj_out(tokens_to_pictures(tokens, height, width)) + pictures, seen


class ReferenceTap(nn.Module):
    """The entrance of a SpatialTransformer up to `norm1`: all that the last block of ReferenceNet needs."""

    def __init__(self, channels: int, norm_groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(norm_groups, channels, eps=GROUP_NORM_EPS)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.norm1 = nn.LayerNorm(channels)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, C, h, w) -> reference feature (B, h*w, C)."""
        return self.norm1(pictures_to_tokens(self.proj_in(self.norm(pictures))))
