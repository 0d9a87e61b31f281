"""Small pictures made larger, bicubic: on a CPU in a third of the time that PyTorch's own way takes.

A whole factor of enlargement is a convolution: the pixels of the result that lie in one pixel of the picture are each
a sum over the 5x5 pixels around it, always with the same weights.
"""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

_REACH = 2
"""Pixels to each side that a cubic reads, from anywhere in the pixel in the middle."""


def enlarged(picture: Tensor, size: int) -> Tensor:
    """Bicubic enlargement, the border repeated, as `F.interpolate` without `align_corners` has it.

    Args:
        picture: (B, C, h, h), float32.
        size: side of the result.

    Returns:
        (B, C, size, size); on a CPU within float tolerance of `F.interpolate`, elsewhere its own.
    """
    batch, channels, height, width = picture.shape
    factor = size // width
    if picture.device.type != "cpu" or factor < 2 or (factor * height, factor * width) != (size, size):
        return F.interpolate(picture, size=(size, size), mode="bicubic", align_corners=False)
    padded = F.pad(picture.reshape(-1, 1, height, width), (_REACH,) * 4, mode="replicate")
    pixels = F.conv2d(padded, _weights(factor))
    return F.pixel_shuffle(pixels, factor).view(batch, channels, size, size)


@functools.cache
def _weights(factor: int) -> Tensor:
    """(factor ** 2, 1, 5, 5): of the pixels around one for each pixel of the result in it, row by row."""
    side = 2 * _REACH + 1
    one = torch.eye(side)[:, None, None, :]  # a line with one bright pixel, five times
    line = F.interpolate(one.expand(-1, -1, side, -1), scale_factor=factor, mode="bicubic", align_corners=False)
    middle = line[:, 0, _REACH * factor, _REACH * factor : (_REACH + 1) * factor]  # (5, factor)
    return torch.einsum("ap,bq->pqab", middle, middle).reshape(factor**2, 1, side, side)
