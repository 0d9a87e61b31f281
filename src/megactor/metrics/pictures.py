"""How near pictures are to the true ones. All take (B, 3, H, W) float in [0, 1] and return (B,) float32."""

import torch
import torch.nn.functional as F
from torch import Tensor

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


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
    x, y = result.float(), truth.float()
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    variance_x = _local_mean(x * x) - mean_x**2
    variance_y = _local_mean(y * y) - mean_y**2
    covariance = _local_mean(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    structure = (2 * covariance + _C2) / (variance_x + variance_y + _C2)
    return (luminance * structure).mean((1, 2, 3))


def _local_mean(picture: Tensor) -> Tensor:
    offsets = torch.arange(_WINDOW, device=picture.device) - _WINDOW // 2
    weights = torch.exp(-offsets.float().square() / (2 * _SIGMA**2))
    weights = (weights / weights.sum()).expand(picture.shape[1], 1, 1, -1)
    rows = F.conv2d(picture, weights, groups=picture.shape[1])
    return F.conv2d(rows, weights.transpose(2, 3), groups=picture.shape[1])
