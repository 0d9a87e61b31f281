"""Person and background apart: the person moves, the background stays."""

from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion.flow import warp

_ALL_PERSON, _NOTHING = 0.98, 0.05


class Layers(NamedTuple):
    """Pictures taken apart.

    matte: (B, 1, H, W) in [0, 1], how much of a pixel the person covers.
    person: (B, 3, H, W) in [0, 1], the person's colors, continued beyond their outline.
    plate: (B, 3, H, W) in [0, 1], what lies behind.
    strands: (B, 4, H, W) in [0, 1], colors and cover of what hangs on the person, before both; None without any.
    """

    matte: Tensor
    person: Tensor
    plate: Tensor
    strands: Tensor | None = None

    @classmethod
    def told_apart(cls, picture: Tensor, matte: Tensor, plate: Tensor) -> Self:
        """Layers of a picture (B, 3, H, W) whose matte is known: the person's colors are continued beyond its outline.

        What is partly covered shows both: only what is all person counts as the person's color.
        """
        return cls(matte, _continued(picture, (matte > _ALL_PERSON).to(picture.dtype)), plate)

    def moved(self, flow: Tensor) -> Self:
        """The person in another place, see `flow.warp`; one portrait serves for all flows (B, 2, h, w)."""
        count = len(flow)
        of_person = [self.matte, self.person, *([] if self.strands is None else [self.strands])]
        moved = warp(torch.cat(of_person, 1).expand(count, -1, -1, -1), flow)
        strands = None if self.strands is None else moved[:, 4:]
        return type(self)(moved[:, :1], moved[:, 1:4], self.plate.expand(count, -1, -1, -1), strands)

    def picture(self) -> Tensor:
        """(B, 3, H, W) in [0, 1], the person before the plate; exactly the plate where nobody is."""
        picture = self.plate + self.matte * (self.person - self.plate)
        return picture if self.strands is None else torch.lerp(picture, self.strands[:, :3], self.strands[:, 3:])

    def corrected(self, matte: Tensor) -> Self:
        """The same with another matte, any numbers: what is next to nothing or next to all becomes just that."""
        return self._replace(matte=((matte - _NOTHING) / (1 - 2 * _NOTHING)).clamp(0, 1))

    def in_float32(self) -> Self:
        """The same in float32, without a copy where it is."""
        strands = None if self.strands is None else self.strands.float()
        return type(self)(self.matte.float(), self.person.float(), self.plate.float(), strands)

    def resized(self, size: int) -> Self:
        """The same at another side, smoothed where it gets smaller, without strands; the same object where it fits."""
        if self.matte.shape[-1] == size:
            return self
        joined = F.interpolate(
            torch.cat(self[:3], 1).float(), size=(size, size), mode="bilinear", align_corners=False, antialias=True
        )
        return type(self)(*joined.to(self.matte.dtype).split([1, 3, 3], 1))


def _continued(colors: Tensor, known: Tensor) -> Tensor:
    """Colors where they are known (1, else 0), coarser the farther away (pull and push, Gortler et al., 1996).

    The same as `drive.painting.painted_out`, for tensors (B, 3, H, W) and (B, 1, H, W).
    """
    if min(colors.shape[-2:]) <= 2:
        total = (colors * known).sum((-2, -1), keepdim=True)
        return (total / known.sum((-2, -1), keepdim=True).clamp(min=1e-6)).expand_as(colors)
    half = (-(-colors.shape[-2] // 2), -(-colors.shape[-1] // 2))
    pulled, less = (F.adaptive_avg_pool2d(part, half) for part in (colors * known, known))
    pushed = _continued(pulled / less.clamp(min=1e-6), less)
    far = F.interpolate(pushed, size=colors.shape[-2:], mode="bilinear", align_corners=False)
    return colors * known + far * (1 - known)
