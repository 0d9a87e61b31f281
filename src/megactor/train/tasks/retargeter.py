"""KeypointRetargeter learns where a portrait's landmarks go when it does what another face does."""

import torch
from torch import Tensor

from megactor.models.dense_motion import DenseMotionNet
from megactor.train.augment import MIRROR
from megactor.train.samples import Batch
from megactor.train.tasks.keypoints import keypoint_errors, keypoint_loss
from megactor.train.tasks.task import TrainingTask, Validation, learn_only


class RetargeterTask(TrainingTask):
    """True landmarks of portrait and driver in, those of the target out; no pictures.

    Args:
        dense_motion: whose retargeter learns.
        noise: standard deviation of the landmarks' errors, in pixels of 128.
        seed: of the run.
    """

    def __init__(self, dense_motion: DenseMotionNet, noise: float, seed: int) -> None:
        super().__init__()
        self.network = dense_motion.retargeter
        self.noise, self.seed = noise / 128, seed
        learn_only(self, [self.network])

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `TrainingTask`; all frames of every sample."""
        frames = batch["keypoints"].shape[1]
        driving, target = batch["driving_keypoints"].flatten(0, 1), batch["keypoints"].flatten(0, 1)
        portrait = batch["portrait_keypoints"].repeat_interleave(frames, 0)
        generators = [generator for generator in self.generators(batch) for _ in range(frames)]
        draws = torch.stack([torch.randn(DRAWS, generator=generator) for generator in generators])
        portrait, driving, target = vary(portrait, driving, target, draws.to(target.device))
        noise = torch.stack([torch.randn(4, *target.shape[1:], generator=generator) for generator in generators])
        noise = noise.to(target.device) * self.noise * _closeness().to(target.device)
        # each point errs, and all of them together
        portrait = portrait + noise[:, 0] + 0.5 * noise[:, 1, :1]
        driving = driving + noise[:, 2] + 0.5 * noise[:, 3, :1]
        places, gaps = keypoint_loss(self.network(portrait, driving), target)
        return {"loss": 0.1 * (places + 2 * gaps), "places": places, "gaps": gaps}

    def validate(self, batch: Batch) -> Validation:
        """Errors with true landmarks in; "driver" is what the driver's own landmarks would score."""
        frames = batch["keypoints"].shape[1]
        driving, target = batch["driving_keypoints"].flatten(0, 1), batch["keypoints"].flatten(0, 1)
        found = self.network(batch["portrait_keypoints"].repeat_interleave(frames, 0), driving)
        metrics = keypoint_errors(found, target)
        return Validation(metrics | {"driver": keypoint_errors(driving, target)["error"]})


def _closeness() -> Tensor:
    """(70, 1), errors relative to those of a first look: of jaw and nose; of what `KeypointRefiner` looks at again."""
    errors = torch.full((70, 1), 0.5)
    errors[[*range(17), *range(27, 36)]] = 1.0
    return errors


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
