"""The blocks that DenoisingUNet and ReferenceNet are built from, one for each level; level 0 is the widest picture.

A layer is a residual block, then a spatial transformer and a motion module where the level has them. Down blocks keep
what every layer makes as a skip, up blocks take the skips off again.

`config` is everywhere a network's own config: its constructor's arguments by name, described there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from diffusers.configuration_utils import FrozenDict
from diffusers.models.downsampling import Downsample2D
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn

from megactor.models.attention import ProjectedTokens, SpatialTransformer
from megactor.models.motion_module import MotionModule
from megactor.models.resnet import JointResnetBlock, Upsample

LayerResult = tuple[Tensor, Tensor | None]
NO_TOKENS: ProjectedTokens = {}


def check_levels(config: FrozenDict) -> None:
    """Raises ValueError where the numbers of a UNet's levels contradict each other."""
    levels = range(len(config.block_out_channels))
    if not config.attention_levels:
        raise ValueError("attention_levels is empty: at least one level must read the reference")
    for name in ("attention_levels", "motion_levels"):
        if not set(config.get(name) or ()) <= set(levels):
            raise ValueError(f"{name} {config[name]} name levels outside 0..{levels[-1]}")
    for name in ("attention_heads", "motion_heads"):
        heads = config.get(name, 1)
        if not isinstance(heads, int) and len(heads) != len(levels):
            raise ValueError(f"{name} {heads} must be one number or one for each of {len(levels)} levels")


def residual_block(config: FrozenDict, level: int, in_channels: int | None = None) -> JointResnetBlock:
    """A residual block that ends in the level's width; it starts from that width too where nothing else is said."""
    width = config.block_out_channels[level]
    return JointResnetBlock(in_channels or width, width, time_channels(config), config.norm_groups)


def transformer(config: FrozenDict, level: int) -> SpatialTransformer:
    """A spatial transformer of the level's width."""
    heads = _at_level(config.attention_heads, level)
    return SpatialTransformer(config.block_out_channels[level], heads, config.cross_attention_dim, config.norm_groups)


def time_channels(config: FrozenDict) -> int:
    """Width of the time embedding."""
    return 4 * int(config.block_out_channels[0])


def up_inputs(config: FrozenDict, level: int) -> list[int]:
    """Input widths of the layers of an up block: what comes from below, joined with one skip each."""
    widths, last = config.block_out_channels, len(config.block_out_channels) - 1
    skips = [widths[0]]  # of conv_in
    for depth, width in enumerate(widths):
        skips += [width] * (config.layers_per_block + (depth < last))
    layers = config.layers_per_block + 1
    own_skips = skips[level * layers : (level + 1) * layers][::-1]
    below = [widths[min(level + 1, last)]] + [widths[level]] * config.layers_per_block
    return [skip + width for skip, width in zip(own_skips, below, strict=True)]


class TimeEmbedding(TimestepEmbedding):
    """Timesteps to the time embedding (B, T): diffusers' sinusoids and layers in one."""

    def __init__(self, config: FrozenDict) -> None:
        super().__init__(config.block_out_channels[0], time_channels(config))
        self.sinusoids = Timesteps(config.block_out_channels[0], flip_sin_to_cos=True, downscale_freq_shift=0)

    def forward(self, timestep: Tensor | int, latents: Tensor) -> Tensor:
        """One timestep for all latents (B, ...) or one for each -> (B, T) in their type."""
        timesteps = torch.as_tensor(timestep, device=latents.device).expand(len(latents))
        return super().forward(self.sinusoids(timesteps).to(latents.dtype))


