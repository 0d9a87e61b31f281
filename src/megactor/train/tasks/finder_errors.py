"""Keypoints with the errors that they have in use.

Training knows the true ones. What learns from those alone believes a jaw to the tenth of a pixel, and moves whole heads
by what the finder gets wrong.
"""

import functools
from typing import NamedTuple

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
_LASTING = 0.5
"""Part of the variance that is the same in all frames of a driver."""
_ANCHORED = 0.7
"""Part of the samples in which somebody knows when driver and portrait do the same, see `RelativeMotion`."""
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


class SeenKeypoints(NamedTuple):
    """Keypoints of every frame of a batch, (B * F, 70, 2) in picture units.

    anchor: the driver's in the frame in which he does what the portrait does.
    anchored: (B * F, 1, 1), whether somebody knows which frame that is.
    """

    portrait: Tensor
    driving: Tensor
    anchor: Tensor
    anchored: Tensor

    def moved(self, network: DenseMotionNet) -> Tensor:
        """Where the portrait's keypoints go, (B * F, 70, 2), as `RelativeMotion` has it."""
        plain, start = (network.retargeter(self.portrait, points) for points in (self.driving, self.anchor))
        change = torch.lerp(plain - start, self.driving - self.anchor, network.config.head_change)
        return torch.where(self.anchored, self.portrait + change, plain)


def keypoints_with_errors(batch: Batch, generators: list[torch.Generator]) -> SeenKeypoints:
    """True keypoints with a finder's errors, of which a part is the same in all frames of a face.

    Args:
        batch: with the true ones.
        generators: one for each sample.
    """
    points = _portrait_and_driver(batch)
    draws = torch.stack([torch.randn(points.shape[1:], generator=generator) for generator in generators])
    lasting = torch.stack([torch.randn(points.shape[2:], generator=generator) for generator in generators])
    draws[:, 1:] = _LASTING**0.5 * lasting[:, None] + (1 - _LASTING) ** 0.5 * draws[:, 1:]
    known = torch.stack([torch.rand((), generator=generator) for generator in generators]) < _ANCHORED
    return _of_frames(with_errors(points, draws), known.to(points.device))


def found_keypoints(network: DenseMotionNet, batch: Batch) -> SeenKeypoints:
    """The same as `KeypointNet` finds them; those of brows, eyes and mouth are the true ones.

    The pictures of a batch are too small for the `KeypointRefiner`'s close looks.
    """
    images = torch.cat([pictures(batch, "portrait")[:, None], pictures(batch, "driving")], 1)
    points, vague = _portrait_and_driver(batch).clone(), list(JAW_AND_NOSE)
    found = torch.cat([network.find_coarse(part) for part in images.flatten(0, 1).split(32)])
    found = found.unflatten(0, images.shape[:2])[:, :, vague]
    points[:, 0, vague], points[:, 2:, vague] = found[:, 0], found[:, 1:]
    return _of_frames(points, torch.zeros(len(points), dtype=torch.bool, device=points.device))


def _portrait_and_driver(batch: Batch) -> Tensor:
    """(B, 2 + F, 70, 2): portrait, anchor, driving frames."""
    first = torch.stack([batch["portrait_keypoints"], batch["anchor_keypoints"]], 1)
    return torch.cat([first, batch["driving_keypoints"]], 1)


def _of_frames(points: Tensor, anchored: Tensor) -> SeenKeypoints:
    """(B, 2 + F, 70, 2) and (B,), each once for every frame."""
    frames = points.shape[1] - 2
    once = (part.repeat_interleave(frames, 0) for part in (points[:, 0], points[:, 1], anchored[:, None, None]))
    portrait, anchor, known = once
    return SeenKeypoints(portrait, points[:, 2:].flatten(0, 1), anchor, known)
