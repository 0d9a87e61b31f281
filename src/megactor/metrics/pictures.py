"""How near pictures are to the true ones. All take (B, 3, H, W) float in [0, 1] and return (B,) float32."""

import torch
import torch.nn.functional as F
from torch import Tensor

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of MS-SSIM's scales, the finest first."""


def l1(result: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error."""
    return (result.float() - truth.float()).abs().mean((1, 2, 3))


def psnr(result: Tensor, truth: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB; pictures that are equal get 100."""
    return -10 * (result.float() - truth.float()).square().mean((1, 2, 3)).clamp(min=1e-10).log10()


def ssim(result: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity of each channel, averaged (Wang, Bovik, Sheikh and Simoncelli, 2004).

    Gaussian window of 11 pixels with sigma 1.5, where it lies inside of the picture; pictures must be larger than that.
    """
    luminance, structure = _comparisons(result.float(), truth.float())
    return (luminance * structure).mean((1, 2, 3))


def ms_ssim(result: Tensor, truth: Tensor) -> Tensor:
    """Multi-scale structural similarity of each channel, averaged (Wang, Simoncelli and Bovik, 2003).

    Five scales, each the mean of 2 x 2 pixels of the one before; contrast and structure of all, luminance of the
    coarsest. Means below zero count as zero, where the formula's powers end.

    Raises:
        ValueError: a side is below 176 pixels, too short for the window at the coarsest scale.
    """
    x, y = result.float(), truth.float()
    if min(x.shape[-2:]) < _WINDOW * 2 ** (len(_SCALE_WEIGHTS) - 1):
        raise ValueError(f"MS-SSIM needs pictures of 176 pixels and more, not {x.shape[-1]} x {x.shape[-2]}")
    product = torch.ones(x.shape[:2], device=x.device)
    for scale, weight in enumerate(_SCALE_WEIGHTS, 1):
        luminance, structure = _comparisons(x, y)
        coarsest = scale == len(_SCALE_WEIGHTS)
        similarity = (luminance * structure if coarsest else structure).mean((2, 3))
        product = product * similarity.clamp(min=0) ** weight
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return product.mean(1)


def _comparisons(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of how alike luminance, and contrast with structure, are in the window around each pixel."""
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    variance_x = _local_mean(x * x) - mean_x**2
    variance_y = _local_mean(y * y) - mean_y**2
    covariance = _local_mean(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return luminance, (2 * covariance + _C2) / (variance_x + variance_y + _C2)


def _local_mean(picture: Tensor) -> Tensor:
    offsets = torch.arange(_WINDOW, device=picture.device) - _WINDOW // 2
    weights = torch.exp(-offsets.float().square() / (2 * _SIGMA**2))
    weights = (weights / weights.sum()).expand(picture.shape[1], 1, 1, -1)
    with torch.autocast(picture.device.type, enabled=False):  # whoever validates in bfloat16 must not measure in it
        rows = F.conv2d(picture, weights, groups=picture.shape[1])
        return F.conv2d(rows, weights.transpose(2, 3), groups=picture.shape[1])
