"""What is shown of a driver who is not always there: a lost face is held, one that comes back is eased in."""

from dataclasses import dataclass

import cv2
import numpy as np

from megactor.drive.framing import Framing
from megactor.drive.pose import InPlanePose, similarity

EASED = 6
"""Frames at most over which a face comes in behind a gap or a cut."""


@dataclass(frozen=True)
class View:
    """One frame that shows the driver.

    frame: uint8 (H, W, 3).
    framing: of the frame.
    pose: of the head, in the square.
    box: (4,) of the face, in the square.
    """

    frame: np.ndarray
    framing: Framing
    pose: InPlanePose
    box: np.ndarray

    def at(self, pose: InPlanePose) -> "View":
        """The same with the head moved to another pose."""
        motion = similarity(self.pose, pose)
        corners = self.box.reshape(2, 2)
        center, size = corners.mean(0), pose.size / self.pose.size
        center = motion[:, :2] @ center + motion[:, 2]
        half = (corners[1] - corners[0]) / 2 * size
        return View(self.frame, self.framing.then(motion), pose, np.concatenate([center - half, center + half]))


class SteadyDriver:
    """Crops one frame after the other; for what shows no face, the last crop is given again.

    Args:
        size: D, side of the crops in pixels.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._shown: tuple[np.ndarray, InPlanePose, np.ndarray] | None = None
        self._from: tuple[np.ndarray, InPlanePose] | None = None
        self._step = self._steps = self._missed = 0

    def __call__(self, view: View | None, cut: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The crop, uint8 (D, D, 3), and the face's box in its pixels, (4,).

        Args:
            view: of the frame; None if it shows no face, which cannot be the first.
            cut: the frame begins another shot.
        """
        if view is None:
            if self._shown is None:
                raise ValueError("nothing was shown yet that could be held")
            self._missed += 1
            crop, _, box = self._shown
            return crop, box * self._size
        if self._shown is not None and (self._missed or cut):
            self._from = self._shown[:2]
            self._step, self._steps = 0, EASED if cut else min(EASED, self._missed - 1)
        self._missed = 0
        self._step += 1
        crop, view = self._eased(view) if self._step <= self._steps else (self._cut(view), view)
        self._shown = crop, view.pose, view.box
        return crop, view.box * self._size

    def _cut(self, view: View) -> np.ndarray:
        return view.framing.picture(view.frame, self._size)

    def _eased(self, view: View) -> tuple[np.ndarray, View]:
        """The view on its way from what was shown before: heads lie on one another, pictures melt together."""
        assert self._from is not None
        before, start = self._from
        part = self._step / (self._steps + 1)
        part = part * part * (3 - 2 * part)
        view = view.at(start.towards(view.pose, part))
        whole = Framing(np.column_stack([np.eye(2) / self._size, np.zeros(2)]))
        old = whole.then(similarity(start, view.pose)).picture(before, self._size)
        return cv2.addWeighted(old, 1 - part, self._cut(view), part, 0), view
