"""Person and background apart: the person moves, the background stays."""

from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion.flow import warp


class Layers(NamedTuple):
    """Pictures taken apart.

    matte: (B, 1, H, W) in [0, 1], how much of a pixel the person covers.
    person: (B, 3, H, W) in [0, 1], the person's colors, continued beyond their outline.
    plate: (B, 3, H, W) in [0, 1], what lies behind.
    """

    matte: Tensor
    person: Tensor
    plate: Tensor

    def moved(self, flow: Tensor) -> Self:
        """The person in another place, see `flow.warp`; one portrait serves for all flows (B, 2, h, w)."""
        layers = (layer.expand(len(flow), -1, -1, -1) for layer in self)
        matte, person, plate = layers
        moved = warp(torch.cat([matte, person], 1), flow)
        return self._replace(matte=moved[:, :1], person=moved[:, 1:], plate=plate)

    def picture(self) -> Tensor:
        """(B, 3, H, W) in [0, 1], the person before the plate; exactly the plate where nobody is."""
        return self.plate + self.matte * (self.person - self.plate)

    def resized(self, size: int) -> Self:
        """The same at another side, smoothed where it gets smaller; the same object where it fits."""
        if self.matte.shape[-1] == size:
            return self
        joined = F.interpolate(
            torch.cat(self, 1).float(), size=(size, size), mode="bilinear", align_corners=False, antialias=True
        )
        return type(self)(*joined.to(self.matte.dtype).split([1, 3, 3], 1))
