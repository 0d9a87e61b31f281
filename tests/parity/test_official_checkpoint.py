"""The official checkpoint layout against our full-size modules."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from megactor.errors import ModelError
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.pose_guider import PoseGuider
from megactor.models.presets import sd15_config
from megactor.models.reference_net import ReferenceNet
from megactor.weights.official_checkpoint import OfficialWeights, convert_official

KEYS = Path(__file__).parents[1] / "fixtures" / "golden" / "full_checkpoint_keys.json.gz"


@pytest.fixture(scope="module")
def official() -> dict[str, Tensor]:
    shapes = json.loads(gzip.decompress(KEYS.read_bytes()))
    return {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}


@pytest.fixture(scope="module")
def modules() -> tuple[DenoisingUNet, PoseGuider, ReferenceNet]:
    config = sd15_config()
    with torch.device("meta"):
        return config.denoising_unet(), config.driving_encoder(), config.reference_net()


def test_keys_map_one_to_one(
    official: dict[str, Tensor], modules: tuple[DenoisingUNet, PoseGuider, ReferenceNet]
) -> None:
    converted = convert_official(official)
    parts = (converted.denoising_unet, converted.pose_guider, converted.reference_net)
    assert sum(map(len, parts)) == len(official) == 1962  # no two keys fell together
    for module, part in zip(modules, parts, strict=True):
        own = {key: value.shape for key, value in module.state_dict().items()}
        assert own == {key: value.shape for key, value in part.items()}


def test_parameter_counts(modules: tuple[DenoisingUNet, PoseGuider, ReferenceNet]) -> None:
    def count(module: nn.Module, motion: bool = False) -> int:
        return sum(p.numel() for n, p in module.named_parameters() if (".motion." in n) == motion)

    denoiser, pose_guider, reference_net = modules
    assert count(denoiser) == 859_546_884
    assert count(denoiser, motion=True) == 417_137_600
    assert count(pose_guider) == 10_500_440
    assert count(reference_net) == 857_066_560


def test_foreign_weights(official: dict[str, Tensor]) -> None:
    foreign = official | {"first_stage_model.weight": torch.zeros(1)}
    with pytest.raises(ModelError, match=r"unexpected weight first_stage_model\.weight"):
        convert_official(foreign)


def test_missing_part(official: dict[str, Tensor]) -> None:
    without_reference = {k: v for k, v in official.items() if "appearance_encoder" not in k}
    with pytest.raises(ModelError, match="no ReferenceNet weights"):
        convert_official(without_reference)


def test_weights_of_the_trainer_that_are_not_ours(official: dict[str, Tensor]) -> None:
    extra = {"module.vae.encoder.conv_in.weight": torch.zeros(1), "module.text_encoder.x": torch.zeros(1)}
    converted = convert_official(official | extra)
    assert isinstance(converted, OfficialWeights)
    assert len(converted.denoising_unet) == 1300 - 54
