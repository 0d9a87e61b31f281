"""Adds what is known at the size of the result to frames that were animated at a lower resolution.

A correspondence found at 128x128 holds at any resolution: the full-size portrait is warped by the same flow, and the
band of detail that the small model cannot produce is added back wherever the point is visible in the portrait. Eyes and
mouth, where the model has close-ups of them, come last.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion.close_up import insert
from megactor.models.dense_motion.enlargement import enlarged
from megactor.models.dense_motion.flow import warp
from megactor.models.dense_motion.network import DenseMotion
from megactor.models.dense_motion.outline import outlined
from megactor.models.dense_motion.picture_layers import Layers
from megactor.models.dense_motion.rigidity import rigid

_FAINT = 0.2
"""Up to this much of a person in one of its pixels the small model's colors are not shown: they are made for nobody and
dark. The moved person's own are."""


def add_portrait_detail(frame: Tensor, portrait: Tensor, motion: DenseMotion) -> Tensor:
    """Enlarges one animated frame to the portrait's size with the portrait's own detail.

    Args:
        frame: (1, 3, h, w) in [0, 1], the small model's.
        portrait: (1, 3, H, W) in [0, 1], the same crop of the portrait at the size that is wanted.
        motion: flow (1, 2, ., .), visibility (1, 1, ., .) and close-ups of this frame, at any resolution.

    Returns:
        (1, 3, H, W) in [0, 1], float32 whatever the networks computed in: a band of detail is a small difference.
    """
    portrait = portrait.float()
    picture = _enlarged(frame.float(), warp(portrait, motion.flow.float()), motion)
    for close_up in motion.close_ups:
        picture = insert(picture, portrait, close_up)
    return picture


def place_person(frame: Tensor, layers: Layers, motion: DenseMotion, outline: Tensor | None = None) -> Tensor:
    """Puts the animated person before the portrait's own background, at the size of the portrait.

    Args:
        frame: (1, 3, h, w) in [0, 1], the small model's.
        layers: of the portrait, (1, ., H, W). Close-ups take the person's colors, too, not what lies behind them.
        motion: of this frame, with the person's flow; see `DenseMotionNet.forward`.
        outline: (1, 1, h, w), how much of a pixel the person covers as the small model says; None takes the moved
            portrait's word.

    Returns:
        (1, 3, H, W) in [0, 1], float32; where nobody is, exactly the plate.
    """
    layers = layers.in_float32()
    moved = layers.moved(motion.flow.float())
    person = _enlarged(frame.float(), moved.person, motion, outline)
    for close_up in motion.close_ups:
        person = insert(person, layers.person, close_up)
    if outline is not None:
        asked = _where_generated(motion, torch.ones_like(outline, dtype=torch.float32))
        moved = moved.corrected(outlined(moved.matte, outline.float(), asked, rigid(motion.flow)))
    return moved._replace(person=person).picture()


def _enlarged(frame: Tensor, warped: Tensor, motion: DenseMotion, outline: Tensor | None = None) -> Tensor:
    """A frame (1, 3, h, w) at the size of the warped portrait (1, 3, H, W), with its detail where it can be shown."""
    size, small = warped.shape[-2:], frame.shape[-2:]
    low = F.interpolate(warped, size=small, mode="bilinear", align_corners=False, antialias=True)
    own = torch.ones_like(frame[:, :1])
    if outline is not None:
        own = ((outline.float() - _FAINT) / (1 - _FAINT)).clamp(0, 1)
    frame = torch.lerp(low, frame, _where_generated(motion, own))
    detail = warped - enlarged(low, size[0])
    visible = F.interpolate(motion.visibility.float(), size=size, mode="bilinear", align_corners=False)
    return (enlarged(frame, size[0]) + visible * detail).clamp(0, 1)


def _where_generated(motion: DenseMotion, values: Tensor) -> Tensor:
    """(1, 1, h, w) -> the same, 0 where the portrait was only stretched."""
    if motion.stretched is None:
        return values
    return values * (1 - F.interpolate(motion.stretched.float(), size=values.shape[-2:], mode="bilinear"))
