"""The motion UNet learns from the renderer where every pixel comes from."""

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion import DenseMotionNet, MotionLogits
from megactor.models.dense_motion.flow import warp
from megactor.train.samples import Batch
from megactor.train.tasks.body import FLOW_PIXELS, body_errors, body_loss, seen_body
from megactor.train.tasks.finder_errors import found_keypoints, keypoints_with_errors
from megactor.train.tasks.layers import are_known, moved_picture, portrait_mattes
from megactor.train.tasks.regions import region_weights
from megactor.train.tasks.task import (
    TrainingTask,
    Validation,
    known_motion,
    learn_only,
    mean_psnr,
    pictures,
    strip,
)

_FLOW, _WARP, _VISIBILITY, _BODY, _MATTE = 0.1, 2.0, 0.15, 0.1, 2.0
_BACKGROUND = 0.5
"""Weight of the background's flow, which is zero: a wrong one drags the wall along with the hair."""
_SAME_COLOR = 0.06
"""Difference of colors, white = 1, up to which hidden points count as shown: one lock of hair is as good as another."""
_HIDDEN_ODDS = 0.55
"""So many times worse is it to paint over what could be shown than to show what should be painted: a denoiser that has
learned to paint is nearer to the truth than a moved portrait that shows something else."""


class MotionTask(TrainingTask):
    """Flow and visibility against the truth, and the warped portrait against the target.

    Args:
        dense_motion: whose UNet and body motion learn; its keypoints and retargeter stay.
        seed: of the run.
    """

    def __init__(self, dense_motion: DenseMotionNet, seed: int) -> None:
        super().__init__()
        self.network = dense_motion
        self.seed = seed
        learn_only(self, [part for part in (self.network.unet, self.network.body) if part is not None])

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `TrainingTask`; all frames of every sample."""
        portrait, _, driving = _pairs(batch)
        generators = self.generators(batch)
        seen = keypoints_with_errors(batch, generators)
        points, body = seen.moved(self.network), seen_body(batch, generators)
        motion = self.network.logits(portrait, driving, seen.portrait, points, are_known(batch), body)
        return motion_losses(motion, portrait, batch)

    def validate(self, batch: Batch) -> Validation:
        """PSNR of the warped portrait, of the still one, and of the portrait warped by the true flow.

        Keypoints are found, not known; the body is seen as `seen_body` has it.
        """
        portrait, target, driving = _pairs(batch)
        seen = found_keypoints(self.network, batch)
        points, body = seen.moved(self.network), seen_body(batch, self.generators(batch))
        pieces = zip(*(part.split(16) for part in (portrait, driving, seen.portrait, points, body)), strict=True)
        layered = are_known(batch)
        motions = [self.network.logits(p, d, a, b, layered, c) for p, d, a, b, c in pieces]
        flow = torch.cat([motion.flow for motion in motions])
        visibility = torch.cat([motion.visibility for motion in motions])
        true_flow = batch["flow"].flatten(0, 1)
        shown = shown_by_portrait(batch, portrait, target) > 0.5
        person = (true_flow != 0).any(1, keepdim=True)
        errors = ((flow - true_flow) * FLOW_PIXELS).norm(dim=1, keepdim=True)
        warped = moved_picture(batch, portrait, flow)
        frames = batch["target"].shape[1]
        columns = (portrait, driving, warped, target)
        return Validation(
            {
                "psnr": mean_psnr(warped, target, portrait),
                "psnr_still": mean_psnr(portrait, target, portrait),
                "psnr_true_flow": mean_psnr(moved_picture(batch, portrait, true_flow), target, portrait),
                "flow_error": float(errors[person].mean()),
                "visibility_accuracy": float(((visibility > 0) == shown).float().mean()),
            }
            | _matte_errors(batch, flow)
            | body_errors([motion.body_flow for motion in motions], true_flow, batch["keypoints"].flatten(0, 1)),
            strip(*(pictures.unflatten(0, (-1, frames)) for pictures in columns)),
            ("portrait", "driver", "warped", "truth"),
        )


def shown_by_portrait(batch: Batch, portrait: Tensor, target: Tensor) -> Tensor:
    """How far the portrait moved by the true flow can be shown: where points are visible in it, or look the same.

    The renderer's visibility speckles hair, whose locks hide each other: a network that learns that paints all of it
    anew, and hazier than the portrait's.

    Args:
        batch: with the truth.
        portrait: (B * F, 3, S, S) in [0, 1].
        target: the same of the frames to make.

    Returns:
        (B * F, 1, h, w) in [0, 1].
    """
    flow, visible = batch["flow"].flatten(0, 1), batch["visible"].flatten(0, 1).float()
    error = (warp(portrait, flow) - target).abs().amax(1, keepdim=True)
    error = F.avg_pool2d(F.interpolate(error, size=flow.shape[-2:], mode="area"), 3, 1, 1)
    return torch.maximum(visible, torch.exp(-(error / _SAME_COLOR).square()))


def _matte_errors(batch: Batch, flow: Tensor) -> dict[str, float]:
    """How far the moved matte is off, and how far it would be if nobody moved; nothing for batches without layers."""
    if not are_known(batch):
        return {}
    true = pictures(batch, "matte").flatten(0, 1)
    still = portrait_mattes(batch)
    mattes = {"matte_error": warp(still, flow), "matte_still": still}
    return {name: float((matte - true).abs().mean()) for name, matte in mattes.items()}


def motion_losses(motion: MotionLogits, portrait: Tensor, batch: Batch) -> dict[str, Tensor]:
    """Errors of a predicted motion: against the true one where it is known, and of the portrait that it moves.

    Args:
        motion: of B * F frames.
        portrait: (B * F, 3, S, S) in [0, 1].
        batch: with the truth.

    Returns:
        "loss", the weighted sum, and its parts.
    """
    flow, visibility, body_flow = motion
    layered = are_known(batch)
    target, keypoints = pictures(batch, "target").flatten(0, 1), batch["keypoints"].flatten(0, 1)
    known = known_motion(batch)
    true_flow, visible = batch["flow"].flatten(0, 1), shown_by_portrait(batch, portrait, target)
    fine, coarse = region_weights(keypoints, target.shape[-1]), region_weights(keypoints, flow.shape[-1])
    person = (true_flow != 0).any(1, keepdim=True).float()
    background = 0.0 if layered else _BACKGROUND  # what moves before a plate may move anywhere behind its outline
    flow_error = (flow - true_flow).abs() * FLOW_PIXELS * (person + background * (1 - person)) * coarse
    shown = torch.where(known > 0, visible, visibility.detach().sigmoid())
    shown = F.interpolate(shown, size=target.shape[-2:])
    judged = person if layered else torch.ones_like(person)
    if layered:
        shown = torch.maximum(shown, 1 - pictures(batch, "matte").flatten(0, 1))
    losses = {
        "flow": (flow_error * known).mean(),
        "warp": ((moved_picture(batch, portrait, flow) - target).abs() * shown * fine).mean(),
        "visibility": (
            F.binary_cross_entropy_with_logits(
                visibility, visible, reduction="none", pos_weight=visible.new_tensor(_HIDDEN_ODDS)
            )
            * coarse
            * known
            * judged
        ).mean(),
    }
    if layered:
        moved = warp(portrait_mattes(batch), flow)
        losses["matte"] = (moved - pictures(batch, "matte").flatten(0, 1)).abs().mean()
    if body_flow is not None:
        losses["body"] = body_loss(body_flow, true_flow, keypoints, known)
    weights = {"flow": _FLOW, "warp": _WARP, "body": _BODY, "visibility": _VISIBILITY, "matte": _MATTE}
    return {"loss": torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()} | losses


def _pairs(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Portrait, target and driving frame of every frame, (B * F, 3, S, S) in [0, 1]."""
    frames = batch["target"].shape[1]
    portrait = pictures(batch, "portrait").repeat_interleave(frames, 0)
    return portrait, pictures(batch, "target").flatten(0, 1), pictures(batch, "driving").flatten(0, 1)
