"""Keypoints of faces, found in raw pixels and carried from the driver's face to the portrait's.

Part of nano's dense motion. Lips and lids move by a few pixels where heads move by fifty: a network that regresses
flow learns the heads first. Keypoints put the expression into numbers that a small network can learn exactly.
"""

import torch
from torch import Tensor, nn

from megactor.models.dense_motion.patch_unet import PatchUNet

GRAY_WEIGHTS = (0.2989, 0.5870, 0.1140)
KEYPOINTS = 70
"""Points in the order of the iBUG 300-W annotation (68: jaw, brows, nose, eyes, lips), then the left and right iris."""

MIRRORED = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
    *(69, 68),
)
"""Number of each of them in the mirrored face."""


def to_gray(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W), same value range; what a driver's colors are must not be known."""
    return (image * image.new_tensor(GRAY_WEIGHTS).view(1, 3, 1, 1)).sum(1, keepdim=True)


def heatmap_means(heatmaps: Tensor) -> Tensor:
    """(B, K, h, w) -> (B, K, 2): where each heatmap's softmax has its mean, in picture units, float32.

    "Integral regression" (Sun et al. 2018, arXiv 1711.08229): finer than the heatmap's grid.
    """
    height, width = heatmaps.shape[-2:]
    weights = heatmaps.float().flatten(2).softmax(-1).view_as(heatmaps)
    x = (torch.arange(width, device=heatmaps.device) + 0.5) / width
    y = (torch.arange(height, device=heatmaps.device) + 0.5) / height
    return torch.stack([(weights.sum(2) * x).sum(-1), (weights.sum(3) * y).sum(-1)], -1)


class KeypointNet(nn.Module):
    """Finds the keypoints of the face in a picture, photographed or drawn, masked or whole.

    Args:
        patch_size, block_out_channels, norm_num_groups: as in `PatchUNet`.
        count: K, number of keypoints.
    """

    def __init__(
        self,
        patch_size: int = 4,
        block_out_channels: tuple[int, ...] = (32, 64, 96, 128),
        norm_num_groups: int = 16,
        count: int = KEYPOINTS,
    ):
        super().__init__()
        self.unet = PatchUNet(
            in_channels=1,
            out_channels=count,
            patch_size=patch_size,
            block_out_channels=block_out_channels,
            attention_levels=(False,) * len(block_out_channels),
            head_dim=1,
            norm_num_groups=norm_num_groups,
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> (B, K, 2), x and y in units of the picture's width and height, float32."""
        return heatmap_means(self.unet(to_gray(image) * 2 - 1))


class KeypointRetargeter(nn.Module):
    """Where the portrait's keypoints lie when it does what the driver does.

    The portrait's keypoints tell its shape, the driver's keypoints the pose and the expression. Both pictures are
    framed alike (see `conditions.crop`).

    Args:
        width: channels of the residual blocks.
        blocks: number of residual blocks.
        count: K, number of keypoints.
    """

    def __init__(self, width: int = 512, blocks: int = 3, count: int = KEYPOINTS):
        super().__init__()
        self.proj_in = nn.Linear(2 * count * 2, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(blocks)
        )
        self.proj_out = nn.Linear(width, count * 2)
        for parameter in self.proj_out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, portrait: Tensor, driving: Tensor) -> Tensor:
        """Keypoints (B, K, 2) of portrait and driving frame -> those of the animated frame (B, K, 2), float32."""
        # the factors bring positions and displacements to order one, as Adam's step sizes want
        h = self.proj_in((torch.cat([portrait, driving], 1) - 0.5).flatten(1).to(self.proj_in.weight.dtype) * 4)
        for block in self.blocks:
            h = h + block(h)
        return driving + self.proj_out(h).float().view_as(driving) / 8
