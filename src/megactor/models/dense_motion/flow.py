"""Flows: where each pixel of a picture comes from in another one. Pure functions."""

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion.sampling import pixel_centers, pixels_along, sample

FLOW_UNIT = 1 / 8
"""The networks' own unit of flow, in picture sizes: typical motion is then of order one, as Adam's step sizes want."""


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Moves the portrait into place.

    Args:
        image: (B, C, H, W), any value range.
        flow: (B, 2, h, w) as in `DenseMotion`; resized to H x W when it is smaller.

    Returns:
        (B, C, H, W): bilinear samples of `image` at p + flow(p); the border is repeated outside of the picture.
    """
    height, width = image.shape[-2:]
    flow = flow.float()  # bfloat16 tells places apart that are half a pixel of 128 away, no nearer
    if flow.shape[-2:] != (height, width):
        flow = F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)
    grid = pixel_centers(height, width, flow.device).view(1, height, width, 2) + flow.permute(0, 2, 3, 1)
    return sample(image.float(), grid).to(image.dtype)


def affine_flow(keypoints: Tensor, portrait_keypoints: Tensor, height: int, width: int) -> Tensor:
    """The affine motion nearest to that of the keypoints: where the whole head goes.

    Args:
        keypoints: (B, K, 2) in the animated frame, in picture units; K >= 3.
        portrait_keypoints: (B, K, 2), the same points in the portrait.
        height: rows of the flow.
        width: columns of the flow.

    Returns:
        (B, 2, height, width) as in `DenseMotion`.
    """

    def homogeneous(points: Tensor) -> Tensor:
        return torch.cat([points, torch.ones_like(points[..., :1])], -1)

    a = homogeneous(keypoints)
    # all points in one place have no affine motion: the ridge makes it a shift
    ridge = 1e-4 * torch.eye(3, device=a.device)
    motion = torch.linalg.solve(a.mT @ a + ridge, a.mT @ (portrait_keypoints - keypoints))
    flow = homogeneous(pixel_centers(height, width, a.device)) @ motion
    return flow.mT.reshape(-1, 2, height, width)


def zoom_flow(motion: Tensor, height: int, width: int) -> Tensor:
    """A shift of the whole picture, and a zoom about the middle of its lower edge.

    Args:
        motion: (B, 3), x and y of the shift in picture units, and the zoom: 0 leaves the size as it is.
        height: rows of the flow.
        width: columns of the flow.

    Returns:
        (B, 2, height, width) as in `DenseMotion`.
    """
    away = pixel_centers(height, width, motion.device) - motion.new_tensor([0.5, 1.0])
    flow = motion[:, None, :2] + motion[:, None, 2:] * away
    return flow.mT.reshape(-1, 2, height, width)


def meet_keypoints(
    flow: Tensor, keypoints: Tensor, portrait_keypoints: Tensor, trust: Tensor, radius: float, smoothing: float
) -> Tensor:
    """Bends a flow so that it carries the portrait's keypoints to their places.

    What is missing at the keypoints is interpolated with Gaussians and fades to zero away from them.

    Args:
        flow: (B, 2, H, W) as in `DenseMotion`.
        keypoints: (B, K, 2) in the animated frame, in picture units.
        portrait_keypoints: (B, K, 2), the same points in the portrait.
        trust: (B, K, 1) in [0, 1]: how much of what is missing at a keypoint is to be made good.
        radius: standard deviation of a Gaussian in picture units.
        smoothing: ridge of the interpolation: 0 meets every point exactly, more follows close points on average.

    Returns:
        (B, 2, H, W).
    """

    def bumps(places: Tensor, middles: Tensor) -> Tensor:
        """(1 or B, N) and (B, K), coordinates of one axis -> (B, N, K)."""
        return torch.exp((places[..., None] - middles[:, None]).square() / (-2 * radius**2))

    there = sample(flow, keypoints[:, None])
    missing = (portrait_keypoints - keypoints - there[:, :, 0].mT) * trust
    ridge = smoothing * torch.eye(keypoints.shape[1], device=flow.device)
    x, y = keypoints.unbind(-1)
    weights = torch.linalg.solve(bumps(x, x) * bumps(y, y) + ridge, missing)
    # a Gaussian is the product of one along each axis: two small matrices in place of a value a pixel and keypoint
    rows, columns = (
        bumps(pixels_along(count, flow.device)[None], at) for count, at in zip(flow.shape[-2:], (y, x), strict=True)
    )
    return flow + (rows[:, None] * weights.mT[:, :, None]) @ columns[:, None].mT
