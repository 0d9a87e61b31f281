"""`megactor bench gpu-memory`: what is counted without memory is what real tensors take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from command_line import megactor
from tiny_model import tiny_official_pipeline

from megactor.bench.gpu_memory import GpuMemory, count
from megactor.models.motion_module import MotionModule
from megactor.pipeline import MegActorPipeline


def trained() -> MegActorPipeline:
    """With motion modules that do something: on a CPU those that do nothing are left out."""
    pipe = tiny_official_pipeline()
    for module in pipe.unet.modules():
        if isinstance(module, MotionModule):
            torch.nn.init.normal_(module.proj_out.weight, std=0.02)
    return pipe


def on_meta() -> MegActorPipeline:
    pipe = trained()
    pipe.to("meta")
    return pipe


@pytest.fixture(scope="module")
def counted() -> GpuMemory:
    return count(on_meta())


def test_tensors_without_memory_are_counted_as_real_ones(counted: GpuMemory) -> None:
    real = count(trained())
    assert counted.networks == real.networks
    assert counted.stages == pytest.approx(real.stages, rel=0.02)


def test_every_stage_takes_what_it_makes(counted: GpuMemory) -> None:
    assert counted.stages["frames: VAE"] > 4 * 3 * 32 * 32 * 4 / 1e6, "the pictures themselves"
    assert counted.stages["driving frames: PoseGuider"] > 4 * 3 * 32 * 32 * 4 / 1e6
    assert counted.stages["denoiser, guided"] > 2 * counted.stages["ReferenceNet"]
    assert counted.peak == pytest.approx(sum(counted.networks.values()) + max(counted.stages.values()))


def test_half_precision_takes_half(counted: GpuMemory) -> None:
    pipe = on_meta()
    pipe.to(torch.bfloat16)
    half = count(pipe)
    assert sum(half.networks.values()) == pytest.approx(sum(counted.networks.values()) / 2, rel=0.02)
    assert half.stages["frames: VAE"] == pytest.approx(counted.stages["frames: VAE"] / 2, rel=0.1)


def test_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, counted: GpuMemory) -> None:
    places: list[tuple[torch.device, torch.dtype]] = []

    def build(place: torch.device, dtype: torch.dtype) -> MegActorPipeline:
        places.append((place, dtype))
        return on_meta()

    monkeypatch.setattr("megactor.bench.gpu_memory.random_sd15", build)
    outcome = megactor("bench", "gpu-memory", "--dtype", "float16", "--json", tmp_path / "need.json")

    assert outcome.code == 0, outcome.err
    assert places == [(torch.device("meta"), torch.float16)]
    written = json.loads((tmp_path / "need.json").read_text())
    assert written["stages"] == counted.stages and written["peak"] == counted.peak
    for name in (*counted.networks, *counted.stages):
        assert name in outcome.out
    assert outcome.out.endswith(f"{counted.peak / 1000:.2f} GB at most\n")
