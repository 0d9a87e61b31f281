"""The colors of a picture: what is painted into a black-and-white photograph or a faded print must not stand out.

Nor may teeth and tongue under a colored light: that of the skin falls on them, too.
"""

import math
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion.network import resized

_SIDE = 64
"""Colors are counted in a picture of this side."""
_SMALLEST = 0.006
"""Spread of colors, white = 1, along an axis of color space that a picture hardly knows: half of what goes there is
taken away. Across their grays and tones black-and-white and faded pictures have up to .004, others .0075 and more
(nineteen portraits)."""
_CERTAIN = 0.95
"""Part of the colors around a mouth that says how far its hues go."""
_MORE_HUES, _STRONGER = math.radians(8), 1.1
"""What may go beyond: the inside of a mouth is hidden."""
_DARK = 0.05
"""Below it, white = 1, a color's hue says little."""


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


class MouthTones(NamedTuple):
    """Hues and strengths of the colors of lips and of the skin around: teeth and tongue have paler ones of these.

    Colors have places in a plane: gray in its middle, hues around it, strong ones farther away, all by how light a
    color is, so that shade does not matter.

    axis: (2,), unit vector to the usual hue.
    spread: how far hues go to either side of it, in radians.
    strongest: how far colors go from gray.
    """

    axis: Tensor
    spread: Tensor
    strongest: Tensor

    @classmethod
    def of(cls, mouth: Tensor) -> Self:
        """Of a portrait's mouth and what is around it, (1, 3, h, w) in [0, 1]."""
        tones, light = (part.flatten(-2) for part in _tones(mouth.float()))
        axis = F.normalize((tones * light).sum(-1), dim=1)[0]
        along, across = _turned(tones, axis)
        angles, strength, light = (part[0] for part in (torch.atan2(across.abs(), along), tones.norm(dim=1), light))
        weights = strength * light
        order = angles.argsort()
        share = weights[order].cumsum(0) / weights.sum().clamp(min=1e-6)
        spread = angles[order][(share < _CERTAIN).sum().clamp(max=len(order) - 1)]
        strongest = strength[light > _DARK].quantile(_CERTAIN) if (light > _DARK).any() else strength.new_zeros(())
        return cls(axis, (spread + _MORE_HUES).clamp(max=math.pi), strongest * _STRONGER)

    def fitted(self, colors: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1], any colors -> as light, with the nearest of these hues and strengths."""
        tones, light = _tones(colors.float())
        along, across = _turned(tones, self.axis)
        beyond = torch.atan2(across.abs(), along) > self.spread
        cosine, sine = self.spread.cos(), self.spread.sin()
        on_edge = (along * cosine + across.abs() * sine).clamp(min=0)
        along = torch.where(beyond, on_edge * cosine, along)
        across = torch.where(beyond, on_edge * sine * across.sign(), across)
        nearest = torch.stack([along, across], 1)
        nearest = nearest * (self.strongest / nearest.norm(dim=1, keepdim=True).clamp(min=1e-6)).clamp(max=1)
        turned_back = torch.stack(_turned(nearest, self.axis * self.axis.new_tensor([1, -1])), 1)
        return _colors(turned_back, light).clamp(0, 1).to(colors.dtype)


_PLANE = torch.tensor([[1, -0.5, -0.5], [0, 3**0.5 / 2, -(3**0.5) / 2]]) * (2 / 3)
"""Red, green and blue as places in the plane of colors, 120 degrees apart."""


def _tones(colors: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 3, h, w) -> (B, 2, h, w), places in the plane of colors by the light, and (B, h, w), the light."""
    light = colors.mean(1)
    plane = torch.einsum("pc,bchw->bphw", _PLANE.to(colors.device), colors)
    return plane / light.clamp(min=1e-3)[:, None], light


def _colors(tones: Tensor, light: Tensor) -> Tensor:
    """The inverse of `_tones`."""
    back = torch.einsum("pc,bphw->bchw", _PLANE.to(tones.device) * 1.5, tones)
    return (1 + back) * light[:, None]


def _turned(tones: Tensor, axis: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 2, ...) -> along an axis (2,) and across it, both (B, ...); with the axis mirrored the other way round."""
    x, y = tones.unbind(1)
    return x * axis[0] + y * axis[1], y * axis[0] - x * axis[1]
