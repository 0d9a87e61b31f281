"""ReferenceNet: reads the portrait and hands what its self-attention saw to the denoiser."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from megactor.models.attention import ProjectedTokens, ReferenceTap, project_background
from megactor.models.folded_frames import fold_frames
from megactor.models.precision import UpcastMixin
from megactor.models.unet_blocks import (
    DownBlock,
    TimeEmbedding,
    UNetLayer,
    UpBlock,
    check_levels,
    residual_block,
    transformer,
    up_inputs,
)


@dataclass(frozen=True)
class ReferenceFeatures:
    """What ReferenceNet's self-attentions saw of a portrait, in the order in which the denoiser reads it.

    Attributes:
        tokens: One (B, tokens, channels) tensor for each reading block: the middle first, then the up blocks.
    """

    tokens: tuple[Tensor, ...]

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> ReferenceFeatures:
        """A copy on another device or in another type."""
        return ReferenceFeatures(tuple(t.to(device=device, dtype=dtype) for t in self.tokens))


class ReferenceNet(UpcastMixin, ConfigMixin):
    """SD-1.5-shaped 2-D UNet that ends where its last reference feature is made.

    Features are taken in the middle and in the up blocks ("midup"). Nothing is built behind the last of
    them, so every parameter has a gradient.

    Args:
        latent_channels: Channels of the portrait latent.
        block_out_channels: Width of each level, widest picture first.
        layers_per_block: Layers of a down block.
        attention_levels: Levels with transformers; must be those of the denoiser.
        attention_heads: Head count, one number or one for each level.
        cross_attention_dim: Width of the background tokens.
        norm_groups: Groups of the GroupNorms.
        force_upcast: Stay in float32, see `UpcastMixin`: for weights that were trained in bfloat16 and go beyond
            float16's range.
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
        force_upcast: bool = False,
    ) -> None:
        super().__init__()
        config, levels = self.config, range(len(block_out_channels))
        check_levels(config)
        final = min(attention_levels)
        self.conv_in = nn.Conv2d(latent_channels, block_out_channels[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(config)
        self.down = nn.ModuleList(DownBlock(config, level) for level in levels)
        self.middle_in = residual_block(config, levels[-1])
        self.middle_transformer = transformer(config, levels[-1])
        self.middle_out = residual_block(config, levels[-1])
        self.up = nn.ModuleList(UpBlock(config, level) for level in reversed(levels[final + 1 :]))
        # The level of the last feature loses its last transformer but for the entrance, and its upsampler.
        *inputs, last_input = up_inputs(config, final)
        self.final_layers = nn.ModuleList(UNetLayer(config, final, width) for width in inputs)
        self.final_resnet = residual_block(config, final, last_input)
        self.tap = ReferenceTap(block_out_channels[final], norm_groups)

    def forward(
        self, latents: Tensor, timestep: Tensor | int, background: Tensor | ProjectedTokens
    ) -> ReferenceFeatures:
        """Read a portrait.

        Args:
            latents: (B, latent_channels, h, w) clean portrait latent.
            timestep: The denoiser's current timestep, for all or (B,).
            background: Tokens (B, N, cross_attention_dim), the same as the denoiser's, or `project_background` of them.

        Returns:
            One feature for each reading block of the denoiser.
        """
        read: ProjectedTokens = self.project_background(background) if isinstance(background, Tensor) else background
        time = self.time_embedding(timestep, latents)  # (B, T)

        pictures = self.conv_in(fold_frames(latents[:, :, None]))
        skips = [pictures]
        for block in self.down:
            pictures, skips_of_block = block(pictures, time, 1, read)
            skips += skips_of_block

        pictures = self.middle_in(pictures, time, frames=1)
        pictures, feature = self.middle_transformer(pictures, read[self.middle_transformer])
        pictures = self.middle_out(pictures, time, frames=1)

        features = [feature]
        for block in self.up:
            pictures, features_of_block = block(pictures, skips, time, 1, read)
            features += features_of_block
        for layer in self.final_layers:
            pictures, feature = layer(torch.cat([pictures, skips.pop()], dim=1), time, 1, read)
            features.append(feature)
        pictures = self.final_resnet(torch.cat([pictures, skips.pop()], dim=1), time, frames=1)
        features.append(self.tap(pictures))
        return ReferenceFeatures(tuple(features))

    @apply_forward_hook
    def project_background(self, tokens: Tensor) -> ProjectedTokens:
        """What the transformers read of the background tokens (B, N, cross_attention_dim), the same at all steps."""
        return project_background(self, tokens)