class UNetLayer(nn.Module):
    """Residual block, then spatial transformer and motion module where the level has them.

    Its inside may be computed again in the backward pass (diffusers' gradient checkpointing).
    """

    _gradient_checkpointing_func: Callable[..., LayerResult]  # set by diffusers

    def __init__(self, config: FrozenDict, level: int, in_channels: int) -> None:
        super().__init__()
        self.resnet = residual_block(config, level, in_channels)
        self.transformer = transformer(config, level) if level in config.attention_levels else None
        self.motion = _motion_module(config, level) if level in _motion_levels(config) else None
        self.gradient_checkpointing = False

    def forward(
        self,
        pictures: Tensor,
        time: Tensor,
        frames: int,
        background: ProjectedTokens,
        reference: ProjectedTokens = NO_TOKENS,
    ) -> LayerResult:
        """One layer.

        Args:
            pictures: (B*F, C_in, h, w).
            time: (B, T) time embedding.
            frames: F.
            background: What the transformer reads of the background.
            reference: What it reads of the portrait; nothing if it is not in there.

        Returns:
            (B*F, C_out, h, w), and the reference feature (B*F, h*w, C_out) of the transformer, if there is one.
        """
        if self.gradient_checkpointing and torch.is_grad_enabled():
            return self._gradient_checkpointing_func(self._forward, pictures, time, frames, background, reference)
        return self._forward(pictures, time, frames, background, reference)

    def _forward(
        self, pictures: Tensor, time: Tensor, frames: int, background: ProjectedTokens, reference: ProjectedTokens
    ) -> LayerResult:
        pictures, seen = self.resnet(pictures, time, frames), None
        if self.transformer is not None:
            own = background[self.transformer], reference.get(self.transformer)
            pictures, seen = self.transformer(pictures, *own)
        if self.motion is not None:
            pictures = self.motion(pictures, frames)
        return pictures, seen


class DownBlock(nn.Module):
    """The layers of a level on the way to smaller pictures; they do not read the portrait."""

    def __init__(self, config: FrozenDict, level: int) -> None:
        super().__init__()
        widths = config.block_out_channels
        inputs = [widths[max(level - 1, 0)]] + [widths[level]] * (config.layers_per_block - 1)
        self.layers = nn.ModuleList(UNetLayer(config, level, width) for width in inputs)
        last = level == len(widths) - 1
        self.downsample = None if last else Downsample2D(widths[level], use_conv=True, padding=1, name="op")

    def forward(
        self, pictures: Tensor, time: Tensor, frames: int, background: ProjectedTokens
    ) -> tuple[Tensor, list[Tensor]]:
        """(B*F, C, h, w) -> (B*F, C', h/2, w/2), and the skips of this level, first layer first."""
        skips = []
        for layer in self.layers:
            pictures, _ = layer(pictures, time, frames, background)
            skips.append(pictures)
        if self.downsample is not None:
            pictures = self.downsample(pictures)
            skips.append(pictures)
        return pictures, skips


class UpBlock(nn.Module):
    """The layers of a level on the way back; they read the portrait, if they are given it."""

    def __init__(self, config: FrozenDict, level: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(UNetLayer(config, level, width) for width in up_inputs(config, level))
        self.upsample = Upsample(config.block_out_channels[level]) if level > 0 else None

    def forward(
        self,
        pictures: Tensor,
        skips: list[Tensor],
        time: Tensor,
        frames: int,
        background: ProjectedTokens,
        reference: ProjectedTokens = NO_TOKENS,
    ) -> tuple[Tensor, list[Tensor]]:
        """(B*F, C, h, w) -> (B*F, C', 2h, 2w), and the reference features of this level's transformers.

        Takes its own skips off the end of `skips`.
        """
        features = []
        for layer in self.layers:
            joined = torch.cat([pictures, skips.pop()], dim=1)
            pictures, seen = layer(joined, time, frames, background, reference)
            if seen is not None:
                features.append(seen)
        if self.upsample is not None:
            height, width = skips[-1].shape[-2:]
            pictures = self.upsample(pictures, (height, width))
        return pictures, features


def _at_level(number: int | Sequence[int], level: int) -> int:
    return number if isinstance(number, int) else number[level]


def _motion_levels(config: FrozenDict) -> Sequence[int]:
    if not config.get("use_motion_modules"):  # ReferenceNet knows nothing of them
        return ()
    everywhere = range(len(config.block_out_channels))
    return everywhere if config.motion_levels is None else config.motion_levels


def _motion_module(config: FrozenDict, level: int) -> MotionModule:
    heads = _at_level(config.motion_heads, level)
    return MotionModule(config.block_out_channels[level], heads, config.motion_norm_groups, config.motion_max_frames)
