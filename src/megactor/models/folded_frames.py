"""Folding the frames of a window into the batch and back.

The networks see a window as (B, C, F, h, w); inside, every frame is one picture of the batch, (B*F, C, h, w)
in channels-last memory, so that convolutions, normalizations and attention all read the same layout without
copies.
"""

from __future__ import annotations

import torch
from torch import Tensor


def fold_frames(window: Tensor) -> Tensor:
    """(B, C, F, h, w) -> (B*F, C, h, w) in channels-last memory; windows of one frame stay as they lie."""
    batch, channels, frames, height, width = window.shape
    pictures = window.permute(0, 2, 3, 4, 1).reshape(batch * frames, height, width, channels)
    return pictures.permute(0, 3, 1, 2)


def unfold_frames(pictures: Tensor, frames: int) -> Tensor:
    """(B*F, C, h, w) -> (B, C, F, h, w), contiguous."""
    window = pictures.unflatten(0, (-1, frames))  # (B, F, C, h, w)
    return window.transpose(1, 2).contiguous()


def pictures_to_tokens(pictures: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, h*w, C); no copy when the pictures are channels-last."""
    return pictures.permute(0, 2, 3, 1).flatten(1, 2)


def tokens_to_pictures(tokens: Tensor, height: int, width: int) -> Tensor:
    """(N, h*w, C) -> (N, C, h, w) in channels-last memory; no copy."""
    return tokens.unflatten(1, (height, width)).permute(0, 3, 1, 2)


def repeat_for_frames(per_clip: Tensor, frames: int) -> Tensor:
    """(B, ...) -> (B*F, ...): every clip's value once for each of its frames."""
    return torch.repeat_interleave(per_clip, frames, dim=0) if frames > 1 else per_clip
