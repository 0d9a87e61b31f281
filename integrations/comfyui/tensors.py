"""ComfyUI's pictures: float32 tensors (F, H, W, C) in [0, 1]."""

import numpy as np
import torch

from megactor.errors import InputError


def eight_bits(images: torch.Tensor) -> np.ndarray:
    """uint8 (F, H, W, C) of a batch, one picture at a time: a second batch of floats would be as large as the first."""
    pixels = np.empty(tuple(images.shape), np.uint8)
    for image, place in zip(images, pixels, strict=True):
        place[:] = (image.detach().cpu().float().clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    return pixels


def one_picture(images: torch.Tensor) -> np.ndarray:
    """uint8 (H, W, C) of a batch of one.

    Raises:
        InputError: it holds another number of pictures.
    """
    if len(images) != 1:
        raise InputError(f"the portrait is a batch of {len(images)} pictures: give one of them")
    return eight_bits(images)[0]
