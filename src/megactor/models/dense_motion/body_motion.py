"""BodyMotion: where the shoulders went, told by the face alone.

The driver's body is masked, and a body may stand still under a head that turns. But how a face is turned and where it
is together say where the neck ends: what the turn does not explain, the body did.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from megactor.models.dense_motion.keypoints import KEYPOINTS


class BodyMotion(nn.Module):
    """The body's motion from the portrait to the animated frame, out of the keypoints of both.

    Args:
        width: channels of the hidden layers.
        count: K, number of keypoints.
    """

    def __init__(self, width: int = 128, count: int = KEYPOINTS):
        super().__init__()
        self.proj_in = nn.Linear(2 * count * 2, width)
        self.hidden = nn.Linear(width, width)
        self.proj_out = nn.Linear(width, 3)
        for parameter in self.proj_out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, portrait: Tensor, keypoints: Tensor) -> Tensor:
        """Keypoints (B, K, 2) of portrait and animated frame -> (B, 3), see `flow.zoom_flow`, float32."""
        # the factors bring positions, displacements and the result to order one, as Adam's step sizes want
        place, moved = (portrait + keypoints) / 2 - 0.5, portrait - keypoints
        told = torch.cat([place * 4, moved * 16], 1).flatten(1)
        h = F.silu(self.proj_in(told.to(self.proj_in.weight.dtype)))
        return self.proj_out(F.silu(self.hidden(h))).float() / 16
