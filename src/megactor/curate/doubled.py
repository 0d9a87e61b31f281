"""Frames that show the one before, as where 25 frames a second were stored as 30: they are found, and left out.

A film whose every sixth frame comes twice stands and jumps by turns, which is no motion to learn from and looks like a
trembling camera. What such a film showed at first are its other frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from megactor.curate.read import Footage

SAME_SPEED = 0.05
"""Stored frames of rates up to this far from the run's are taken one by one, as films of 24 are shown at 25."""
_ALIKE = 0.4
"""A frame that comes twice changes by less than this, times what both frames beside it change: re-encoding is in it."""
_SUSPECT = 0.1
"""Share of such frames from which they are a rule, and no pauses of someone who talks."""
_SIDE = 320
"""Longer side at which changes are measured."""


class Changes:
    """How much each frame differs from the one before, looked at in passing."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._values: list[float] = []

    def look(self, frame: np.ndarray) -> None:
        """Uint8 RGB (H, W, 3)."""
        scale = min(1.0, _SIDE / max(frame.shape[:2]))
        size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
        gray = cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        if self._last is not None:
            self._values.append(float(cv2.absdiff(gray, self._last).mean()))
        self._last = gray

    def doubled(self) -> np.ndarray:
        """(F,) bool: frames that show the one before; none where that happens now and then only.

        Nothing is told of pictures that stand still for longer.
        """
        values = np.array([np.inf, *self._values, np.inf])
        found = np.zeros(len(values) - 1, bool)
        found[1:] = values[1:-1] < _ALIKE * np.minimum(values[:-2], values[2:])
        return found if found.mean() >= _SUSPECT else np.zeros_like(found)


@dataclass(frozen=True)
class Stretch:
    """A part of some footage, at the run's rate.

    footage: of the source.
    first, last: first frame, and the frame after the last, at the run's rate: where the stretch lies.
    fps: the run's rate.
    taken: numbers of the stored frames of that time that are taken, one by one; None: what the footage gives at the
        run's rate.
    """

    footage: Footage
    first: int
    last: int
    fps: float
    taken: np.ndarray | None = None

    @classmethod
    def of(cls, footage: Footage, first: int, last: int, fps: float) -> "Stretch":
        """The stretch; all its stored frames, where they come at about the run's rate."""
        stretch = cls(footage, first, last, fps)
        if footage.stored_fps != fps and abs(footage.stored_fps / fps - 1) <= SAME_SPEED:
            return replace(stretch, taken=np.arange(2 * (last - first)))
        return stretch

    def frames(self, max_side: int | None) -> Iterator[np.ndarray]:
        """Uint8 RGB frames, reduced to `max_side`."""
        if self.taken is None:
            yield from self.footage.frames(self.first, self.last, max_side)
            return
        wanted = iter(self.taken.tolist())
        number = next(wanted, None)
        for index, frame in enumerate(self.footage.frames(self.first, self.last, max_side, as_stored=True)):
            while number == index:  # more than once, where there are too few
                yield frame
                number = next(wanted, None)
            if number is None:
                return

    def without_doubled(self) -> tuple["Stretch", float]:
        """The stretch without stored frames that come twice, evenly spread where they are of another rate.

        Returns:
            The stretch, and the share of its frames that still have to be shown twice, as there are too few.
        """
        changes, count = Changes(), 0
        for frame in self.footage.frames(self.first, self.last, _SIDE, as_stored=True):
            changes.look(frame)
            count += 1
        distinct = np.flatnonzero(~changes.doubled())
        rate = len(distinct) / max(count, 1) * self.footage.stored_fps
        if abs(rate / self.fps - 1) <= SAME_SPEED:
            return replace(self, taken=distinct), 0.0
        places = np.arange(round(count / self.footage.stored_fps * self.fps)) * (rate / self.fps)
        taken = distinct[np.minimum(places.astype(int), len(distinct) - 1)]
        return replace(self, taken=taken), max(0.0, 1 - rate / self.fps)
