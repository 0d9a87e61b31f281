"""`megactor bench gpu-memory`: pretended tensors take what real ones would, and the stages of a clip add up."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from command_line import error_line, megactor
from tiny_model import tiny_official_pipeline
from torch import Tensor, nn
from torch._guards import active_fake_mode

from megactor.bench.gpu_memory import BETWEEN, STAGES, GpuMemory, Stage, enough_steps, networks_of, trace, trace_sd15
from megactor.bench.official.live_tensors import LiveTensors
from megactor.bench.pretended_gpu import GPU, pretended, pretended_gpu
from megactor.compute.cores import Cores
from megactor.options import SPEEDS, AnimationOptions, SamplingPlan

FRAMES = 4


@functools.cache
def on_gpu(offload: bool = False) -> GpuMemory:
    """What the tiny networks take on a pretended GPU in one step."""
    with mock.patch("megactor.bench.gpu_memory.random_sd15", lambda place, dtype: tiny_official_pipeline()):
        return trace_sd15(AnimationOptions(steps=1), FRAMES, torch.float32, offload)


def test_pretended_tensors_take_what_real_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("megactor.animate.clip.Cores.of", lambda device: Cores(1))  # a counter sees one thread
    monkeypatch.setattr("megactor.animate.decoding.to_images", lambda images: [np.zeros(images.shape)] * len(images))
    options = AnimationOptions(speed="balanced", steps=2)
    real, fake = tiny_official_pipeline(), tiny_official_pipeline()

    with LiveTensors(block=512) as tensors:
        expected = trace(real, options, FRAMES, tensors)
    with pretended("cpu") as tensors:
        for network in networks_of(fake).values():
            network._apply(active_fake_mode().from_tensor)
        traced = trace(fake, options, FRAMES, tensors)

    assert {stage.name for stage in expected} >= {"denoiser, guided", "ReferenceNet", "frames: VAE"}
    assert beside_weights(traced) == pytest.approx(beside_weights(expected))


def beside_weights(stages: tuple[Stage, ...]) -> dict[str, float]:
    return {stage.name: stage.held + stage.working for stage in stages}


def test_stages_of_a_clip() -> None:
    need = on_gpu()

    ran = {stage.name: stage for stage in need.stages}
    assert {*STAGES, BETWEEN} - ran.keys() == {"denoiser, not guided"}
    for stage in need.stages:
        assert stage.weights == pytest.approx(sum(need.networks.values()))
        assert stage.held >= 0 and stage.working >= 0
    assert ran["frames: VAE"].working > 4 * 3 * 32 * 32 * 4 / 1e6  # at least the pictures themselves
    assert ran["ReferenceNet"].held > ran["portrait: CLIP"].held


def test_weights_are_those_of_the_networks() -> None:
    for name, network in networks_of(tiny_official_pipeline()).items():
        rounded = sum(-(-weight.nbytes // 512) * 512 for weight in (*network.parameters(), *network.buffers()))
        assert on_gpu().networks[name] * 1e6 == pytest.approx(rounded)


def test_offloaded_networks_are_not_counted() -> None:
    there, offloaded = on_gpu(), on_gpu(offload=True)

    assert offloaded.networks == there.networks
    assert offloaded.stages[0].weights == pytest.approx(there.networks["vae"])
    for away, stays in zip(offloaded.stages, there.stages, strict=True):
        assert away.name == stays.name
        assert away.weights < stays.weights
        if away.name != BETWEEN:
            assert (away.held, away.working) == pytest.approx((stays.held, stays.working))


def test_steps_that_are_enough() -> None:
    plan = SamplingPlan(steps=25, guidance=4.5)
    assert [enough_steps(speed.apply(plan)) for speed in SPEEDS.values()] == [2, 10, 4]


@pytest.mark.parametrize(("dtype", "channels"), [(torch.bfloat16, 40), (torch.bfloat16, 512), (torch.float32, 40)])
def test_attention_is_counted_without_its_matrix(dtype: torch.dtype, channels: int) -> None:
    with pretended_gpu() as tensors:
        query = torch.empty(2, 8, 4096, channels, dtype=dtype, device=GPU)
        given = tensors.alive
        attended = F.scaled_dot_product_attention(query, query, query)
        assert attended.shape == query.shape and attended.dtype == dtype
        statistics = 2 * 8 * 4096 * 4  # of each query, in float32
        assert given <= tensors.peak - given <= given + statistics + 2048


def test_what_the_networks_do_not_do_is_refused() -> None:
    with pretended_gpu():
        query = torch.empty(1, 1, 4, 8, device=GPU)
        with pytest.raises(NotImplementedError, match="mask"):
            F.scaled_dot_product_attention(query, query, query, is_causal=True)
        with pytest.raises(NotImplementedError, match="index"):
            query[[0]]


def test_convolutions_copy_into_the_layout_of_their_weights() -> None:
    layer = nn.Conv2d(8, 8, 3, padding=1).to(memory_format=torch.channels_last)
    sizes = {}
    with torch.no_grad(), pretended_gpu() as tensors:
        layer.to_empty(device=GPU)
        for layout in (torch.channels_last, torch.contiguous_format):
            pictures = torch.empty(2, 8, 32, 32, device=GPU).contiguous(memory_format=layout)
            tensors.restart()
            before = tensors.alive
            made = layer(pictures)
            assert made.is_contiguous(memory_format=torch.channels_last)
            sizes[layout] = tensors.peak - before
            del made, pictures
    assert sizes == {torch.channels_last: 65536, torch.contiguous_format: 2 * 65536}


def test_the_host_is_real() -> None:
    with pretended_gpu() as tensors:
        numbers = torch.arange(6.0).reshape(2, 3)
        assert numbers.tolist() == [[0, 1, 2], [3, 4, 5]]
        there = numbers.to(GPU)
        assert there.device == GPU and tensors.alive == 512
        assert (there.isfinite().all()).item() is True
        back = (there * 2).t().cpu()
        assert back.tolist() == [[0, 0]] * 3 and back.stride() == (1, 3)
        back += 1
        assert back.sum() == 6
        del there
        assert tensors.alive == 0


@pytest.mark.parametrize(
    "cut", [lambda x: x[1], lambda x: x[None], lambda x: x[:, 1:3], lambda x: x[:, :, 0], lambda x: x[0, None, ::2]]
)
def test_pretended_tensors_are_indexed_like_real_ones(cut: Callable[[Tensor], Tensor]) -> None:
    expected = cut(torch.empty(2, 5, 4))
    with pretended_gpu():
        found = cut(torch.empty(2, 5, 4, device=GPU))
        assert (found.shape, found.stride()) == (expected.shape, expected.stride())


def test_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stages = (Stage("ReferenceNet", 5000, 20.5, 80), Stage("frames: VAE", 5000, 30, 1900))
    asked: list[tuple[Any, ...]] = []

    def trace(*arguments: Any) -> GpuMemory:
        asked.append(arguments)
        return GpuMemory({"unet": 2500}, stages, 4)

    monkeypatch.setattr("megactor.bench.gpu_memory.trace_sd15", trace)
    words = ["--speed", "realtime", "--frames", 2, "--offload", "--window-batch", 2, "--json", tmp_path / "need.json"]
    outcome = megactor("bench", "gpu-memory", *words)

    assert outcome.code == 0, outcome.err
    assert asked == [(AnimationOptions(speed="realtime", window_batch=2), 2, torch.bfloat16, True)]
    assert "speed realtime, dtype bfloat16, offload True, frames 2, steps 4" in outcome.out
    assert outcome.out.endswith("6.93 GB at most, in: frames: VAE\n")
    (run,) = json.loads((tmp_path / "need.json").read_text())
    assert run["networks"] == {"unet": 2500} and run["peak"] == 6930
    assert [stage["working"] for stage in run["stages"]] == [80, 1900]


def test_unknown_presets_are_refused_before_any_work() -> None:
    assert "unknown speed" in error_line(megactor("bench", "gpu-memory", "--speed", "exact", "--speed", "fast"))
