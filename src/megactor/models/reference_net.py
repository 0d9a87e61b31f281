"""ReferenceNet: reads the portrait and hands what its self-attention saw to the denoiser."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from megactor.models.attention import Context, KeysValues, ReferenceTap, transformers_of
from megactor.models.frames import fold_frames
from megactor.models.unet_levels import Surroundings, UNetShape

BackgroundKeysValues = tuple[KeysValues, ...]
"""The background tokens as a network's transformers read them, one for each in the order in which they run."""


@dataclass(frozen=True)
class ReferenceFeatures:
    """What ReferenceNet's self-attentions saw of a portrait, in the order in which the denoiser reads it.

    Attributes:
        tokens: One (B, tokens, channels) tensor for each reading block: the middle first, then the way up.
    """

    tokens: tuple[Tensor, ...]

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> ReferenceFeatures:
        """A copy on another device or in another type."""
        return ReferenceFeatures(tuple(t.to(device=device, dtype=dtype) for t in self.tokens))


def batch_timesteps(timestep: Tensor | int, batch: int, device: torch.device) -> Tensor:
    """One timestep for all, or one for each item -> (B,) tensor."""
    return torch.as_tensor(timestep, device=device).expand(batch)


class ReferenceNet(ModelMixin, ConfigMixin):
    """SD-1.5-shaped 2-D UNet that ends where its last reference feature is made.

    Features are taken in the middle block and on the way up ("midup"). Nothing is built behind the last of
    them, so every parameter has a gradient.

    Args:
        latent_channels: Channels of the portrait latent.
        block_out_channels: Width of each level, widest picture first.
        layers_per_block: Layers of a level on the way down.
        attention_levels: Levels with transformers; must be those of the denoiser.
        attention_heads: Head count, one number or one for each level.
        cross_attention_dim: Width of the background tokens.
        norm_groups: Groups of the GroupNorms.
    """

    _supports_gradient_checkpointing = True

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 4,
        block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280),
        layers_per_block: int = 2,
        attention_levels: tuple[int, ...] = (0, 1, 2),
        attention_heads: int | tuple[int, ...] = 8,
        cross_attention_dim: int = 768,
        norm_groups: int = 32,
    ) -> None:
        super().__init__()
        shape = UNetShape(
            tuple(block_out_channels),
            layers_per_block,
            tuple(attention_levels),
            attention_heads,
            cross_attention_dim,
            norm_groups,
        )
        last, final = shape.last_level, min(shape.attention_levels)
        widths = shape.block_out_channels
        self.conv_in = nn.Conv2d(latent_channels, widths[0], 3, padding=1)
        self.time_proj = Timesteps(widths[0], flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedding = TimestepEmbedding(widths[0], shape.time_channels)
        self.down = nn.ModuleList(shape.down_level(level) for level in range(last + 1))
        self.middle_in = shape.resnet(widths[last], last)
        self.middle_transformer = shape.transformer(last)
        self.middle_out = shape.resnet(widths[last], last)
        self.up = nn.ModuleList(shape.up_level(level) for level in range(last, final, -1))
        # The level of the last feature loses its last transformer but for the entrance, and its upsampler.
        *inputs, last_input = shape.way_up_inputs(final)
        self.final_layers = nn.ModuleList(shape.layer(width, final) for width in inputs)
        self.final_resnet = shape.resnet(last_input, final)
        self.tap = ReferenceTap(widths[final], norm_groups)

    @apply_forward_hook
    def project_background(self, tokens: Tensor) -> BackgroundKeysValues:
        """What the transformers read of the background tokens (B, N, cross_attention_dim), the same at all steps."""
        return tuple(transformer.block.attn2.project(tokens) for transformer in transformers_of(self))

    def forward(
        self, latents: Tensor, timestep: Tensor | int, background: Tensor | BackgroundKeysValues
    ) -> ReferenceFeatures:
        """Read a portrait.

        Args:
            latents: (B, latent_channels, h, w) clean portrait latent.
            timestep: The denoiser's current timestep, for all or (B,).
            background: Tokens (B, N, cross_attention_dim), the same as the denoiser's, or `project_background` of them.

        Returns:
            One feature for each reading block of the denoiser.
        """
        timesteps = batch_timesteps(timestep, latents.shape[0], latents.device)
        time = self.time_embedding(self.time_proj(timesteps).to(latents.dtype))
        around = Surroundings(time, frames=1)
        projected = self.project_background(background) if isinstance(background, Tensor) else background
        contexts = map(Context, projected)

        pictures = self.conv_in(fold_frames(latents[:, :, None]))
        skips = [pictures]
        for level in self.down:
            pictures, level_skips = level(pictures, around, contexts)
            skips += level_skips

        pictures = self.middle_in(pictures, time, frames=1)
        pictures, seen = self.middle_transformer(pictures, next(contexts))
        pictures = self.middle_out(pictures, time, frames=1)

        features = [seen]
        for level in self.up:
            pictures, seen_here = level(pictures, skips, around, contexts)
            features += seen_here
        for layer in self.final_layers:
            pictures, seen = layer(torch.cat([pictures, skips.pop()], dim=1), around, next(contexts))
            features.append(seen)
        pictures = self.final_resnet(torch.cat([pictures, skips.pop()], dim=1), time, frames=1)
        features.append(self.tap(pictures))
        return ReferenceFeatures(tuple(features))
