"""LPIPS (Zhang, Isola, Efros, Shechtman and Wang, 2018), version 0.1 on AlexNet, where its weights lie on the disk."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.errors import ModelError

NETWORK, LINEAR = "alexnet*.pth", "alex.pth"
"""File names of torchvision's AlexNet and of the metric's own weights, as their authors publish them."""

_CONVOLUTIONS = ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))
"""Number in torchvision's `features`, stride and padding."""
_POOLED_BEFORE = (3, 6)
_MEAN, _SPREAD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of ImageNet's pictures in [-1, 1]."""


class Lpips:
    """The perceptual distance of two pictures.

    Args:
        network: state dict of AlexNet, `features.0.weight` and so on.
        linear: state dict of the five layers' weights, `lin0.model.1.weight` (1, C, 1, 1) and so on.
    """

    def __init__(self, network: dict[str, Tensor], linear: dict[str, Tensor]) -> None:
        self._layers = [
            (network[f"features.{number}.weight"].float(), network[f"features.{number}.bias"].float())
            for number, _, _ in _CONVOLUTIONS
        ]
        self._weights = [linear[f"lin{layer}.model.1.weight"].float() for layer in range(len(_CONVOLUTIONS))]

    @classmethod
    def load(cls, folder: Path) -> "Lpips":
        """Reads the weights of a folder.

        Raises:
            ModelError: a file is damaged or holds something else.
        """
        network, linear = weight_files(folder)
        try:
            dicts = [torch.load(path, map_location="cpu", weights_only=True) for path in (network, linear)]
            return cls(*dicts)
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(f"cannot read LPIPS weights in {folder}: {reason}") from error

    @torch.no_grad()
    def __call__(self, result: Tensor, truth: Tensor) -> Tensor:
        """(B, 3, H, W) float in [0, 1], twice -> (B,) float32."""
        distance = torch.zeros(len(result))
        for found, wanted, weights in zip(self._features(result), self._features(truth), self._weights, strict=True):
            squared = (_normalized(found) - _normalized(wanted)).square()
            distance += F.conv2d(squared, weights).mean((1, 2, 3))
        return distance

    def _features(self, pictures: Tensor) -> list[Tensor]:
        mean, spread = (torch.tensor(values).view(1, 3, 1, 1) for values in (_MEAN, _SPREAD))
        x = (pictures.float() * 2 - 1 - mean) / spread
        found = []
        for (number, stride, padding), (weight, bias) in zip(_CONVOLUTIONS, self._layers, strict=True):
            if number in _POOLED_BEFORE:
                x = F.max_pool2d(x, 3, 2)
            x = F.relu(F.conv2d(x, weight, bias, stride, padding))
            found.append(x)
        return found


def weight_files(folder: Path) -> tuple[Path, Path]:
    """The files of AlexNet and of the metric.

    Raises:
        ModelError: one is missing.
    """
    network = next(iter(sorted(folder.glob(NETWORK))), None)
    linear = folder / LINEAR
    if network is None or not linear.is_file():
        raise ModelError(f"no LPIPS weights at {folder}: it needs {NETWORK} (torchvision) and {LINEAR} (LPIPS 0.1)")
    return network, linear


def _normalized(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)
