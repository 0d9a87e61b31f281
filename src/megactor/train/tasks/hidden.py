"""What the portrait does not show of the person: where the denoiser has to make the picture alone."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion import MotionLogits
from megactor.train.samples import Batch
from megactor.train.tasks.layers import are_known
from megactor.train.tasks.motion import shown_by_portrait
from megactor.train.tasks.task import known_motion, pictures

_SURE = 1e-3


def shown_truth(batch: Batch, portrait: Tensor) -> Tensor:
    """(B * F, 1, h, w) in [0, 1], how far the portrait shows what the frames show; 1 where that is not known.

    Args:
        batch: with the truth.
        portrait: (B * F, 3, S, S) in [0, 1], once for every frame.
    """
    shown = shown_by_portrait(batch, portrait, pictures(batch, "target").flatten(0, 1))
    return torch.where(known_motion(batch) > 0, shown, torch.ones_like(shown))


def told_truth(motion: MotionLogits, shown: Tensor, batch: Batch, told: Sequence[bool]) -> MotionLogits:
    """The motion with its visibility replaced by the truth in some samples.

    A motion network finds a third of what is hidden: a denoiser that trusts it learns to paint on a third of the
    pixels that there are to paint.

    Args:
        motion: of B * F frames.
        shown: `shown_truth`.
        batch: tells of which samples the truth is known.
        told: B times, whether the truth replaces the guess.
    """
    chosen = torch.tensor(told, device=shown.device).repeat_interleave(batch["target"].shape[1])[:, None, None, None]
    chosen = chosen & (known_motion(batch) > 0)
    return motion._replace(visibility=torch.where(chosen, torch.logit(shown, _SURE), motion.visibility))


def hidden_weights(batch: Batch, shown: Tensor, gain: float) -> Tensor:
    """(B * F, 1, S, S), 1 where the portrait shows a point, 1 + `gain` where it surely does not show the person's.

    Args:
        batch: whose layers tell where the person is, where they are known.
        shown: `shown_truth`.
        gain: so much heavier is what is hidden.
    """
    hidden = F.interpolate(1 - shown, size=batch["target"].shape[-2:], mode="bilinear", align_corners=False)
    if are_known(batch):
        hidden = hidden * pictures(batch, "matte").flatten(0, 1)
    return 1 + gain * hidden
