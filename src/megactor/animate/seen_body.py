"""From how the driver's chest moves to how the portrait's body does."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from megactor.models.dense_motion.body_motion import BodyMotion


class SeenBody:
    """The body of animated frames, in the order of the frames; one object per clip.

    What is seen are ways since the driver's first frame. Where the portrait's body is when he starts, or in the frame
    in which he is most like the portrait, only the faces tell.

    Args:
        body: tells it; None for models that do not know the body.
        portrait: (1, K, 2), its keypoints.
    """

    def __init__(self, body: BodyMotion | None, portrait: Tensor) -> None:
        self._body, self._portrait = body, portrait
        self._start: Tensor | None = None  # what is to be added to what is seen
        self._learned = False

    def learn(self, keypoints: Tensor, seen: np.ndarray | None) -> None:
        """Takes one frame for all of the clip's starts.

        Args:
            keypoints: (K, 2) of the animated frame that is most like the portrait.
            seen: (3,), the driver's body in it; None changes nothing.
        """
        if self._body is not None and seen is not None:
            self._start, self._learned = self._offset(keypoints, seen), True

    def __call__(self, keypoints: Tensor, seen: Sequence[np.ndarray | None], starts: Sequence[bool]) -> Tensor | None:
        """(F, 3) as `FollowedMotion.body`; None where nothing is seen.

        Args:
            keypoints: (F, K, 2) of the animated frames.
            seen: of every frame how the driver's body moved since the shot began.
            starts: whether a shot begins.
        """
        if self._body is None or all(motion is None for motion in seen):
            return None
        bodies = keypoints.new_full((len(keypoints), 3), torch.nan)
        for number, (motion, anew) in enumerate(zip(seen, starts, strict=True)):
            if motion is None:
                continue
            if self._start is None or (anew and not self._learned):
                self._start = self._offset(keypoints[number], motion)
            bodies[number] = self._start + torch.from_numpy(motion).to(bodies)
        return bodies

    def _offset(self, keypoints: Tensor, seen: np.ndarray) -> Tensor:
        assert self._body is not None
        told: Tensor = self._body(self._portrait, keypoints[None])[0]
        return told - torch.from_numpy(seen).to(told)
