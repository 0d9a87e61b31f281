"""PoseGuider (the paper's DrivenEncoder): gray driving frames -> a few channels at the latents' size."""

from __future__ import annotations

import math
from itertools import pairwise

from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from megactor.models.folded_frames import fold_frames, repeat_for_frames, unfold_frames

GRAY_WEIGHTS = (0.2989, 0.5870, 0.1140)  # ITU-R 601, rounded as in the official code
PORTRAIT_SIZE = 512  # seven halvings, then an unpadded 4x4 convolution: other sizes do not end at one pixel
PORTRAIT_CHANNELS = (4, 8, 16, 32, 64, 128, 256, 512)
PORTRAIT_HIDDEN = 256

Modulation = tuple[Tensor, Tensor]
"""Scale and shift of each channel."""


def _conv(in_channels: int, out_channels: int, stride: int) -> nn.Conv2d:
    """A convolution that keeps (3x3) or halves (4x4, stride 2) the picture."""
    return nn.Conv2d(in_channels, out_channels, 3 if stride == 1 else 4, stride, padding=1)


class PortraitStatistics(nn.Module):
    """Plain convolutions that boil a portrait down to a scale and a shift for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = PORTRAIT_CHANNELS
        convs: list[nn.Module] = [_conv(3, widths[0], 1)]
        for narrow, wide in pairwise(widths):
            convs += [_conv(narrow, wide, 2), _conv(wide, wide, 1)]
        convs.append(nn.Conv2d(widths[-1], widths[-1], 4))
        self.convs = nn.Sequential(*(part for conv in convs for part in (conv, nn.SiLU())))
        self.hidden = nn.Linear(widths[-1], PORTRAIT_HIDDEN)
        self.activation = nn.SiLU()
        self.out = nn.Linear(PORTRAIT_HIDDEN, 2 * channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, portrait: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, 512, 512) in [-1, 1] -> scale and shift, (B, channels) each."""
        feature = self.convs(portrait).flatten(1)  # (B, 512)
        scale, shift = self.out(self.activation(self.hidden(feature))).chunk(2, dim=1)
        return scale, shift


class PoseGuider(ModelMixin, ConfigMixin):
    """Stages of two convolutions, a modulation by the portrait, and a 1x1 convolution.

    Args:
        channels: Output width of each stage.
        strides: Stride of each stage, 1 or 2; their product is the ratio of picture to latent size.
        out_channels: Channels handed to the denoiser.
        portrait_modulation: Scale and shift the last stage's features by statistics of the portrait
            (`use_refer_ada` in the official configs).
    """

    @register_to_config
    def __init__(
        self,
        channels: tuple[int, ...] = (16, 32, 64, 128),
        strides: tuple[int, ...] = (2, 2, 2, 1),
        out_channels: int = 4,
        portrait_modulation: bool = True,
    ) -> None:
        super().__init__()
        if len(channels) != len(strides):
            raise ValueError(f"{len(channels)} stages but {len(strides)} strides")
        stages: list[nn.Module] = []
        width = 3
        for wide, stride in zip(channels, strides, strict=True):
            stages += [_conv(width, width, 1), nn.SiLU(), _conv(width, wide, stride), nn.SiLU()]
            width = wide
        self.stages = nn.Sequential(*stages)
        self.portrait = PortraitStatistics(width) if portrait_modulation else None
        self.conv_out = nn.Conv2d(width, out_channels, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # Keeps the variance through SiLU stages that have no normalization.
                fan_in = math.prod(module.kernel_size) * module.in_channels
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_in))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    @apply_forward_hook
    def read_portrait(self, portrait: Tensor) -> Modulation:
        """What modulates all frames of a clip: (B, 3, 512, 512) RGB in [0, 1] -> scale and shift, (B, C) each.

        Raises:
            ValueError: Another size, or a config without portrait_modulation.
        """
        if self.portrait is None:
            raise ValueError("this PoseGuider has no portrait_modulation, so it reads no portrait")
        if portrait.shape[-2:] != (PORTRAIT_SIZE, PORTRAIT_SIZE):
            raise ValueError(f"the portrait must be {PORTRAIT_SIZE}x{PORTRAIT_SIZE}, not {portrait.shape[-2:]}")
        return self.portrait(portrait * 2 - 1)

    def forward(self, driving: Tensor, portrait: Tensor | Modulation | None = None) -> Tensor:
        """Encode driving frames; color is dropped here, so the driver's complexion cannot leak.

        Args:
            driving: (B, 3, F, H, W) RGB or (B, 1, F, H, W) gray, in [0, 1].
            portrait: (B, 3, 512, 512) RGB in [0, 1] or `read_portrait` of it if the config has
                `portrait_modulation`, else None.

        Returns:
            (B, out_channels, F, h, w).
        """
        if driving.shape[1] == 3:
            weights = driving.new_tensor(GRAY_WEIGHTS)[:, None, None, None]
            driving = (driving * weights).sum(1, keepdim=True)
        return self.encode(driving.expand(-1, 3, -1, -1, -1), portrait)

    def encode(self, frames: Tensor, portrait: Tensor | Modulation | None = None) -> Tensor:
        """Like `forward`, for three channels that are taken as they are."""
        if (portrait is not None) != (self.portrait is not None):
            raise ValueError("a portrait is needed exactly if the config has portrait_modulation")
        count = frames.shape[2]
        features = self.stages(fold_frames(frames) * 2 - 1)
        if portrait is not None:
            modulation = self.read_portrait(portrait) if isinstance(portrait, Tensor) else portrait
            scale, shift = (repeat_for_frames(x, count)[:, :, None, None] for x in modulation)
            features = features * (1 + scale) + shift
        return unfold_frames(self.conv_out(features), count)
