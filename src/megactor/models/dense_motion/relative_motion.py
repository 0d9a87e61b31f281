"""RelativeMotion: what a driver does differently from how he usually looks, the portrait's face does.

One frame cannot tell a smile from a wide mouth, nor eyes that close from narrow ones: a retargeter that sees one at a
time makes both half as large. Seen one after the other, frames tell what the driver's face is like when it does nothing
in particular. Relative motion is as old as the First Order Motion Model (Siarohin et al., 2019, arXiv 2003.00196); here
the retargeter says what the driver's usual face is on the portrait, and what differs from that is copied.

Where the driver once looks as the portrait does, what the retargeter gets wrong about the two shows: there the portrait
should stay as it is.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from megactor.models.dense_motion.face_crops import (
    EYE,
    MIRRORED_EYE,
    MOUTH,
    UprightCrop,
    eye_crops,
    mouth_crop,
)

MEMORY = 500
"""Frames over which the usual face is a mean: twenty seconds of a video."""

_WIDEST = 0.12
"""What no change of a lip's place reaches, up or down, in parts of the mouth's crop. Gains are for small openings,
whose size is not seen; close-ups draw no mouth that gapes."""

_ALIKE = 2.0 / 128
"""Mean distance of keypoints in picture units at which the frame most like the portrait is like it by exp(-1/2)."""

_PARTS = (EYE, MIRRORED_EYE, MOUTH)
_LIDS, _LIPS = ((6, 10), (7, 9)), ((13, 19), (14, 18), (15, 17))
"""Upper and lower points that meet, by their number in `EYE` and `MOUTH`."""


class Gains(NamedTuple):
    """How large differences are copied: 1 is as large as they are found, more makes up for what is not found of them.

    lids: of the eyes' openings, for which the upper lid moves; brows and irises are copied as they are.
    mouth_across, mouth_down: of the lips.
    """

    lids: float
    mouth_across: float
    mouth_down: float

    def enlarged(self, change: Tensor, part: tuple[int, ...]) -> Tensor:
        """(F, K, 2) changes of the points of `EYE`, `MIRRORED_EYE` or `MOUTH` in units of the crop -> larger ones."""
        if part is MOUTH:
            across, down = (change * change.new_tensor([self.mouth_across, self.mouth_down])).unbind(-1)
            return torch.stack([across, _WIDEST * (down / _WIDEST).tanh()], -1)
        change = change.clone()
        for upper, lower in _LIDS:
            change[:, upper, 1] += (self.lids - 1) * (change[:, upper, 1] - change[:, lower, 1])
        return change


class RelativeMotion:
    """Keypoints of animated frames, in the order of the frames; one object per clip.

    Args:
        head: share of all keypoints' motion that is the driver's own change. The rest is as the retargeter says, which
            errs less where heads turn far.
        gains: of eyes and mouth, whose shapes change by what the driver's do.
    """

    def __init__(self, head: float, gains: Gains) -> None:
        self._head, self._gains = head, gains
        self._means = [_RunningMean() for _ in range(2 + 2 * len(_PARTS))]
        self._missing: Tensor | None = None  # (70, 2), what is wrong where driver and portrait do the same

    def learn(self, driving: Tensor, retargeted: Tensor, portrait: Tensor) -> tuple[Tensor, int]:
        """Takes some frames, spread over the clip, for how the driver usually looks, once and for all.

        Args:
            driving: (F, 70, 2) as for `__call__`, like the following.
            retargeted: (F, 70, 2).
            portrait: (1, 70, 2), keypoints of the portrait.

        Returns:
            What `__call__` says of these frames (F, 70, 2), and which of them is most like the portrait.
        """
        self._missing = None
        animated = self(driving, retargeted, None)
        distances = (animated - portrait).norm(dim=-1).mean(1)
        alike = int(distances.argmin())
        sureness = math.exp(-((float(distances[alike]) / _ALIKE) ** 2) / 2)
        self._missing = sureness * _steady(portrait[0] - animated[alike])
        return animated + self._missing, alike

    def __call__(self, driving: Tensor, retargeted: Tensor, starts: Sequence[bool] | None) -> Tensor:
        """The next frames of the clip; how many come at a time does not matter.

        Args:
            driving: (F, 70, 2) keypoints of the driver in picture units.
            retargeted: (F, 70, 2), what the retargeter makes of each.
            starts: F times, whether a shot begins, perhaps of another person; None as in `learn`.

        Returns:
            (F, 70, 2). The first frame of a shot is as the retargeter says, unless the driver was learned before.
        """
        usual_driving, usual, *of_parts = self._means
        change = driving - usual_driving(driving, starts)
        moved = torch.lerp(retargeted, usual(retargeted, starts) + change, self._head)
        carried = moved.clone()
        for number, part in enumerate(_PARTS):
            theirs, ours = (_crops(points)[number] for points in (driving, moved))
            shape, own = theirs.into(driving[:, part]), ours.into(moved[:, part])
            change = shape - of_parts[2 * number](shape, starts)
            wanted = of_parts[2 * number + 1](own, starts) + self._gains.enlarged(change, part)
            carried[:, part] = ours.back(_apart(wanted, part))
        return carried if self._missing is None else carried + self._missing


def _steady(offset: Tensor) -> Tensor:
    """(70, 2) of a face -> the same where eyes and mouth go along as they are.

    A finder is surer of how they change than of what they are like.
    """
    offset = offset.clone()
    for part in _PARTS:
        offset[list(part)] = offset[list(part)].mean(0)
    return offset


class _RunningMean:
    """Of all that was seen so far, or of the last `MEMORY` frames, the nearer the heavier; or what was once held."""

    def __init__(self) -> None:
        self._mean, self._count, self._held = torch.zeros(()), 0, False

    def __call__(self, values: Tensor, starts: Sequence[bool] | None) -> Tensor:
        """(F, ...) -> (F, ...), at each frame the mean that is known there.

        Args:
            values: of the next frames.
            starts: where it begins anew; None holds the mean of these frames from here on.
        """
        if starts is None:
            self._mean, self._held = values.mean(0), True
        if self._held:
            return self._mean.expand_as(values)
        means = []
        for value, anew in zip(values, starts or (), strict=True):
            self._count = 1 if anew else min(self._count + 1, MEMORY)
            self._mean = value if self._count == 1 else self._mean + (value - self._mean) / self._count
            means.append(self._mean)
        return torch.stack(means)


def _crops(keypoints: Tensor) -> tuple[UprightCrop, UprightCrop, UprightCrop]:
    return (*eye_crops(keypoints), mouth_crop(keypoints))


def _apart(points: Tensor, part: tuple[int, ...]) -> Tensor:
    """(F, K, 2) in units of the crop: lids and lips meet, not cross. The upper lid does the way, lips share it."""
    points = points.clone()
    for upper, lower in _LIPS if part is MOUTH else _LIDS:
        crossed = (points[:, upper, 1] - points[:, lower, 1]).clamp(min=0)
        share = 0.5 if part is MOUTH else 1.0
        points[:, upper, 1] -= share * crossed
        points[:, lower, 1] += (1 - share) * crossed
    return points
