"""What is around every pixel, the border not counted."""

import torch.nn.functional as F
from torch import Tensor


def mean_nearby(values: Tensor, width: int) -> Tensor:
    """(B, C, H, W), the means over squares of an odd width."""
    return F.avg_pool2d(values, width, 1, width // 2, count_include_pad=False)


def most_nearby(values: Tensor, width: int, faded: int) -> Tensor:
    """(B, C, H, W), the largest values in squares of an odd width, their edges faded over `faded` pixels."""
    return mean_nearby(F.max_pool2d(values, width, 1, width // 2), faded)
