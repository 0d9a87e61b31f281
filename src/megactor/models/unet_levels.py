"""The levels that DenoisingUNet and ReferenceNet are built from, and the numbers that shape them.

A level holds layers (residual block, spatial transformer, motion module); level 0 is the widest picture. The
way down keeps every layer's output as a skip, the way up consumes them in reverse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from diffusers.models.downsampling import Downsample2D
from torch import Tensor, nn

from megactor.models.attention import Context, SpatialTransformer
from megactor.models.motion_module import MotionModule
from megactor.models.resnet import JointResnetBlock, Upsample


@dataclass(frozen=True)
class UNetShape:
    """Numbers of a UNet; per-level tuples run from the widest picture to the smallest.

    Attributes:
        block_out_channels: Width of each level.
        layers_per_block: Layers of a level on the way down; one more on the way up.
        attention_levels: Levels with spatial transformers (the middle always has one).
        attention_heads: Head count of the spatial attentions, one number or one for each level.
        cross_attention_dim: Width of the background tokens.
        norm_groups: Groups of all spatial GroupNorms.
        motion_levels: Levels with motion modules.
        motion_heads: Head count of the motion modules, one number or one for each level.
        motion_norm_groups: Groups of the motion modules' GroupNorm.
        motion_max_frames: Longest window.
    """

    block_out_channels: tuple[int, ...]
    layers_per_block: int
    attention_levels: tuple[int, ...]
    attention_heads: int | tuple[int, ...]
    cross_attention_dim: int
    norm_groups: int
    motion_levels: tuple[int, ...] = ()
    motion_heads: int | tuple[int, ...] = 8
    motion_norm_groups: int = 32
    motion_max_frames: int = 32

    def __post_init__(self) -> None:
        levels = range(len(self.block_out_channels))
        if not self.attention_levels:
            raise ValueError("attention_levels is empty: at least one level must read the reference")
        for name in ("attention_levels", "motion_levels"):
            if not set(getattr(self, name)) <= set(levels):
                raise ValueError(f"{name} {getattr(self, name)} name levels outside 0..{levels[-1]}")
        for name in ("attention_heads", "motion_heads"):
            heads = getattr(self, name)
            if not isinstance(heads, int) and len(heads) != len(levels):
                raise ValueError(f"{name} {heads} must be one number or one for each of {len(levels)} levels")

    @property
    def time_channels(self) -> int:
        """Width of the time embedding."""
        return 4 * self.block_out_channels[0]

    @property
    def last_level(self) -> int:
        """Index of the level with the smallest picture."""
        return len(self.block_out_channels) - 1

    @property
    def reading_layers(self) -> int:
        """Number of transformers that read the reference: the middle and all on the way up."""
        return 1 + len(set(self.attention_levels)) * (self.layers_per_block + 1)

    def resnet(self, in_channels: int, level: int) -> JointResnetBlock:
        """A residual block that ends in the width of a level."""
        return JointResnetBlock(in_channels, self.block_out_channels[level], self.time_channels, self.norm_groups)

    def transformer(self, level: int) -> SpatialTransformer:
        """A spatial transformer of a level's width."""
        heads = self.attention_heads if isinstance(self.attention_heads, int) else self.attention_heads[level]
        return SpatialTransformer(self.block_out_channels[level], heads, self.cross_attention_dim, self.norm_groups)

    def layer(self, in_channels: int, level: int) -> UNetLayer:
        """A layer with the parts that the level has."""
        heads = self.motion_heads if isinstance(self.motion_heads, int) else self.motion_heads[level]
        return UNetLayer(
            self.resnet(in_channels, level),
            self.transformer(level) if level in self.attention_levels else None,
            MotionModule(self.block_out_channels[level], heads, self.motion_norm_groups, self.motion_max_frames)
            if level in self.motion_levels
            else None,
        )

    def way_up_inputs(self, level: int) -> list[int]:
        """Input widths of the level's layers on the way up: features from below joined with one skip each."""
        widths = self.block_out_channels
        skips = [widths[0]]  # conv_in
        for depth, width in enumerate(widths):
            has_downsampler = depth < self.last_level
            skips += [width] * (self.layers_per_block + has_downsampler)
        layers = self.layers_per_block + 1
        own_skips = skips[level * layers : (level + 1) * layers][::-1]
        below = widths[min(level + 1, self.last_level)]
        return [skip + (below if layer == 0 else widths[level]) for layer, skip in enumerate(own_skips)]

    def down_level(self, level: int) -> DownLevel:
        """The level's half on the way down."""
        width, above = self.block_out_channels[level], self.block_out_channels[max(level - 1, 0)]
        layers = [self.layer(above if i == 0 else width, level) for i in range(self.layers_per_block)]
        return DownLevel(layers, width if level < self.last_level else None)

    def up_level(self, level: int) -> UpLevel:
        """The level's half on the way up."""
        layers = [self.layer(width, level) for width in self.way_up_inputs(level)]
        return UpLevel(layers, self.block_out_channels[level] if level > 0 else None)


