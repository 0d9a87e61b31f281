"""The colors of a picture: what is painted into a black-and-white photograph or a faded print must not stand out."""

from typing import NamedTuple, Self

import torch
from torch import Tensor

from megactor.models.dense_motion.network import resized

_SIDE = 64
"""Colors are counted in a picture of this side."""
_SMALLEST = 0.006
"""Spread of colors, white = 1, along an axis of color space that a picture hardly knows: half of what goes there is
taken away. Across their grays and tones black-and-white and faded pictures have up to .004, others .0075 and more
(nineteen portraits)."""


class Palette(NamedTuple):
    """Mean and spread of a picture's colors.

    mean: (3, 1), the mean color.
    known: (3, 3), takes from a color's distance to the mean what the picture's own colors never do.
    """

    mean: Tensor
    known: Tensor

    @classmethod
    def of(cls, picture: Tensor) -> Self:
        """Counts the colors of one picture (1, 3, H, H) in [0, 1]."""
        colors = resized(picture.float(), _SIDE)[0].flatten(1)
        mean = colors.mean(1, keepdim=True)
        spread = torch.cov(colors)
        noise = _SMALLEST**2 * torch.eye(3, device=spread.device)
        # the estimate of a color of which only a noisy copy is known (Wiener, 1949)
        return cls(mean, torch.linalg.solve(spread + noise, spread))

    def fitted(self, colors: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1], any colors -> the same with the picture's."""
        away = colors.float().flatten(2) - self.mean
        return (self.known @ away + self.mean).view(colors.shape).clamp(0, 1).to(colors.dtype)
