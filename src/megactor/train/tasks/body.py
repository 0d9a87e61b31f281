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
_SEEN = 0.75
"""Part of the samples in which the driver's own chest was seen to move, see `drive.body`."""
_SHIFT_ERROR, _ZOOM_ERROR = 0.4 / 128, 0.006
"""Standard deviations of what was seen."""
_LITTLE_ZOOM = 0.05**2
"""Ridge of a zoom: a narrow strip of a chest tells a zoom and a shift apart badly."""
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


def seen_body(batch: Batch, generators: list[torch.Generator]) -> Tensor:
    """What one who watches the driver's chest says of it, with errors; the driver's body does what the target's does.

    Args:
        batch: with the true flow.
        generators: one for each sample.

    Returns:
        (B * F, 3), see `flow.zoom_flow`; NaN where nobody saw it.
    """
    flow, keypoints = _truth(batch)
    body = fitted_zoom(flow, chest_of(flow, keypoints))
    frames = batch["keypoints"].shape[1]
    draws = torch.stack([torch.randn(frames, 3, generator=generator) for generator in generators]).flatten(0, 1)
    body = body + draws.to(body) * body.new_tensor([_SHIFT_ERROR, _SHIFT_ERROR, _ZOOM_ERROR])
    seen = torch.stack([torch.rand((), generator=generator) for generator in generators]) < _SEEN
    seen = seen.repeat_interleave(frames)[:, None].to(body.device) & (known_motion(batch)[:, :, 0, 0] > 0)
    return torch.where(seen, body, torch.nan)


def fitted_zoom(flow: Tensor, where: Tensor) -> Tensor:
    """The shift and zoom nearest to a flow.

    Args:
        flow: (N, 2, h, w) as in `DenseMotion`.
        where: (N, 1, h, w), weights; next to none give next to no motion.

    Returns:
        (N, 3), see `flow.zoom_flow`.
    """
    height, width = flow.shape[-2:]
    basis = zoom_flow(torch.eye(3, device=flow.device), height, width).flatten(2)  # (3, 2, h * w)
    weights = where.flatten(2)
    normal = torch.einsum("ick,njk,lck->nil", basis, weights, basis)
    wanted = torch.einsum("ick,njk,nck->ni", basis, weights, flow.flatten(2))
    ridge = torch.diag(flow.new_tensor([1e-3, 1e-3, _LITTLE_ZOOM])) * (weights.sum((1, 2))[:, None, None] + 1)
    return torch.linalg.solve(normal + ridge, wanted)


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
