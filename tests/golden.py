"""Reference data computed by the official code on a tiny random model, and our networks with its weights."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.pose_guider import PoseGuider
from megactor.models.reference_net import ReferenceNet
from megactor.weights.official_checkpoint import OfficialWeights, convert_official

TINY = {
    "block_out_channels": (32, 64, 64, 64),
    "attention_heads": 4,
    "cross_attention_dim": 32,
    "norm_groups": 8,
}


def golden_folder() -> Path:
    """`$MEGACTOR_GOLDEN`, or `shared/golden` beside the repository."""
    beside = Path(__file__).parents[2] / "shared" / "golden"
    return Path(os.environ.get("MEGACTOR_GOLDEN", beside))


@dataclass(frozen=True)
class Golden:
    """The golden folder: `tensors` are the inputs and outputs, `facts` their json."""

    folder: Path
    tensors: dict[str, Tensor]
    facts: dict

    @classmethod
    def load(cls, folder: Path) -> Golden:
        tiny = folder / "tiny"
        return cls(folder, load_file(tiny / "forward.safetensors"), json.loads((tiny / "forward.json").read_text()))

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def unit(self, name: str) -> Tensor:
        """A uint8 tensor as float32 in [0, 1]."""
        return self.tensors[name].float() / 255

    def weights(self) -> OfficialWeights:
        """The tiny checkpoint, renamed to our modules."""
        stored = load_file(self.folder / "tiny" / "checkpoint.safetensors")
        return convert_official({key: value.float() for key, value in stored.items()})


@dataclass(frozen=True)
class Networks:
    """Our networks in the tiny official model's shape."""

    denoiser: DenoisingUNet
    pose_guider: PoseGuider
    reference_net: ReferenceNet

    @classmethod
    def from_weights(cls, weights: OfficialWeights) -> Networks:
        networks = cls(DenoisingUNet(**TINY), PoseGuider(), ReferenceNet(**TINY))
        networks.denoiser.load_state_dict(weights.denoising_unet)
        networks.pose_guider.load_state_dict(weights.pose_guider)
        networks.reference_net.load_state_dict(weights.reference_net)
        return networks


def assert_close(name: str, ours: Tensor, official: Tensor, tolerance: float = 2e-5) -> None:
    """Compare with rtol = atol = `tolerance`; prints the error reached (see it with `pytest -s`)."""
    error = (ours - official).abs().max().item()
    print(f"{name}: max abs error {error:.2e}, largest value {official.abs().max():.2g}")
    torch.testing.assert_close(ours, official, rtol=tolerance, atol=tolerance)


def assert_close_in_range(name: str, ours: Tensor, official: Tensor, tolerance: float) -> None:
    """Compare relative to the range of the official values."""
    error = ((ours - official).abs().max() / (official.max() - official.min())).item()
    print(f"{name}: max error {error:.2e} of the range")
    assert error <= tolerance, f"{name}: {error:.2e} of the range, allowed {tolerance:.0e}"


def formula_values(shape: tuple[int, ...], seed: int) -> Tensor:
    """Uniform values in [-1, 1) from a formula, so that they are the same with every version of torch."""
    count = torch.Size(shape).numel()
    angle = torch.arange(1, count + 1, dtype=torch.float64) * 12.9898 + 78.233 * (seed + 1)
    return (2 * (angle.sin() * 43758.5453).frac().abs() - 1).float().reshape(shape)


def formula_weights(module: nn.Module) -> None:
    """Overwrite all parameters by values that keep the features at order one."""
    norms = [part for part in module.modules() if isinstance(part, (nn.GroupNorm, nn.LayerNorm))]
    norm_weights = {id(norm.weight) for norm in norms}
    for seed, parameter in enumerate(module.parameters()):
        values = formula_values(tuple(parameter.shape), seed)
        if parameter.ndim > 1:
            values *= (3 / parameter[0].numel()) ** 0.5
        else:
            values = 0.1 * values + (id(parameter) in norm_weights)
        parameter.data.copy_(values)


@torch.no_grad()
def whole_case() -> tuple[Tensor, Tensor]:
    """Guided predictions (1, 4, 5, 16, 16) of the whole denoiser with formula weights and inputs."""
    networks = Networks(DenoisingUNet(**TINY), PoseGuider(portrait_modulation=False), ReferenceNet(**TINY))
    for module in (networks.denoiser, networks.pose_guider, networks.reference_net):
        formula_weights(module)
    tokens = formula_values((1, 50, 32), 1)
    pose = networks.pose_guider(formula_values((1, 3, 5, 128, 128), 2).abs())
    sample = torch.cat([formula_values((1, 9, 5, 16, 16), 3), pose], dim=1)
    reference = networks.reference_net(formula_values((1, 4, 16, 16), 4), 601, tokens)
    return networks.denoiser.guided(sample, 601, tokens, reference)
