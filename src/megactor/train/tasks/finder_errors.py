"""Keypoints with the errors that they have in use.

Training knows the true ones. What learns from those alone believes a jaw to the tenth of a pixel, and moves whole heads
by what the finder gets wrong.
"""

import functools

import torch
from torch import Tensor

from megactor.models.dense_motion import DenseMotionNet
from megactor.models.dense_motion.face_crops import JAW_AND_NOSE
from megactor.train.samples import Batch
from megactor.train.tasks.task import pictures

JAW_ERROR = 1.0
"""Standard deviation of the jaw's points in pixels of 128, each axis: of `KeypointNet` on renders that it never saw."""
_JAW_REACH = 3.5
"""Points along the jaw over which errors are alike: nobody can tell where along it a point lies."""
_NOSE, _CLOSE = 0.5, 0.45
"""Errors of the nose, and of what `KeypointRefiner` looks at, relative to the jaw's."""
_TOGETHER = 0.5
"""Part of the variance of these that all of them have together."""


@functools.cache
def _factor() -> Tensor:
    """(70, 70): times normal draws, errors in picture units."""
    covariance = torch.zeros(70, 70, dtype=torch.float64)
    jaw, nose = slice(0, 17), slice(27, 36)
    close = [point for point in range(70) if point not in JAW_AND_NOSE]
    along = torch.arange(17.0)
    covariance[jaw, jaw] = torch.exp((along[:, None] - along).square() / (-2 * _JAW_REACH**2))
    covariance[nose, nose] = _NOSE**2 * _TOGETHER
    covariance[torch.tensor(close)[:, None], close] = _CLOSE**2 * _TOGETHER
    own = torch.full((70,), 0.05, dtype=torch.float64)
    own[nose], own[close] = _NOSE**2 * (1 - _TOGETHER), _CLOSE**2 * (1 - _TOGETHER)
    return (torch.linalg.cholesky(covariance + own.diag()) * JAW_ERROR / 128).float()


def with_errors(points: Tensor, draws: Tensor) -> Tensor:
    """What the finder might say.

    Args:
        points: (..., 70, 2) true keypoints in picture units.
        draws: the same shape, standard normal.
    """
    return points + _factor().to(points.device) @ draws.to(points.device)


def keypoints_with_errors(batch: Batch, generators: list[torch.Generator]) -> tuple[Tensor, Tensor]:
    """Keypoints of portrait and driver of every frame, (B * F, 70, 2).

    Args:
        batch: with the true ones.
        generators: one for each sample.
    """
    points = _portrait_and_driver(batch)
    draws = torch.stack([torch.randn(points.shape[1:], generator=generator) for generator in generators])
    return _of_frames(with_errors(points, draws))


def found_keypoints(network: DenseMotionNet, batch: Batch) -> tuple[Tensor, Tensor]:
    """The same as `KeypointNet` finds them; those of brows, eyes and mouth are the true ones.

    The pictures of a batch are too small for the `KeypointRefiner`'s close looks.
    """
    images = torch.cat([pictures(batch, "portrait")[:, None], pictures(batch, "driving")], 1)
    points = _portrait_and_driver(batch).clone()
    found = torch.cat([network.find_coarse(part) for part in images.flatten(0, 1).split(32)]).view_as(points)
    points[:, :, list(JAW_AND_NOSE)] = found[:, :, list(JAW_AND_NOSE)]
    return _of_frames(points)


def _portrait_and_driver(batch: Batch) -> Tensor:
    """(B, 1 + F, 70, 2)."""
    return torch.cat([batch["portrait_keypoints"][:, None], batch["driving_keypoints"]], 1)


def _of_frames(points: Tensor) -> tuple[Tensor, Tensor]:
    return points[:, 0].repeat_interleave(points.shape[1] - 1, 0), points[:, 1:].flatten(0, 1)
