"""KeypointRefiner: a second, closer look at the eyes and the mouth.

Each eye and the mouth are cut out of a larger picture, turned upright, and their keypoints found anew there.
"""

import torch
from torch import Tensor, nn

from megactor.models.dense_motion.face_crops import (
    EYE,
    EYE_PIXELS,
    MIRRORED_EYE,
    MOUTH,
    MOUTH_PIXELS,
    eye_crops,
    mouth_crop,
    normalized,
)
from megactor.models.dense_motion.keypoints import heatmap_means
from megactor.models.dense_motion.patch_unet import PatchUNet


class KeypointRefiner(nn.Module):
    """Finds the keypoints of brows, lids, irises and lips in close-ups; those of jaw and nose stay.

    Args:
        block_out_channels, norm_num_groups: as in `PatchUNet`, for the eyes' network and for the mouth's.
    """

    def __init__(self, block_out_channels: tuple[int, ...] = (24, 48, 96), norm_num_groups: int = 8):
        super().__init__()
        self.eye, self.mouth = (
            PatchUNet(
                in_channels=1,
                out_channels=len(points),
                patch_size=2,
                block_out_channels=block_out_channels,
                attention_levels=(False,) * len(block_out_channels),
                head_dim=1,
                norm_num_groups=norm_num_groups,
            )
            for points in (EYE, MOUTH)
        )

    def forward(self, gray: Tensor, keypoints: Tensor) -> Tensor:
        """Looks again.

        Args:
            gray: (B, 1, H, H) in [0, 1], the picture at any size; 256 and more have something to tell.
            keypoints: (B, 70, 2) in picture units, roughly right.

        Returns:
            (B, 70, 2), float32.
        """
        left, right = eye_crops(keypoints)
        eyes = torch.cat([left.pixels(gray, EYE_PIXELS), right.pixels(gray, EYE_PIXELS)])
        seen_left, seen_right = _points(self.eye, eyes).chunk(2)
        mouth = mouth_crop(keypoints)
        seen_mouth = _points(self.mouth, mouth.pixels(gray, MOUTH_PIXELS))
        refined = keypoints.float().clone()
        refined[:, EYE] = left.back(seen_left)
        refined[:, MIRRORED_EYE] = right.back(seen_right)
        refined[:, MOUTH] = mouth.back(seen_mouth)
        return refined


def _points(unet: PatchUNet, crops: Tensor) -> Tensor:
    """(B, 1, S, S) -> (B, K, 2) in units of the crop."""
    return heatmap_means(unet(normalized(crops).to(unet.conv_in.weight.dtype)))
