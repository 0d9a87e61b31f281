"""UpsamplingOutput: the denoiser's last layers for codecs whose latents are patches of pixels.

One convolution that writes all pixels of a patch at once leaves blocks: nothing joins the pixels of neighboring
patches. Here features grow to the size of the picture, which is made there, beside what the denoiser read of the moved
portrait, and only then folded into latents again.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UpsamplingOutput(nn.Module):
    """Features of patches to latents, by way of the picture's own pixels.

    Args:
        in_channels: of the features.
        channels: widths at twice the size of the latents, four times, ...: as many as doublings to the picture's size.
        beside: channels of the latents that are read beside the features at the picture's size.
        out_channels: of the latents.
    """

    def __init__(self, in_channels: int, channels: tuple[int, ...], beside: int, out_channels: int) -> None:
        super().__init__()
        self.patch_size = 2 ** len(channels)
        pixels = self.patch_size**2
        if beside % pixels or out_channels % pixels:
            raise ValueError(
                f"{beside} and {out_channels} channels are no pixels of {self.patch_size}x{self.patch_size}"
            )
        widths, finest = (in_channels, *channels[:-1]), channels[-1]
        self.growing = nn.ModuleList(nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths))
        self.joining = nn.Conv2d(widths[-1] + beside // pixels, finest, 3, padding=1)
        self.pixels = nn.Conv2d(finest, out_channels // pixels, 3, padding=1)
        for parameter in self.pixels.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor, beside: Tensor) -> Tensor:
        """(N, in_channels, h, w) activated features and (N, beside, h, w) latents -> (N, out_channels, h, w)."""
        for layer in self.growing:
            features = F.silu(layer(_doubled(features)))
        joined = torch.cat([_doubled(features), F.pixel_shuffle(beside, self.patch_size)], 1)
        return F.pixel_unshuffle(self.pixels(F.silu(self.joining(joined))), self.patch_size)


def _doubled(pictures: Tensor) -> Tensor:
    return F.interpolate(pictures, scale_factor=2.0, mode="nearest")
