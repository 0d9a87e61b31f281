"""More or less motion for parts of the face: the keypoints of the animated face, scaled from the portrait's own.

Dense motion moves a portrait by keypoints, so a motion that is scaled there is the motion that is shown. What the head
does in the picture plane is scaled before, in the driver's framing (`drive.pose`); here are its turns, eyes and mouth.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from megactor.faces.head_pose import MEAN_FACE_70, RIGID, head_pose
from megactor.models.dense_motion.keypoints import KEYPOINTS

MOST_TURN = 1.5
"""Factor at most for turns: beyond, points that lie in one plane stop looking like a head."""

_EYES = (*range(17, 27), *range(36, 48), 68, 69)
"""Brows, lids and irises."""
_LIPS = range(48, 68)
_CHIN = dict(zip(range(3, 14), (0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25), strict=True))
"""How far points of the jaw go with the mouth."""
_RIDGE = (1e-4, 1e-4, 1e-3, 1e-6)
"""Of the fit, for x, y, depth and shift: points of no extent have no turn."""


@dataclass(frozen=True)
class PartMotion:
    """Factors of the motion from the portrait to the animated frame: 0 keeps the portrait's own, 1 changes nothing.

    turn: of the head's turns and nods out of the picture plane, at most `MOST_TURN`.
    eyes: of brows, lids and gaze.
    mouth: of lips and chin.
    """

    turn: float = 1.0
    eyes: float = 1.0
    mouth: float = 1.0

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return (self.turn, self.eyes, self.mouth) != (1.0, 1.0, 1.0)

    @cached_property
    def _factors(self) -> Tensor:
        """(K, 1), of what a keypoint does beside the head's motion."""
        turn = min(self.turn, 1.0)  # how contours slide over a turning head; it is not exaggerated
        factors = torch.full((KEYPOINTS, 1), turn)
        factors[list(_EYES)] = self.eyes
        factors[list(_LIPS)] = self.mouth
        for point, share in _CHIN.items():
            factors[point] = turn + share * (self.mouth - turn)
        return factors

    def __call__(self, portrait: Tensor, keypoints: Tensor) -> Tensor:
        """Scales the motion between two faces.

        An affine camera that looks at the portrait's face, with the depths of the mean face, is fitted to the animated
        one: that is the head. Its part in the picture plane is kept; what remains of every keypoint is expression.

        Args:
            portrait: (1, K, 2) in picture units, or B times the same.
            keypoints: (B, K, 2) of the animated frames.

        Returns:
            (B, K, 2).
        """
        if not self.changes:
            return keypoints
        face, rigid = portrait[0], list(RIGID)
        solid = torch.cat([face, _depths(face)[:, None], torch.ones_like(face[:, :1])], 1)  # (K, 4)
        of_head = solid[rigid]
        normal = of_head.mT @ of_head + torch.diag(solid.new_tensor(_RIDGE))
        camera = torch.linalg.solve(normal, of_head.mT @ (keypoints - face)[:, rigid])  # (B, 4, 2)
        head = face + solid @ camera
        linear = torch.eye(2).to(face) + camera[:, :2].mT
        c, s = (linear[:, 0, 0] + linear[:, 1, 1]) / 2, (linear[:, 1, 0] - linear[:, 0, 1]) / 2
        similar = torch.stack([c, -s, s, c], -1).view(-1, 2, 2)
        in_plane = head[:, rigid].mean(1, keepdim=True) + (face - face[rigid].mean(0)) @ similar.mT
        turned = in_plane + min(self.turn, MOST_TURN) * (head - in_plane)
        return turned + self._factors.to(face) * (keypoints - head)


def _depths(face: Tensor) -> Tensor:
    """(K, 2) keypoints -> (K,), how far away from the camera each one is, in picture units."""
    pose = head_pose(face[:68].double().cpu().numpy())
    return torch.from_numpy(pose.scale * MEAN_FACE_70 @ pose.rotation[2]).to(face)
