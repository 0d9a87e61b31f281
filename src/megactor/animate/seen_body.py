"""From how the driver's chest moves to how the portrait's body does."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion.body_motion import BodyMotion

_UNSURE = 0.04
"""Of the picture: so much less far a body goes than a face says. A jaw that drops looks like one who comes near."""


class SeenBody:
    """The body of animated frames, in the order of the frames; one object per clip.

    What is seen are ways since the driver's first frame. Where the portrait's body is when he starts, or in the frame
    in which he is most like the portrait, only the faces tell; and all of it, where no chest is seen.

    Args:
        body: tells it.
        portrait: (1, K, 2), its keypoints.
    """

    def __init__(self, body: BodyMotion, portrait: Tensor) -> None:
        self._body, self._portrait = body, portrait
        self._start: Tensor | None = None  # what is to be added to what is seen
        self._learned = False

    def learn(self, keypoints: Tensor, seen: np.ndarray | None) -> None:
        """Takes one frame for all of the clip's starts.

        Args:
            keypoints: (K, 2) of the animated frame that is most like the portrait.
            seen: (3,), the driver's body in it; None changes nothing.
        """
        if seen is not None:
            self._start, self._learned = self._told(keypoints[None])[0] - torch.from_numpy(seen).to(keypoints), True

    def __call__(self, keypoints: Tensor, seen: Sequence[np.ndarray | None], starts: Sequence[bool]) -> Tensor:
        """(F, 3) as `FollowedMotion.body`.

        Args:
            keypoints: (F, K, 2) of the animated frames.
            seen: of every frame how the driver's body moved since the shot began.
            starts: whether a shot begins.
        """
        bodies = self._told(keypoints)
        for number, (motion, anew) in enumerate(zip(seen, starts, strict=True)):
            if motion is None:
                continue
            way = torch.from_numpy(motion).to(bodies)
            if self._start is None or (anew and not self._learned):
                self._start = bodies[number] - way
            bodies[number] = self._start + way
        return bodies

    def _told(self, keypoints: Tensor) -> Tensor:
        """(F, K, 2) -> (F, 3), by the faces alone."""
        return F.softshrink(self._body(self._portrait.expand(len(keypoints), -1, -1), keypoints), _UNSURE)
