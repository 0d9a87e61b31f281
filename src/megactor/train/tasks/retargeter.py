"""KeypointRetargeter learns where a portrait's landmarks go when it does what another face does."""

import torch
from torch import Tensor

from megactor.models.dense_motion import DenseMotionNet
from megactor.train.augment import MIRROR
from megactor.train.samples import Batch
from megactor.train.tasks.finder_errors import with_errors
from megactor.train.tasks.keypoints import GAPS, keypoint_errors, keypoint_loss
from megactor.train.tasks.task import TrainingTask, Validation, learn_only


class RetargeterTask(TrainingTask):
    """Landmarks of portrait and driver with a finder's errors in, true ones of the target out; no pictures.

    Args:
        dense_motion: whose retargeter learns.
        seed: of the run.
    """

    def __init__(self, dense_motion: DenseMotionNet, seed: int) -> None:
        super().__init__()
        self.network = dense_motion.retargeter
        self.seed = seed
        learn_only(self, [self.network])

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `TrainingTask`; all frames of every sample."""
        frames = batch["keypoints"].shape[1]
        driving, target = batch["driving_keypoints"].flatten(0, 1), batch["keypoints"].flatten(0, 1)
        portrait = batch["portrait_keypoints"].repeat_interleave(frames, 0)
        generators = [generator for generator in self.generators(batch) for _ in range(frames)]
        draws = torch.stack([torch.randn(DRAWS, generator=generator) for generator in generators])
        portrait, driving, target = vary(portrait, driving, target, draws.to(target.device))
        errors = torch.stack([torch.randn(2, *target.shape[1:], generator=generator) for generator in generators])
        portrait, driving = with_errors(portrait, errors[:, 0]), with_errors(driving, errors[:, 1])
        places, gaps = keypoint_loss(self.network(portrait, driving), target)
        return {"loss": 0.1 * (places + 2 * gaps), "places": places, "gaps": gaps}

    def validate(self, batch: Batch) -> Validation:
        """Errors with a finder's errors in, and without; "driver" is what the driver's own landmarks would score."""
        frames = batch["keypoints"].shape[1]
        driving, target = batch["driving_keypoints"].flatten(0, 1), batch["keypoints"].flatten(0, 1)
        portrait = batch["portrait_keypoints"].repeat_interleave(frames, 0)
        draws = torch.stack([torch.randn(2, frames, 70, 2, generator=g) for g in self.generators(batch)])
        found = with_errors(portrait, draws[:, 0].flatten(0, 1)), with_errors(driving, draws[:, 1].flatten(0, 1))
        exact = keypoint_errors(self.network(portrait, driving), target)
        retargeted = self.network(*found)
        return Validation(
            keypoint_errors(retargeted, target)
            | amplitudes(retargeted, target, frames)
            | {"error_exact": exact["error"], "driver": keypoint_errors(driving, target)["error"]}
        )


def _changes(points: Tensor, frames: int) -> Tensor:
    """(B * F, 70, 2) -> (B, F, pairs, 2): how `GAPS` differ from their mean over the clip, in pixels of 128."""
    pairs = GAPS.to(points.device)
    gaps = (points[:, pairs[:, 0]] - points[:, pairs[:, 1]]).unflatten(0, (-1, frames)) * 128
    return gaps - gaps.mean(1, keepdim=True)


def amplitudes(found: Tensor, true: Tensor, frames: int) -> dict[str, float]:
    """How large changes are, as parts of the true ones: ratios of standard deviations within clips, the median clip's.

    Args:
        found: (B * F, 70, 2) in picture units.
        true: the same.
        frames: F.
    """
    ratios = {}
    for name, pair, axis in (("mouth", 0, 1), ("smile", 3, 0), ("lids", 5, 1), ("gaze", 11, 0)):
        spreads = [_changes(points, frames)[:, :, pair, axis].std(1) for points in (found, true)]
        ratios[f"amplitude_{name}"] = float((spreads[0] / spreads[1].clamp(min=1e-3)).median())
    return ratios


DRAWS = 12
"""Normal draws that `vary` needs for one triple."""


def vary(portrait: Tensor, driving: Tensor, target: Tensor, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Places, sizes, proportions and sides that the renders do not show.

    Args:
        portrait: (B, 70, 2) in picture units.
        driving: the same of the driver.
        target: the same of the target.
        draws: (B, `DRAWS`) standard normal.

    Returns:
        The three, changed consistently.
    """
    together = _similarity(draws[:, 0] * 0.12, draws[:, 1] * 0.12)
    shift = draws[:, None, 2:4] * 0.05
    portrait, driving, target = ((points - 0.5) @ together + shift for points in (portrait, driving, target))
    driving = driving @ _similarity(draws[:, 4] * 0.03, draws[:, 5] * 0.015) + draws[:, None, 6:8] * 0.008
    stretch, center = torch.exp(draws[:, None, 8:10] * 0.05), target.mean(1, keepdim=True)
    portrait, target = ((points - center) * stretch + center for points in (portrait, target))
    mirrored = (draws[:, 10] > 0)[:, None, None]
    flip = torch.tensor([-1.0, 1.0], device=target.device)
    order = torch.from_numpy(MIRROR).to(target.device)

    def mirror(points: Tensor) -> Tensor:
        return torch.where(mirrored, points[:, order] * flip, points) + 0.5

    return mirror(portrait), mirror(driving), mirror(target)


def _similarity(log_scale: Tensor, angle: Tensor) -> Tensor:
    """(B,) each -> (B, 2, 2)."""
    cosine, sine = angle.cos(), angle.sin()
    rows = torch.stack([torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], 1)
    return rows * log_scale.exp()[:, None, None]
