"""DenoisingUNet: predicts the noise (or the picture) of a window of frames."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat

import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from megactor.models.attention import Context, KeysValues, transformers_of
from megactor.models.denoiser_input import split_portrait
from megactor.models.frames import JointGroupNorm, fold_frames, unfold_frames
from megactor.models.reference_net import BackgroundKeysValues, ReferenceFeatures, batch_timesteps
from megactor.models.resnet import RESNET_EPS
from megactor.models.unet_levels import Surroundings, UNetShape

ReferenceKeysValues = tuple[KeysValues, ...]
"""The portrait's features as the denoiser's reading transformers take them, in reading order."""


@dataclass(frozen=True)
class _WayDown:
    """Result of everything before the first block that reads the reference.

    `background` is what the blocks from there on read of the background tokens.
    """

    pictures: Tensor
    skips: tuple[Tensor, ...]
    around: Surroundings
    background: BackgroundKeysValues


class DenoisingUNet(ModelMixin, ConfigMixin):
    """SD-1.5-shaped UNet over windows of frames, with motion modules and reference attention.

    The order of the input channels is that of `denoiser_input`.

    Args:
        latent_channels: Channels of a latent: of the noise, of the portrait and of the output.
        mask_channels: 1 for the background alone, 2 with the visibility of the moved portrait.
        pose_channels: Channels of the PoseGuider features.
        block_out_channels: Width of each level, widest picture first.
        layers_per_block: Layers of a level on the way down; one more on the way up.
        attention_levels: Levels with spatial transformers; the middle always has one.
        attention_heads: Head count of the spatial attentions, one number or one for each level.
        cross_attention_dim: Width of the background tokens.
        norm_groups: Groups of the GroupNorms.
        use_motion_modules: False leaves them out (training on single images).
        motion_levels: Levels with motion modules; None means all. The middle has none.
        motion_heads: Head count of the motion modules, one number or one for each level.
        motion_norm_groups: Groups of the motion modules' GroupNorm.
        motion_max_frames: Longest window.
        portrait_skip: The network predicts a correction of the (already warped) portrait: ``conv_out`` starts at zero
            and its output is added to the input's portrait channels where the second mask channel, the visibility,
            says that the portrait does not show this point. Needs ``mask_channels=2`` and a scheduler with
            ``prediction_type="sample"``.
        shading_cell: Where the portrait is shown its light may change all the same: the correction is added there as
            means over cells of so many latents' side, smoothly joined, which cannot blur anything. 0 adds none. Only
            with `portrait_skip`; latents of a frame have to be divisible by it.
        visibility_power: The odds that the portrait is shown are raised to this power: above 1 few points are half
            painted. A small part of a correction that knows no bounds is a smudge. Only with `portrait_skip`.
    """

    _supports_gradient_checkpointing = True

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 4,
        mask_channels: int = 1,
        pose_channels: int = 4,
        block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280),
        layers_per_block: int = 2,
        attention_levels: tuple[int, ...] = (0, 1, 2),
        attention_heads: int | tuple[int, ...] = 8,
        cross_attention_dim: int = 768,
        norm_groups: int = 32,
        use_motion_modules: bool = True,
        motion_levels: tuple[int, ...] | None = None,
        motion_heads: int | tuple[int, ...] = 8,
        motion_norm_groups: int = 32,
        motion_max_frames: int = 32,
        portrait_skip: bool = False,
        shading_cell: int = 0,
        visibility_power: int = 1,
    ) -> None:
        super().__init__()
        if motion_levels is None:
            motion_levels = tuple(range(len(block_out_channels)))
        shape = UNetShape(
            tuple(block_out_channels),
            layers_per_block,
            tuple(attention_levels),
            attention_heads,
            cross_attention_dim,
            norm_groups,
            tuple(motion_levels) if use_motion_modules else (),
            motion_heads,
            motion_norm_groups,
            motion_max_frames,
        )
        last, widths = shape.last_level, shape.block_out_channels
        self.reading_layers = shape.reading_layers
        self.in_channels = 2 * latent_channels + mask_channels + pose_channels
        self.conv_in = nn.Conv2d(self.in_channels, widths[0], 3, padding=1)
        self.time_proj = Timesteps(widths[0], flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedding = TimestepEmbedding(widths[0], shape.time_channels)
        self.down = nn.ModuleList(shape.down_level(level) for level in range(last + 1))
        self.middle_in = shape.resnet(widths[last], last)
        self.middle_transformer = shape.transformer(last)
        self.middle_out = shape.resnet(widths[last], last)
        self.up = nn.ModuleList(shape.up_level(level) for level in range(last, -1, -1))
        self.conv_norm_out = JointGroupNorm(norm_groups, widths[0], eps=RESNET_EPS)
        self.conv_out = nn.Conv2d(widths[0], latent_channels, 3, padding=1)
        if portrait_skip and mask_channels < 2:
            raise ValueError("portrait_skip needs mask_channels=2: background and visibility")
        if portrait_skip:
            for parameter in self.conv_out.parameters():
                nn.init.zeros_(parameter)

    @apply_forward_hook
    def project_background(self, tokens: Tensor) -> BackgroundKeysValues:
        """What the transformers read of the background tokens (B, N, cross_attention_dim): once a clip is enough."""
        return tuple(transformer.block.attn2.project(tokens) for transformer in transformers_of(self))

    @apply_forward_hook
    def project_reference(self, features: ReferenceFeatures) -> ReferenceKeysValues:
        """What the reading transformers take from the portrait: once a step is enough.

        Raises:
            ValueError: Features of another architecture.
        """
        if len(features.tokens) != self.reading_layers:
            raise ValueError(
                f"{len(features.tokens)} reference features for {self.reading_layers} reading blocks: "
                "ReferenceNet and DenoisingUNet have different levels"
            )
        readers = transformers_of(self)[-self.reading_layers :]
        pairs = zip(readers, features.tokens, strict=True)
        return tuple(reader.block.attn1.project(tokens) for reader, tokens in pairs)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        background: Tensor | BackgroundKeysValues,
        reference: ReferenceFeatures | ReferenceKeysValues | None = None,
    ) -> Tensor:
        """Predict for a batch of windows.

        Args:
            sample: (B, in_channels, F, h, w), F at most `motion_max_frames`.
            timestep: For all or (B,).
            background: Tokens (B, N, cross_attention_dim), or `project_background` of them; or with 1 instead of B,
                for windows that share them.
            reference: Features of the portrait or `project_reference` of them, for B or for 1 likewise; None for the
                "without" half of guidance.

        Returns:
            (B, latent_channels, F, h, w).

        Raises:
            ValueError: Wrong number of channels, or features of another architecture.
        """
        return self._way_up(sample, self._way_down(sample, timestep, background), reference)

    @apply_forward_hook
    def guided(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        background: Tensor | BackgroundKeysValues,
        reference: ReferenceFeatures | ReferenceKeysValues,
    ) -> tuple[Tensor, Tensor]:
        """Both halves of guidance, (without, with) the reference: `forward` twice for less than its price.

        The halves differ only in what the middle and upward blocks read, so the way down is computed once.
        """
        way_down = self._way_down(sample, timestep, background)
        return self._way_up(sample, way_down, None), self._way_up(sample, way_down, reference)

    def _way_down(self, sample: Tensor, timestep: Tensor | int, background: Tensor | BackgroundKeysValues) -> _WayDown:
        if sample.shape[1] != self.in_channels:
            raise ValueError(f"sample has {sample.shape[1]} channels, this network takes {self.in_channels}")
        timesteps = batch_timesteps(timestep, sample.shape[0], sample.device)
        time = self.time_embedding(self.time_proj(timesteps).to(sample.dtype))
        around = Surroundings(time, frames=sample.shape[2])
        projected = self.project_background(background) if isinstance(background, Tensor) else background
        contexts = map(Context, projected[: -self.reading_layers])

        pictures = self.conv_in(fold_frames(sample))
        skips = [pictures]
        for level in self.down:
            pictures, level_skips = level(pictures, around, contexts)
            skips += level_skips
        pictures = self.middle_in(pictures, time, around.frames)
        return _WayDown(pictures, tuple(skips), around, projected[-self.reading_layers :])

    def _way_up(
        self, sample: Tensor, way_down: _WayDown, reference: ReferenceFeatures | ReferenceKeysValues | None
    ) -> Tensor:
        around, skips = way_down.around, list(way_down.skips)
        projected = self.project_reference(reference) if isinstance(reference, ReferenceFeatures) else reference
        contexts = map(Context, way_down.background, projected or repeat(None))

        pictures, _ = self.middle_transformer(way_down.pictures, next(contexts))
        pictures = self.middle_out(pictures, around.time, around.frames)
        for level in self.up:
            pictures, _ = level(pictures, skips, around, contexts)

        pictures = self.conv_out(F.silu(self.conv_norm_out(pictures, around.frames)))
        prediction = unfold_frames(pictures, around.frames)
        if self.config.portrait_skip:
            portrait, visibility = split_portrait(sample, self.config.latent_channels)
            shown = _decided(visibility, self.config.visibility_power)
            correction = (1 - shown) * prediction
            if self.config.shading_cell:
                correction = correction + shown * _smooth(prediction, self.config.shading_cell)
            prediction = portrait + correction
        return prediction


def _decided(probability: Tensor, power: int) -> Tensor:
    """The probability whose odds are those of another one, raised to a power."""
    yes, no = probability**power, (1 - probability) ** power
    return yes / (yes + no)


def _smooth(latents: Tensor, cell: int) -> Tensor:
    """(B, C, F, h, w) -> the same shape: means over cells, interpolated."""
    pictures = fold_frames(latents)
    means = F.avg_pool2d(pictures, cell)
    smooth = F.interpolate(means, size=pictures.shape[-2:], mode="bilinear", align_corners=False)
    return unfold_frames(smooth, latents.shape[2])
