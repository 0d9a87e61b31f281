"""Spatial transformers: reference attention, background cross-attention, feed-forward.

Self-attention in the denoiser reads [own tokens ; reference tokens]: the middle and upward blocks of
ReferenceNet hand over what their own self-attention saw (the output of `norm1`), and the matching denoiser
block attends to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffusers.models.attention import FeedForward
from torch import Tensor, nn

from megactor.models.folded_frames import pictures_to_tokens, repeat_for_frames, tokens_to_pictures

GROUP_NORM_EPS = 1e-6  # of the transformers; the residual blocks use 1e-5


class KeysValues(NamedTuple):
    """Tokens as an attention reads them. Projected once, however often they are read.

    Attributes:
        keys: (B, M, C).
        values: (B, M, C).
    """

    keys: Tensor
    values: Tensor


def _attend(query: Tensor, keys: Tensor, values: Tensor, heads: int) -> Tensor:
    """(B, N, C) queries over (B, M, C) keys and values -> (B, N, C)."""
    split = [x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, keys, values)]
    attended = F.scaled_dot_product_attention(*split)  # (B, heads, N, C / heads)
    return attended.transpose(1, 2).flatten(2)


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

    def project(self, tokens: Tensor) -> KeysValues:
        """(B, M, C) tokens as this attention reads them."""
        return KeysValues(self.to_k(tokens), self.to_v(tokens))

    def forward(self, tokens: Tensor, reference: KeysValues | None = None) -> Tensor:
        """Attend within each frame, and to the clip's reference tokens if there are any.

        Args:
            tokens: (B*F, N, C).
            reference: (B, M, C) as `project` gives it, shared by the F frames of a clip, or None.

        Returns:
            (B*F, N, C).
        """
        query, (keys, values) = self.to_q(tokens), self.project(tokens)
        if reference is not None:
            frames = tokens.shape[0] // reference.keys.shape[0]
            keys = torch.cat([keys, repeat_for_frames(reference.keys, frames)], dim=1)
            values = torch.cat([values, repeat_for_frames(reference.values, frames)], dim=1)
        return self.to_out(_attend(query, keys, values, self.heads))


class BackgroundAttention(nn.Module):
    """Cross-attention to the background tokens.

    Args:
        channels: Token width.
        background_channels: Width of the background tokens.
        heads: Number of heads; must divide `channels`.
    """

    def __init__(self, channels: int, background_channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(background_channels, channels, bias=False)
        self.to_v = nn.Linear(background_channels, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])  # a list, for the names of SD 1.5's weights

    def project(self, background: Tensor) -> KeysValues:
        """(B, M, D) background tokens as this attention reads them."""
        return KeysValues(self.to_k(background), self.to_v(background))

    def forward(self, tokens: Tensor, background: KeysValues) -> Tensor:
        """(B*F, N, C) tokens of all frames -> the same shape."""
        # Queries do not see each other here, so all frames of a clip can share one set of keys and values.
        query = self.to_q(tokens).reshape(background.keys.shape[0], -1, tokens.shape[-1])  # (B, F*N, C)
        attended = _attend(query, *background, self.heads)
        return self.to_out[0](attended.reshape(tokens.shape))


class TransformerBlock(nn.Module):
    """Reference self-attention, cross-attention to the background tokens, gated feed-forward."""

    def __init__(self, channels: int, heads: int, cross_attention_dim: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = ReferenceAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = BackgroundAttention(channels, cross_attention_dim, heads)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels, activation_fn="geglu")

    def forward(
        self, tokens: Tensor, background: KeysValues, reference: KeysValues | None = None
    ) -> tuple[Tensor, Tensor]:
        """Transform the tokens of all frames.

        Args:
            tokens: (B*F, N, C).
            background: What `attn2` reads, shared by the frames of a clip.
            reference: What `attn1` reads beside the tokens themselves, likewise, or None.

        Returns:
            The new tokens (B*F, N, C), and what self-attention saw of them, (B*F, N, C): a reference feature.
        """
        seen = self.norm1(tokens)
        tokens = tokens + self.attn1(seen, reference)
        tokens = tokens + self.attn2(self.norm2(tokens), background)
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

    def forward(
        self, pictures: Tensor, background: KeysValues, reference: KeysValues | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B*F, C, h, w) -> the same shape, and the reference feature (B*F, h*w, C) of this block.

        `background` and `reference` are what it reads beside its own tokens: of one clip, or of each clip of the batch.
        """
        height, width = pictures.shape[-2:]
        tokens = pictures_to_tokens(self.proj_in(self.norm(pictures)))
        tokens, seen = self.block(tokens, background, reference)
        return self.proj_out(tokens_to_pictures(tokens, height, width)) + pictures, seen


ProjectedTokens = Mapping[SpatialTransformer, KeysValues]
"""Keys and values of some tokens for each transformer of a network that reads them."""


def transformers_of(network: nn.Module) -> list[SpatialTransformer]:
    """All transformers of a network whose parts are registered in the order in which they run."""
    return [module for module in network.modules() if isinstance(module, SpatialTransformer)]


def project_background(network: nn.Module, tokens: Tensor) -> ProjectedTokens:
    """What every transformer of a network reads of the background tokens (B, N, cross_attention_dim)."""
    return {reader: reader.block.attn2.project(tokens) for reader in transformers_of(network)}


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
