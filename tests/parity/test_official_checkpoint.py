"""The official checkpoint layout against our full-size modules, and files that are not one."""

from __future__ import annotations

import gzip
import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from megactor.errors import ModelError
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.pose_guider import PoseGuider
from megactor.models.presets import sd15_config
from megactor.models.reference_net import ReferenceNet
from megactor.weights.official_checkpoint import OfficialWeights, convert_official, read_official_checkpoint

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


def mutated(official: dict[str, Tensor], **changes: Tensor | None) -> dict[str, Tensor]:
    merged = official | changes
    return {key: value for key, value in merged.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"module.unet.conv_in.bias": None}, "1 weights are missing, among them conv_in.bias"),
        (
            {"module.unet.adapter.weight": torch.zeros(1)},
            "1 weights are unexpected, among them adapter.weight",
        ),
        ({"module.unet.conv_in.bias": torch.zeros(7)}, r"conv_in.bias has shape \(7,\), expected \(320,\)"),
        ({"first_stage_model.weight": torch.zeros(1)}, "unexpected weight first_stage_model.weight"),
    ],
)
def test_wrong_weights(
    official: dict[str, Tensor],
    modules: tuple[DenoisingUNet, PoseGuider, ReferenceNet],
    changes: dict[str, Tensor | None],
    message: str,
) -> None:
    with pytest.raises(ModelError, match=message):
        convert_official(mutated(official, **changes)).load_into(*modules)


def test_missing_part(official: dict[str, Tensor]) -> None:
    without_reference = {k: v for k, v in official.items() if "appearance_encoder" not in k}
    with pytest.raises(ModelError, match="no ReferenceNet weights"):
        convert_official(without_reference)


def test_weights_of_the_trainer_that_are_not_ours(official: dict[str, Tensor]) -> None:
    extra = {"module.vae.encoder.conv_in.weight": torch.zeros(1), "module.text_encoder.x": torch.zeros(1)}
    converted = convert_official(official | extra)
    assert isinstance(converted, OfficialWeights)
    assert len(converted.denoising_unet) == 1300 - 54


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_checkpoint_files(tmp_path: Path) -> None:
    good = {
        "module.unet.conv_in.bias": torch.ones(2),
        "module.unet.condition_input_layer.spatial_conv_out.bias": torch.ones(3),
        "module.appearance_encoder.conv_in.bias": torch.ones(4),
    }
    path = tmp_path / "good.ckpt"
    torch.save({"epoch": 0, "global_step": 1, "state_dict": good}, path)
    weights = read_official_checkpoint(path)
    torch.testing.assert_close(weights.pose_guider["conv_out.bias"], torch.ones(3))

    with pytest.raises(ModelError, match="no such file"):
        read_official_checkpoint(tmp_path / "missing.ckpt")
    for name, content in (("empty.ckpt", b""), ("text.ckpt", b"hello"), ("text.safetensors", b"hello")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match="not a readable checkpoint"):
            read_official_checkpoint(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(ModelError, match="holds no state dict"):
        read_official_checkpoint(tmp_path / "list.ckpt")


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    path, mark = tmp_path / "evil.ckpt", tmp_path / "mark"
    path.write_bytes(pickle.dumps({"state_dict": Malicious(mark)}, protocol=2))
    with pytest.raises(ModelError, match="more than tensors"):
        read_official_checkpoint(path)
    torch.save({"state_dict": Malicious(mark)}, path)
    with pytest.raises(ModelError, match="more than tensors"):
        read_official_checkpoint(path)
    assert not mark.exists()
