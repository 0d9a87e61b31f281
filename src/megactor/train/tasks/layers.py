"""The portrait of a batch taken apart and moved, as the model does it; the truth where the renderer told it."""

import torch
from torch import Tensor

from megactor.models.dense_motion.flow import warp
from megactor.models.dense_motion.picture_layers import Layers
from megactor.train.samples import Batch
from megactor.train.tasks.task import pictures


def are_known(batch: Batch) -> bool:
    """Whether the batch tells mattes and plates."""
    return "matte" in batch


def portrait_layers(batch: Batch, portrait: Tensor) -> Layers:
    """The portrait before the plate of each frame.

    Args:
        batch: whose layers are known.
        portrait: (B * F, 3, S, S) in [0, 1], once for every frame.
    """
    frames = batch["target"].shape[1]
    once = Layers.told_apart(portrait[::frames], pictures(batch, "portrait_matte"), portrait[::frames])
    return Layers(portrait_mattes(batch), once.person.repeat_interleave(frames, 0), frame_plate(batch))


def portrait_mattes(batch: Batch) -> Tensor:
    """(B * F, 1, S, S) in [0, 1], the portrait's matte, once for every frame."""
    return pictures(batch, "portrait_matte").repeat_interleave(batch["target"].shape[1], 0)


def frame_plate(batch: Batch) -> Tensor:
    """(B * F, 3, S, S) in [0, 1], what lies behind the person in each frame to make."""
    # filmed clips tell no plate: their frames take its place, and teach nothing but the person
    target = pictures(batch, "target").flatten(0, 1)
    return torch.lerp(target, pictures(batch, "plate").flatten(0, 1), _known(batch))


def _known(batch: Batch) -> Tensor:
    """(B * F, 1, 1, 1), 1 where the renderer told the frame's layers, else 0."""
    return batch["layers_known"].repeat_interleave(batch["target"].shape[1])[:, None, None, None]


def moved_picture(batch: Batch, portrait: Tensor, flow: Tensor) -> Tensor:
    """The portrait (B * F, 3, S, S) moved by a flow, before the frame's plate where layers are known."""
    return portrait_layers(batch, portrait).moved(flow).picture() if are_known(batch) else warp(portrait, flow)


def finished_picture(batch: Batch, made: Tensor) -> Tensor:
    """What a denoiser made as a picture: colors (N, 3, S, S), or colors and outline (N, 4, S, S) before the plate."""
    if made.shape[1] == 3:
        return made
    person, matte = made.split([3, 1], 1)
    return Layers(matte, person, frame_plate(batch)).corrected(matte).picture()


def outline_error(batch: Batch, made: Tensor) -> Tensor:
    """Mean squared error of the outline (N, 4, S, S), where the renderer told the true one.

    Squared: where an edge may lie here or there the best absolute error is had by leaving it where it is.
    """
    return ((made[:, 3:] - pictures(batch, "matte").flatten(0, 1)).square() * _known(batch)).mean()


def moved_background(batch: Batch, flow: Tensor) -> Tensor:
    """(B * F, 1, S, S), 1 where the moved portrait shows background."""
    if are_known(batch):
        background = 1 - pictures(batch, "portrait_matte")
    else:
        background = batch["portrait_background"].float()
    return warp(background.repeat_interleave(batch["target"].shape[1], 0), flow)
