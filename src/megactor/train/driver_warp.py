"""Training warp of the driving frames: other proportions and sizes, so that a face's shape cannot be copied."""

import torch
from torch import Tensor
from torch.nn import functional


def warp_driver(frames: Tensor, aspect_ratio: float = 1.0, scale: float = 1.0) -> Tensor:
    """Squeezes frames along one axis, then scales them about the center; black where nothing comes from.

    As in the official training code, which draws both factors from [0.8, 1.2], once for a clip.

    Args:
        frames: (B, C, H, W) float of any range; all are warped alike.
        aspect_ratio: below 1 narrows to this part of the width, above 1 lowers to 1 / this part of the height.
        scale: of the affine step; sampled at the nearest pixel, as officially done.

    Returns:
        (B, C, H, W), type and device of the input.

    Raises:
        ValueError: a factor is not positive.
    """
    if not (aspect_ratio > 0 and scale > 0):
        raise ValueError(f"aspect ratio {aspect_ratio} and scale {scale} must be positive")
    if aspect_ratio != 1.0:
        frames = _squeeze(frames, aspect_ratio)
    return frames if scale == 1.0 else _scale(frames, scale)


def _squeeze(frames: Tensor, aspect_ratio: float) -> Tensor:
    height, width = frames.shape[-2:]
    if aspect_ratio < 1:
        size = (height, max(1, int(aspect_ratio * width)))
    else:
        size = (max(1, int(height / aspect_ratio)), width)
    small = functional.interpolate(frames, size, mode="bilinear", align_corners=False, antialias=True)
    missing_y, missing_x = height - size[0], width - size[1]
    left, top = missing_x // 2, missing_y // 2
    return functional.pad(small, (left, missing_x - left, top, missing_y - top))


def _scale(frames: Tensor, scale: float) -> Tensor:
    height, width = frames.shape[-2:]

    def axis(length: int) -> Tensor:
        # the order of operations is torchvision's: ties of the nearest pixel are broken by its rounding errors
        steps = torch.arange(length, dtype=frames.dtype, device=frames.device) + (0.5 - 0.5 * length)
        return steps * (torch.tensor(1 / scale, dtype=frames.dtype, device=frames.device) / (0.5 * length))

    y, x = torch.meshgrid(axis(height), axis(width), indexing="ij")
    grid = torch.stack([x, y], dim=-1).expand(len(frames), -1, -1, -1)
    return functional.grid_sample(frames, grid, mode="nearest", padding_mode="zeros", align_corners=False)
