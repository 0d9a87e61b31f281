"""Close-ups of a face, its eyes and its mouth, cut out upright and always in the same size.

Lids open by three pixels of 128: what decides an expression is smaller than what a look at the whole picture can tell.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion.sampling import pixel_centers, sample

MIRRORED_EYE = (26, 25, 24, 23, 22, 45, 44, 43, 42, 47, 46, 68)
"""The right half's brow, lids and iris, in the order of the left half's points in the mirror."""
EYE = (17, 18, 19, 20, 21, 36, 37, 38, 39, 40, 41, 69)
LIDS, MIRRORED_LIDS = EYE[5:], MIRRORED_EYE[5:]
"""The same without brows, with irises."""
MOUTH = tuple(range(48, 68))
JAW_AND_NOSE = (*range(17), *range(27, 36))
"""Keypoints that no crop looks at."""
EYE_PIXELS, MOUTH_PIXELS = 48, 64
EYE_SIDE, MOUTH_SIDE, FACE_SIDE = 0.85, 1.3, 3.1
"""Sides of the crops, in units of `FaceFrame.unit`: with room for coarse keypoints that are off."""


@dataclass(frozen=True)
class FaceFrame:
    """Upright axes of faces, from their keypoints.

    right: (B, 1, 2), unit vector from the left eye to the right one, in a square picture.
    unit: (B, 1, 1), a length that neither turning nor nodding shortens much: the larger of the distance of the eyes
        and that between eyes and mouth, in picture units.
    """

    right: Tensor
    unit: Tensor

    @classmethod
    def of(cls, keypoints: Tensor) -> "FaceFrame":
        """From (B, 70, 2) in picture units."""
        left, right = keypoints[:, 36:42].mean(1, keepdim=True), keypoints[:, 42:48].mean(1, keepdim=True)
        down = keypoints[:, 48:68].mean(1, keepdim=True) - (left + right) / 2
        # a head in profile has its eyes in one place: then the way down to the mouth tells what is upright
        across = right - left + torch.stack([down[..., 1], -down[..., 0]], -1)
        unit = torch.maximum((right - left).norm(dim=-1, keepdim=True), down.norm(dim=-1, keepdim=True))
        return cls(F.normalize(across, dim=-1), unit.clamp(min=1e-3))


@dataclass(frozen=True)
class UprightCrop:
    """Squares of pictures, turned upright and perhaps mirrored.

    center: (B, 1, 2) in picture units.
    right: (B, 1, 2), the crop's first axis in the picture; its second is this one turned by 90 degrees.
    side: (B, 1, 1) in picture units.
    mirrored: the crop shows the picture's mirror image.
    """

    center: Tensor
    right: Tensor
    side: Tensor
    mirrored: bool

    def _axes(self) -> tuple[Tensor, Tensor]:
        down = torch.stack([-self.right[..., 1], self.right[..., 0]], -1)
        return (-self.right if self.mirrored else self.right) * self.side, down * self.side

    def into(self, points: Tensor) -> Tensor:
        """(B, K, 2) in picture units -> in units of the crop."""
        x, y = self._axes()
        moved = points - self.center
        square = self.side.square()
        return torch.cat([(moved * x).sum(-1, keepdim=True), (moved * y).sum(-1, keepdim=True)], -1) / square + 0.5

    def back(self, points: Tensor) -> Tensor:
        """The inverse of `into`."""
        x, y = self._axes()
        return self.center + (points[..., :1] - 0.5) * x + (points[..., 1:] - 0.5) * y

    def pixels(self, image: Tensor, size: int) -> Tensor:
        """(B, C, H, W) -> (B, C, size, size), bilinear; the border is repeated outside of the picture."""
        grid = self.back(pixel_centers(size, size, image.device)).view(-1, size, size, 2)
        return sample(image.float(), grid)

    def split(self) -> list["UprightCrop"]:
        """One for each picture."""
        parts = zip(self.center.split(1), self.right.split(1), self.side.split(1), strict=True)
        return [UprightCrop(*part, self.mirrored) for part in parts]


def normalized(crops: Tensor) -> Tensor:
    """(B, C, S, S) -> mean 0 and spread 1 each: what is dark and what is pale must not matter."""
    mean, spread = crops.mean((1, 2, 3), keepdim=True), crops.std((1, 2, 3), keepdim=True)
    return (crops - mean) / (spread + 0.02)


def eye_crops(keypoints: Tensor) -> tuple[UprightCrop, UprightCrop]:
    """The left eye with its brow and the right one, mirrored, around coarse keypoints (B, 70, 2)."""
    frame = FaceFrame.of(keypoints)
    side = EYE_SIDE * frame.unit
    up = 0.17 * side * torch.stack([frame.right[..., 1], -frame.right[..., 0]], -1)  # room for the brow
    left, right = (keypoints[:, first : first + 6].mean(1, keepdim=True) + up for first in (36, 42))
    return UprightCrop(left, frame.right, side, mirrored=False), UprightCrop(right, frame.right, side, mirrored=True)


def mouth_crop(keypoints: Tensor) -> UprightCrop:
    """The mouth, around coarse keypoints (B, 70, 2)."""
    frame = FaceFrame.of(keypoints)
    return UprightCrop(keypoints[:, 48:68].mean(1, keepdim=True), frame.right, MOUTH_SIDE * frame.unit, False)


def face_crop(keypoints: Tensor) -> UprightCrop:
    """The face from brows to chin, which fills two thirds of the crop, around coarse keypoints (B, 70, 2)."""
    frame = FaceFrame.of(keypoints)
    return UprightCrop(keypoints[:, :68].mean(1, keepdim=True), frame.right, FACE_SIDE * frame.unit, False)
