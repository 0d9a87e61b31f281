"""The driver's head, turned so that it starts as the portrait's is turned.

A portrait that looks aside and a driver who looks into the camera: to turn the one to the other would show what nobody
painted. The driver's turns and nods are taken from where the portrait is instead.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from megactor.faces.head_pose import MEAN_FACE_70, HeadPose, frontal_landmarks, head_pose

_DEPTHS = MEAN_FACE_70[:, 2]


@dataclass(frozen=True)
class HeadTurn:
    """A turn of heads before the camera.

    rotation: (3, 3) of the axes right, down, away.
    """

    rotation: np.ndarray

    @classmethod
    def between(cls, start: Tensor, portrait: Tensor) -> "HeadTurn":
        """From how one face is turned to how another is, (70, 2) keypoints each, best of one person."""
        first, last = _pose(start), _pose(portrait)
        return cls(last.rotation @ first.rotation.T)

    def __call__(self, keypoints: Tensor) -> Tensor:
        """(F, 70, 2) -> the same faces, turned, with the depths of the mean face."""
        turned = np.stack([self._turned(points) for points in keypoints.double().cpu().numpy()])
        return torch.from_numpy(turned).to(keypoints)

    def _turned(self, points: np.ndarray) -> np.ndarray:
        pose = head_pose(points[:68])
        upright = np.column_stack([frontal_landmarks(points, pose, _DEPTHS), _DEPTHS])
        rotation = self.rotation @ pose.rotation
        return np.asarray(pose.scale * (upright @ rotation.T)[:, :2] + pose.offset)


def _pose(keypoints: Tensor) -> HeadPose:
    return head_pose(keypoints[:68].double().cpu().numpy())
