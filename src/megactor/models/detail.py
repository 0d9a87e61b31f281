"""Adds the portrait's fine detail to frames that were animated at a lower resolution.

A correspondence found at 128x128 holds at any resolution: the full-size portrait is warped by the same flow, and the
band of detail that the small model cannot produce is added back wherever the point is visible in the portrait.
"""

import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion import DenseMotion, warp


def add_portrait_detail(frames: Tensor, portrait: Tensor, motion: DenseMotion) -> Tensor:
    """Enlarges animated frames to the portrait's size with the portrait's own detail.

    Args:
        frames: (B, 3, h, w) in [0, 1], the small model's frames.
        portrait: (1, 3, H, W) in [0, 1], the same crop of the portrait at the size that is wanted.
        motion: flow (B, 2, ., .) and visibility (B, 1, ., .) of these frames, at any resolution.

    Returns:
        (B, 3, H, W) in [0, 1], float32 whatever the networks computed in: a band of detail is a small difference.
    """
    size, small = portrait.shape[-2:], frames.shape[-2:]
    frames, portrait = frames.float(), portrait.float()
    warped = warp(portrait.expand(len(frames), -1, -1, -1), motion.flow.float())
    low = F.interpolate(warped, size=small, mode="bilinear", align_corners=False, antialias=True)
    detail = warped - F.interpolate(low, size=size, mode="bicubic", align_corners=False)
    visible = F.interpolate(motion.visibility.float(), size=size, mode="bilinear", align_corners=False)
    enlarged = F.interpolate(frames, size=size, mode="bicubic", align_corners=False)
    return (enlarged + visible * detail).clamp(0, 1)
