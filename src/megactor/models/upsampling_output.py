"""UpsamplingOutput: pictures out of the denoiser's features, joined over the borders of latents.

A latent of a `PixelCodec` is a patch of pixels. A convolution that makes each patch for itself leaves borders in the
picture; here the features grow to the picture's size in steps, and at each of them see the moved portrait.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UpsamplingOutput(nn.Module):
    """Doubles the size until a latent has become its patch of pixels.

    Args:
        in_channels: C of the features.
        latent_channels: of a latent: picture channels * patch size ** 2.
        widths: channels behind each doubling; the patch has 2 ** len(widths) pixels a side.

    Raises:
        ValueError: latents do not consist of such patches.
    """

    def __init__(self, in_channels: int, latent_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.patch_size = 2 ** len(widths)
        picture_channels, rest = divmod(latent_channels, self.patch_size**2)
        if rest or not widths:
            raise ValueError(f"{latent_channels} channels are no patches of {self.patch_size}x{self.patch_size} pixels")
        before = (in_channels, *widths[:-1])
        self.grow = nn.ModuleList(nn.Conv2d(a, 4 * b, 3, padding=1) for a, b in zip(before, widths, strict=True))
        self.join = nn.ModuleList(nn.Conv2d(width + picture_channels, width, 3, padding=1) for width in widths)
        self.conv_out = nn.Conv2d(widths[-1], picture_channels, 3, padding=1)
        for parameter in self.conv_out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor, portrait: Tensor) -> Tensor:
        """One picture for each of N frames, as latents again.

        Args:
            features: (N, C, h, w).
            portrait: (N, L, h, w), latents of the moved portrait.

        Returns:
            (N, L, h, w), zero before training.
        """
        picture = F.pixel_shuffle(portrait, self.patch_size)  # (N, L / patch^2, H, W)
        for grow, join in zip(self.grow, self.join, strict=True):
            features = F.silu(F.pixel_shuffle(grow(features), 2))
            seen = F.avg_pool2d(picture, picture.shape[-1] // features.shape[-1])
            features = F.silu(join(torch.cat([features, seen], dim=1)))
        return F.pixel_unshuffle(self.conv_out(features), self.patch_size)
