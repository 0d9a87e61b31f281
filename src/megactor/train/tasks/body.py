"""What is true of the body's motion: that of the chest, which the true flow shows below every neck."""

import torch
from torch import Tensor

from megactor.models.dense_motion import DenseMotionNet
from megactor.models.dense_motion.flow import zoom_flow
from megactor.train.samples import Batch
from megactor.train.tasks.finder_errors import keypoints_with_errors
from megactor.train.tasks.task import TrainingTask, Validation, known_motion, learn_only

FLOW_PIXELS = 64
"""Errors of flows count in pixels of a 64 x 64 grid."""
_CHEST = 0.3
"""What is so far below the chin belongs to the body, in heights of the face."""


class BodyTask(TrainingTask):
    """BodyMotion before the motion UNet learns with it: a thousand times as many faces in the same time.

    Args:
        dense_motion: whose body motion learns.
        seed: of the run.
    """

    def __init__(self, dense_motion: DenseMotionNet, seed: int) -> None:
        super().__init__()
        self.network = dense_motion
        self.seed = seed
        assert dense_motion.body is not None
        learn_only(self, [dense_motion.body])

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `TrainingTask`; all frames of every sample."""
        return {"loss": body_loss(self._flow(batch), *_truth(batch), known_motion(batch))}

    def validate(self, batch: Batch) -> Validation:
        """How far the chest is off, with a finder's errors, and how far it moves."""
        return Validation(body_errors([self._flow(batch)], *_truth(batch)))

    def _flow(self, batch: Batch) -> Tensor:
        """(B * F, 2, h, w), of the body everywhere."""
        seen = keypoints_with_errors(batch, self.generators(batch))
        assert self.network.body is not None
        return zoom_flow(self.network.body(seen.portrait, seen.moved(self.network)), *batch["flow"].shape[-2:])


def _truth(batch: Batch) -> tuple[Tensor, Tensor]:
    """True flow and keypoints of all frames."""
    return batch["flow"].flatten(0, 1), batch["keypoints"].flatten(0, 1)


def chest_of(flow: Tensor, keypoints: Tensor) -> Tensor:
    """Where frames show the body below the neck.

    Args:
        flow: (N, 2, h, w), the true one, which is zero where nobody is.
        keypoints: (N, 70, 2) in picture units.

    Returns:
        (N, 1, h, w), 1 or 0.
    """
    y, chin = keypoints[:, :68, 1], keypoints[:, 8, 1]
    top = chin + _CHEST * (y.amax(1) - y.amin(1))
    rows = (torch.arange(flow.shape[-2], device=flow.device) + 0.5) / flow.shape[-2]
    below = rows[None, None, :, None] > top[:, None, None, None]
    return (below & (flow != 0).any(1, keepdim=True)).float()


def body_loss(body_flow: Tensor, true_flow: Tensor, keypoints: Tensor, known: Tensor) -> Tensor:
    """Mean error of the body's motion on the chest, in `FLOW_PIXELS`.

    Args:
        body_flow: (N, 2, h, w), which the body follows everywhere.
        true_flow: (N, 2, h, w).
        keypoints: (N, 70, 2) of the frames.
        known: (N, 1, 1, 1), 1 where the true flow is known, else 0.
    """
    chest = chest_of(true_flow, keypoints) * known
    return ((body_flow - true_flow).abs() * FLOW_PIXELS * chest).sum() / (2 * chest.sum() + 1)


def body_errors(body_flows: list[Tensor | None], true_flow: Tensor, keypoints: Tensor) -> dict[str, float]:
    """How far the body's motion is off, and how far it would be if no body moved; nothing where it is not told."""
    known = [flow for flow in body_flows if flow is not None]
    if not known:
        return {}
    chest = chest_of(true_flow, keypoints) > 0
    off, moved = (
        (flow * FLOW_PIXELS).norm(dim=1, keepdim=True)[chest].mean()
        for flow in (torch.cat(known) - true_flow, true_flow)
    )
    return {"body_error": float(off), "body_still": float(moved)}
