"""DenoisingUNet: predicts the noise (or the picture) of a window of frames."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from megactor.models.attention import ProjectedTokens, project_background, transformers_of
from megactor.models.denoiser_input import split_portrait
from megactor.models.folded_frames import fold_frames, unfold_frames
from megactor.models.portrait_skip import add_correction
from megactor.models.reference_net import ReferenceFeatures
from megactor.models.resnet import RESNET_EPS, JointGroupNorm
from megactor.models.unet_blocks import (
    NO_TOKENS,
    DownBlock,
    TimeEmbedding,
    UpBlock,
    check_levels,
    residual_block,
    transformer,
)
from megactor.models.upsampling_output import UpsamplingOutput


class DenoisingUNet(ModelMixin, ConfigMixin):
    """SD-1.5-shaped UNet over windows of frames, with motion modules and reference attention.

    The order of the input channels is that of `denoiser_input`.

    Args:
        latent_channels: Channels of a latent: of the noise, of the portrait and of the output.
        mask_channels: 1 for the background alone; with the visibility of the moved portrait 2, or 1 and the pixels of a
            latent, see `visibility_latents`.
        pose_channels: Channels of the PoseGuider features.
        block_out_channels: Width of each level, widest picture first.
        layers_per_block: Layers of a down block; an up block has one more.
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
        shading_width: Where the portrait is shown its light may change all the same: colors are multiplied by what the
            correction means for the mean over so many pixels' square, which keeps edges and darkness as they are. 0
            changes none. Only with `portrait_skip` and a codec whose latents are pixels.
        matte_channels: The last so many channels of a latent tell how much of its pixels the person covers. Only with
            `portrait_skip`.
        output_channels: The output is made at the size of the picture, see `UpsamplingOutput`; None makes all of a
            latent at once.
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
        shading_width: int = 0,
        matte_channels: int = 0,
        output_channels: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        config, levels = self.config, range(len(block_out_channels))
        check_levels(config)
        if portrait_skip and mask_channels < 2:
            raise ValueError("portrait_skip needs mask_channels of 2 or more: background and visibility")
        if not portrait_skip and (matte_channels or output_channels):
            raise ValueError("matte_channels and output_channels need portrait_skip")
        self.in_channels = 2 * latent_channels + mask_channels + pose_channels
        self.conv_in = nn.Conv2d(self.in_channels, block_out_channels[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(config)
        self.down = nn.ModuleList(DownBlock(config, level) for level in levels)
        self.middle_in = residual_block(config, levels[-1])
        self.middle_transformer = transformer(config, levels[-1])
        self.middle_out = residual_block(config, levels[-1])
        self.up = nn.ModuleList(UpBlock(config, level) for level in reversed(levels))
        self.conv_norm_out = JointGroupNorm(norm_groups, block_out_channels[0], eps=RESNET_EPS)
        self.conv_out: nn.Conv2d | UpsamplingOutput
        if output_channels is None:
            self.conv_out = nn.Conv2d(block_out_channels[0], latent_channels, 3, padding=1)
            if portrait_skip:
                for parameter in self.conv_out.parameters():
                    nn.init.zeros_(parameter)
        else:
            beside = latent_channels + mask_channels - 1
            self.conv_out = UpsamplingOutput(block_out_channels[0], output_channels, beside, latent_channels)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        background: Tensor | ProjectedTokens,
        reference: ReferenceFeatures | ProjectedTokens | None = None,
    ) -> Tensor:
        """Predict for a batch of windows.

        Args:
            sample: (B, in_channels, F, h, w), F at most `motion_max_frames`.
            timestep: For all or (B,).
            background: Tokens (B, N, cross_attention_dim), or `project_background` of them; or with 1 instead of B,
                for windows that share them.
            reference: Features of the portrait or `project_reference` of them, for B or for 1 likewise; None for the
                unconditional prediction.

        Returns:
            (B, latent_channels, F, h, w).

        Raises:
            ValueError: Wrong number of channels, or features of another architecture.
        """
        return self._predict(sample, timestep, background, [reference])[0]

    @apply_forward_hook
    def guided(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        background: Tensor | ProjectedTokens,
        reference: ReferenceFeatures | ProjectedTokens,
    ) -> tuple[Tensor, Tensor]:
        """(unconditional, conditional) predictions, without and with the reference: `forward` twice for less."""
        unconditional, conditional = self._predict(sample, timestep, background, [None, reference])
        return unconditional, conditional

    def _predict(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        background: Tensor | ProjectedTokens,
        references: Sequence[ReferenceFeatures | ProjectedTokens | None],
    ) -> list[Tensor]:
        """The whole network; the down blocks read no reference, so they run once for all `references`."""
        if sample.shape[1] != self.in_channels:
            raise ValueError(f"sample has {sample.shape[1]} channels, this network takes {self.in_channels}")
        scene: ProjectedTokens = self.project_background(background) if isinstance(background, Tensor) else background
        frames = sample.shape[2]
        time = self.time_embedding(timestep, sample)  # (B, T)

        pictures = self.conv_in(fold_frames(sample))  # (B*F, C, h, w) from here on
        skips = [pictures]
        for block in self.down:
            pictures, skips_of_block = block(pictures, time, frames, scene)
            skips += skips_of_block
        lowest = self.middle_in(pictures, time, frames)

        predictions = []
        middle = self.middle_transformer
        for reference in references:
            if isinstance(reference, ReferenceFeatures):
                reference = self.project_reference(reference)
            portrait, skips_left = reference or NO_TOKENS, skips.copy()
            pictures, _ = middle(lowest, scene[middle], portrait.get(middle))
            pictures = self.middle_out(pictures, time, frames)
            for block in self.up:
                pictures, _ = block(pictures, skips_left, time, frames, scene, portrait)
            predictions.append(self._finish(F.silu(self.conv_norm_out(pictures, frames)), sample))
        return predictions

    def _finish(self, pictures: Tensor, sample: Tensor) -> Tensor:
        """(B*F, C, h, w) features of the finest level -> (B, latent_channels, F, h, w)."""
        config, frames = self.config, sample.shape[2]
        if not config.portrait_skip:
            return unfold_frames(self.conv_out(pictures), frames)
        moved, visibility = split_portrait(sample, config.latent_channels, config.mask_channels)
        if isinstance(self.conv_out, UpsamplingOutput):
            pictures = self.conv_out(pictures, fold_frames(torch.cat([moved, visibility], 1)))
        else:
            pictures = self.conv_out(pictures)
        correction = unfold_frames(pictures, frames)
        return add_correction(moved, correction, visibility, config.shading_width, config.matte_channels)

    @apply_forward_hook
    def project_background(self, tokens: Tensor) -> ProjectedTokens:
        """What the transformers read of the background tokens (B, N, cross_attention_dim): once a clip is enough."""
        return project_background(self, tokens)

    @apply_forward_hook
    def project_reference(self, features: ReferenceFeatures) -> ProjectedTokens:
        """What the transformers of the middle and of the up blocks read of the portrait: once a step is enough.

        Raises:
            ValueError: Features of another architecture.
        """
        readers = [self.middle_transformer, *transformers_of(self.up)]
        if len(features.tokens) != len(readers):
            raise ValueError(
                f"{len(features.tokens)} reference features for {len(readers)} reading blocks: "
                "ReferenceNet and DenoisingUNet have different levels"
            )
        pairs = zip(readers, features.tokens, strict=True)
        return {reader: reader.block.attn1.project(tokens) for reader, tokens in pairs}
