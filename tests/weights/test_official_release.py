"""The official release as it lies on disk: read, animated with, verified, converted; and what may be wrong with it."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

import pytest
import torch
from command_line import error_line, listing, megactor
from official_release import networks, official_tensors, write_release
from torch import Tensor, nn

from megactor.errors import ModelError
from megactor.pipeline import MegActorPipeline
from megactor.weights.official_folder import OfficialFolder

DEMO = Path(str(resources.files("megactor") / "assets" / "demo"))
CHECKPOINT = "checkpoint-steps9000.ckpt"


@pytest.fixture(scope="session")
def parts() -> dict[str, nn.Module]:
    return networks()


@pytest.fixture(scope="session")
def untouched(parts: dict[str, nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("release") / "weights", parts)


@pytest.fixture
def release(untouched: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(untouched, tmp_path / "weights"))


def change_checkpoint(release: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    stored = torch.load(release / CHECKPOINT, weights_only=True)
    change(stored["state_dict"])
    torch.save(stored, release / CHECKPOINT)


def public(config: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in config.items() if not key.startswith("_")}


def test_every_weight_arrives(untouched: Path, parts: dict[str, nn.Module]) -> None:
    pipe = MegActorPipeline.from_pretrained(untouched)
    for name, network in parts.items():
        loaded = getattr(pipe, name)
        assert not loaded.training
        for key, value in network.state_dict().items():
            stored = value.half() if name in ("unet", "reference_net", "pose_guider") else value
            torch.testing.assert_close(loaded.state_dict()[key], stored.float(), rtol=0, atol=0)
        if name in ("unet", "reference_net", "pose_guider"):
            # None means all levels, and what was read off the shapes names them
            told = {"motion_levels": (0, 1)} if name == "unet" else {}
            assert public(loaded.config) == public(network.config) | told
    assert pipe.config.image_size == pipe.config.output_size == 64
    assert (pipe.config.default_steps, pipe.config.default_guidance, pipe.config.cyclic) == (25, 4.5, True)
    assert pipe.scheduler.config.beta_schedule == "linear"


@pytest.mark.parametrize("place", ["", "..", CHECKPOINT])
def test_animates_as_it_is(untouched: Path, place: str, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    words = ("--model", untouched / place, "--steps", 1, "--end", 0.1, "--device", "cpu")
    outcome = megactor("animate", DEMO / "photo.jpg", DEMO / "talk.mp4", "-o", output, *words)
    assert outcome.code == 0, outcome
    assert ": 2 frames, 64x64" in outcome.out or ": 3 frames, 64x64" in outcome.out


def test_verified_and_converted(untouched: Path, parts: dict[str, nn.Module], tmp_path: Path) -> None:
    before = listing(untouched)
    outcome = megactor("weights", "verify", untouched)
    assert outcome.code == 0, outcome
    count = sum(len(network.state_dict()) for network in parts.values())
    assert f"all {count} tensors are there and finite, none is left over" in outcome.out

    ours = tmp_path / "ours"
    assert megactor("weights", "convert", untouched, "-o", ours).code == 0
    assert not [name for name in listing(ours) if name.endswith((".bin", ".ckpt", ".pt"))]
    assert f"all {count} tensors" in megactor("weights", "verify", ours).out
    first, second = (MegActorPipeline.from_pretrained(folder) for folder in (untouched, ours))
    assert public(first.config) == public(second.config)
    for name in parts:
        tensors = getattr(second, name).state_dict()
        for key, value in getattr(first, name).state_dict().items():
            torch.testing.assert_close(tensors[key], value, rtol=0, atol=0)
    assert listing(untouched) == before


def test_conversion_never_replaces_what_it_should_not(untouched: Path, tmp_path: Path) -> None:
    ours, diary = tmp_path / "ours", tmp_path / "diary"
    assert megactor("weights", "convert", untouched, "-o", ours, "--dtype", "bfloat16").code == 0
    stored = MegActorPipeline.from_pretrained(ours, torch_dtype=torch.bfloat16).vae.state_dict()
    assert {value.dtype for value in stored.values()} == {torch.bfloat16}
    before = {path: path.read_bytes() for path in ours.rglob("*") if path.is_file()}
    refused = megactor("weights", "convert", untouched, "-o", ours)
    assert "--force" in error_line(refused) and "loading" not in refused.err  # told before anything is read
    assert {path: path.read_bytes() for path in ours.rglob("*") if path.is_file()} == before
    assert megactor("weights", "convert", untouched, "-o", ours, "--force").code == 0

    diary.mkdir()
    (diary / "monday.txt").write_text("dear diary")
    assert "no model of ours" in error_line(megactor("weights", "convert", untouched, "-o", diary, "--force"))
    assert "does not exist" in error_line(megactor("weights", "convert", untouched, "-o", tmp_path / "a" / "b"))
    assert listing(tmp_path) >= {"diary/monday.txt"}
    assert {path.name for path in tmp_path.iterdir()} == {"ours", "diary"}


def test_a_failed_conversion_leaves_nothing(untouched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MegActorPipeline, "save_pretrained", full)
    assert "disk full" in error_line(megactor("weights", "convert", untouched, "-o", tmp_path / "ours"))
    assert not list(tmp_path.iterdir())


def test_full_width_is_held_against_the_release(release: Path) -> None:
    """A checkpoint as wide as the release is never taken for another architecture."""
    change_checkpoint(release, lambda state: state.update({"module.unet.conv_in.weight": torch.zeros(320, 13, 3, 3)}))
    (release / "StableDiffusion" / "unet" / "config.json").unlink()
    outcome = megactor("weights", "verify", release)
    assert outcome.code == 1
    assert "expected (320,)" in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("module.unet.conv_out.bias"), "unet: 1 tensors are missing, such as conv_out.bias"),
        (
            lambda state: state.update({"module.unet.conv_out.bias": torch.zeros(5)}),
            "unet: 1 shapes differ, such as conv_out.bias: (5,), expected (4,)",
        ),
        (
            lambda state: state.update({"module.unet.adapter.weight": torch.zeros(5)}),
            "unet: 1 tensors are left over, such as adapter.weight",
        ),
        (
            lambda state: state["module.appearance_encoder.conv_in.bias"].fill_(torch.nan),
            "reference_net: 1 tensors are not finite, such as conv_in.bias",
        ),
    ],
    ids=["missing", "shape", "left over", "nan"],
)
def test_every_tensor_is_accounted_for(release: Path, change: Callable, words: str) -> None:
    change_checkpoint(release, change)
    outcome = megactor("weights", "verify", release)
    assert outcome.code == 1
    assert words in outcome.out.splitlines()
    with pytest.raises(ModelError, match="cannot be filled"):
        MegActorPipeline.from_pretrained(release)


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("file", [CHECKPOINT, "StableDiffusion/image_encoder/pytorch_model.bin"])
def test_code_in_a_file_does_not_run(release: Path, file: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    torch.save({"state_dict": Malicious(mark)}, release / file)
    for command in (
        ("weights", "verify", release),
        ("weights", "convert", release, "-o", tmp_path / "ours"),
        ("animate", DEMO / "photo.jpg", DEMO / "talk.mp4", "-o", tmp_path / "out.mp4", "--model", release),
    ):
        assert "nothing was run" in error_line(megactor(*command))
    assert not mark.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"weights"}


def lfs_pointer(release: Path) -> None:
    (release / CHECKPOINT).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n")


def other_heads(release: Path) -> None:
    path = release / "StableDiffusion" / "unet" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"block_out_channels": [320, 640]}))


def second_checkpoint(release: Path) -> None:
    (release / CHECKPOINT).rename(release / "a.ckpt")
    shutil.copy(release / "a.ckpt", release / "b.ckpt")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda release: shutil.rmtree(release / "sd-vae-ft-mse"), "it has no sd-vae-ft-mse/config.json"),
        (lambda release: shutil.rmtree(release / "StableDiffusion"), "it has no StableDiffusion/image_encoder"),
        (lambda release: (release / CHECKPOINT).unlink(), "it has no checkpoint"),
        (lambda release: (release / CHECKPOINT).write_bytes(b"hello"), "not a readable checkpoint"),
        (lambda release: (release / "sd-vae-ft-mse" / "config.json").write_text("{"), "config.json"),
        (lfs_pointer, "git lfs pull"),
        (other_heads, "they do not match"),
        (second_checkpoint, "several checkpoints (a.ckpt, b.ckpt)"),
    ],
)
def test_damaged_folders(release: Path, change: Callable, words: str, tmp_path: Path) -> None:
    change(release)
    line = error_line(megactor("weights", "verify", release))
    assert words in line
    animate = ("animate", DEMO / "photo.jpg", DEMO / "talk.mp4", "-o", tmp_path / "out.mp4", "--model", release)
    assert words in error_line(megactor(*animate))


def test_the_checkpoint_may_be_safetensors(release: Path, parts: dict[str, nn.Module]) -> None:
    from safetensors.torch import save_file

    (release / CHECKPOINT).unlink()
    save_file({k: v.contiguous() for k, v in official_tensors(parts).items()}, release / "mine.safetensors")
    assert OfficialFolder.find(release).checkpoint.name == "mine.safetensors"
    pipe = MegActorPipeline.from_pretrained(release)
    torch.testing.assert_close(pipe.unet.conv_in.weight, parts["unet"].conv_in.weight)


def test_packaged_model_verifies() -> None:
    assert megactor("weights", "verify", "nano").code == 0
