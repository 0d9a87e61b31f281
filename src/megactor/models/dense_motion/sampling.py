"""Pictures read between their pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor


def pixels_along(count: int, device: torch.device) -> Tensor:
    """(count,), centers of pixels along one side."""
    return (torch.arange(count, device=device) + 0.5) / count


def pixel_centers(height: int, width: int, device: torch.device) -> Tensor:
    """(1, height * width, 2), x and y of the centers of a picture's pixels, from edge to edge in [0, 1], row by row."""
    x, y = pixels_along(width, device), pixels_along(height, device)
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)], -1).view(1, -1, 2)


def sample(image: Tensor, places: Tensor) -> Tensor:
    """Bilinear samples; the border is repeated outside of the picture.

    Args:
        image: (B, C, H, W).
        places: (B, h, w, 2), x and y in [0, 1] from edge to edge, may lie outside.

    Returns:
        (B, C, h, w).
    """
    if image.device.type == "mps":
        return sample_clamped(image, places)
    return F.grid_sample(image, 2 * places - 1, padding_mode="border", align_corners=False)


def sample_clamped(image: Tensor, places: Tensor) -> Tensor:
    """`sample` for devices whose `grid_sample` knows no border, as Apple's before PyTorch 2.13 (pytorch #125098)."""
    height, width = image.shape[-2:]
    half = places.new_tensor([0.5 / width, 0.5 / height])
    inside = places.maximum(half).minimum(1 - half)
    return F.grid_sample(image, 2 * inside - 1, padding_mode="zeros", align_corners=False)
