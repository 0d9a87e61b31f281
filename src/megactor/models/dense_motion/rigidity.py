"""Where a motion carries the portrait along as a whole, and where it stretches or squeezes it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion.nearby import mean_nearby, most_nearby
from megactor.models.dense_motion.smoothstep import smoothstep

_RIGID, _BENT = 0.15, 0.5
"""Logarithms of how far a length is stretched or squeezed: up to the first motion is rigid, from the second on it is
not. A person who comes nearer by a seventh is rigid, a cheek that turns away is not."""
_NEAR = 5
"""Pixels of the flow that share the strongest strain among them."""


def rigid(flow: Tensor) -> Tensor:
    """How rigid a motion is.

    Args:
        flow: (B, 2, h, w), see `DenseMotion`.

    Returns:
        (B, 1, h, w) in [0, 1], 1 where neither lengths nor shapes change around a pixel.
    """
    near = most_nearby(_strain(flow.float()), _NEAR, faded=_NEAR)
    return 1 - smoothstep((near - _RIGID) / (_BENT - _RIGID))


def _strain(flow: Tensor) -> Tensor:
    """(B, 2, h, w) -> (B, 1, h, w), the logarithm of the largest stretch or squeeze of any direction."""
    smooth = F.pad(mean_nearby(flow, 3), (1, 1, 1, 1), mode="replicate")
    height, width = flow.shape[-2:]
    across = (smooth[..., 1:-1, 2:] - smooth[..., 1:-1, :-2]) * width / 2
    down = (smooth[..., 2:, 1:-1] - smooth[..., :-2, 1:-1]) * height / 2
    xx, xy, yx, yy = 1 + across[:, :1], down[:, :1], across[:, 1:], 1 + down[:, 1:]
    # the singular values of a 2x2 matrix are the sum and the difference of two lengths, halved
    turned, mirrored = torch.hypot(xx + yy, xy - yx), torch.hypot(xx - yy, xy + yx)
    most, least = (turned + mirrored) / 2, (turned - mirrored).abs() / 2
    return torch.maximum(most.clamp(min=1e-3).log().abs(), least.clamp(min=1e-3).log().abs())
