"""From how the driver's chest moves to how the portrait's body does."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion.body_motion import BodyMotion

_UNSURE = 0.04
"""Of the picture: so much less far a body goes than a face says. A jaw that drops looks like one who comes near."""

_FADES = 0.9
"""What was last seen to differ from what a face says lasts so much of itself from frame to frame, seen no more."""
_CATCHES_UP = 0.3
"""So much nearer in every frame comes a body that is seen again to where it is seen."""
_THERE = 0.002
"""Of the picture: how near is near enough."""


class SeenBody:
    """The body of animated frames, in the order of the frames; one object per clip.

    What is seen are ways since the driver's first frame. Where the portrait's body is when he starts, or in the frame
    in which he is most like the portrait, only the faces tell; and all of it, where no chest is seen. A body goes from
    one to the other without a leap.

    Args:
        body: tells it.
        portrait: (1, K, 2), its keypoints.
    """

    def __init__(self, body: BodyMotion, portrait: Tensor) -> None:
        self._body, self._portrait = body, portrait
        self._start: Tensor | None = None  # what is to be added to what is seen
        self._learned = False
        self._beside = torch.zeros(3)  # how far the body is from where the face alone says
        self._lost = False

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
        told = self._told(keypoints)
        bodies = [
            face + self._far_from(face, motion, anew) for face, motion, anew in zip(told, seen, starts, strict=True)
        ]
        return torch.stack(bodies)

    def _far_from(self, told: Tensor, seen: np.ndarray | None, anew: bool) -> Tensor:
        """What is to be added (3,) to what the face says of the next frame's body (3,)."""
        self._beside = self._beside.to(told)
        if seen is None:
            self._lost = True
            self._beside = self._beside * (0.0 if anew else _FADES)
            return self._beside
        way = torch.from_numpy(seen).to(told)
        if self._start is None or (anew and not self._learned):
            self._start, self._lost = told - way, False
        wanted = self._start + way - told
        self._lost = self._lost and not anew and bool((wanted - self._beside).abs().max() > _THERE)
        self._beside = torch.lerp(self._beside, wanted, _CATCHES_UP) if self._lost else wanted
        return self._beside

    def _told(self, keypoints: Tensor) -> Tensor:
        """(F, K, 2) -> (F, 3), by the faces alone."""
        return F.softshrink(self._body(self._portrait.expand(len(keypoints), -1, -1), keypoints), _UNSURE)