@dataclass(frozen=True)
class Surroundings:
    """What every layer of one forward pass sees beside the features.

    Attributes:
        time: (B, T) time embedding.
        frames: F, the pictures that belong to one clip.
    """

    time: Tensor
    frames: int


class UNetLayer(nn.Module):
    """Residual block, then spatial transformer and motion module where the level has them."""

    def __init__(
        self,
        resnet: JointResnetBlock,
        transformer: SpatialTransformer | None,
        motion: MotionModule | None,
    ) -> None:
        super().__init__()
        self.resnet = resnet
        self.transformer = transformer
        self.motion = motion

    def forward(
        self, pictures: Tensor, around: Surroundings, context: Context | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """(B*F, C_in, h, w) -> (B*F, C_out, h, w), and its reference feature (B*F, h*w, C_out) if any.

        `context` is what the transformer reads; layers without one take none.
        """
        pictures = self.resnet(pictures, around.time, around.frames)
        seen = None
        if self.transformer is not None:
            if context is None:
                raise ValueError("a layer with a transformer needs a context to read")
            pictures, seen = self.transformer(pictures, context)
        if self.motion is not None:
            pictures = self.motion(pictures, around.frames)
        return pictures, seen


class Level(nn.Module):
    """Layers that may be recomputed in the backward pass (diffusers' gradient checkpointing)."""

    _gradient_checkpointing_func: Callable[..., tuple[Tensor, Tensor | None]]  # set by diffusers

    def __init__(self, layers: list[UNetLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.gradient_checkpointing = False

    def run(
        self, layer: nn.Module, pictures: Tensor, around: Surroundings, contexts: Iterator[Context]
    ) -> tuple[Tensor, Tensor | None]:
        """One layer, with the next context if it reads one; checkpointed if that is switched on."""
        context = None if layer.transformer is None else next(contexts)
        if torch.is_grad_enabled() and self.gradient_checkpointing:
            return self._gradient_checkpointing_func(layer, pictures, around, context)
        return layer(pictures, around, context)


class DownLevel(Level):
    """Layers of one level on the way down; reads no reference."""

    def __init__(self, layers: list[UNetLayer], downsample_channels: int | None) -> None:
        super().__init__(layers)
        self.downsample = (
            Downsample2D(downsample_channels, use_conv=True, padding=1, name="op") if downsample_channels else None
        )

    def forward(
        self, pictures: Tensor, around: Surroundings, contexts: Iterator[Context]
    ) -> tuple[Tensor, list[Tensor]]:
        """(B*F, C, h, w) -> (B*F, C', h/2, w/2), and the skips of this level, first layer first.

        One of the `contexts` is taken for each transformer.
        """
        skips = []
        for layer in self.layers:
            pictures, _ = self.run(layer, pictures, around, contexts)
            skips.append(pictures)
        if self.downsample is not None:
            pictures = self.downsample(pictures)
            skips.append(pictures)
        return pictures, skips


class UpLevel(Level):
    """Layers of one level on the way up; its transformers read the reference."""

    def __init__(self, layers: list[UNetLayer], upsample_channels: int | None) -> None:
        super().__init__(layers)
        self.upsample = Upsample(upsample_channels) if upsample_channels else None

    def forward(
        self,
        pictures: Tensor,
        skips: list[Tensor],
        around: Surroundings,
        contexts: Iterator[Context],
    ) -> tuple[Tensor, list[Tensor]]:
        """One level up.

        Args:
            pictures: (B*F, C, h, w).
            skips: Skips of the whole way down; the ones of this level are taken off the end.
            around: Time and frame count.
            contexts: What the transformers read, in order; one is taken for each.

        Returns:
            (B*F, C', 2h, 2w), and the reference features of this level's own transformers.
        """
        seen_here = []
        for layer in self.layers:
            joined = torch.cat([pictures, skips.pop()], dim=1)
            pictures, seen = self.run(layer, joined, around, contexts)
            if seen is not None:
                seen_here.append(seen)
        if self.upsample is not None:
            height, width = skips[-1].shape[-2:]
            pictures = self.upsample(pictures, (height, width))
        return pictures, seen_here
