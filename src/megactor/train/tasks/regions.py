"""Weights of pixels: an eye is 1 % of a picture and half of what people look at."""

import torch
from torch import Tensor

EYES_AND_MOUTH = ((48, 68, 10.0), (36, 42, 10.0), (42, 48, 10.0), (17, 27, 3.0), (0, 68, 2.0))
"""Range of the landmarks of a part of the face, and how much heavier its middle counts than the background."""

_REACH, _SMALLEST = 0.8, 0.04


def region_weights(keypoints: Tensor, size: int, most: float | None = 2.5) -> Tensor:
    """Bumps over the mouth, the eyes, the brows and the face.

    Args:
        keypoints: (N, >= 68, 2) in picture units.
        size: S of the weights.
        most: pictures with a large face are scaled to mean 1 as long as their mean is below this; None always scales.

    Returns:
        (N, 1, S, S), about 1 on average.
    """
    centers = (torch.arange(size, device=keypoints.device) + 0.5) / size
    weights = torch.ones(len(keypoints), size, size, device=keypoints.device)
    for first, last, gain in EYES_AND_MOUTH:
        part = keypoints[:, first:last]
        middle, extent = part.mean(1), (part.amax(1) - part.amin(1)).clamp(min=_SMALLEST) * _REACH
        x = (centers - middle[:, :1]) / extent[:, :1]
        y = (centers - middle[:, 1:]) / extent[:, 1:].clamp(min=_SMALLEST)
        weights = weights + gain * torch.exp(-(x.square()[:, None, :] + y.square()[:, :, None]))
    mean = weights.mean((1, 2), keepdim=True)
    return (weights / (mean if most is None else mean.clamp(max=most)))[:, None]
