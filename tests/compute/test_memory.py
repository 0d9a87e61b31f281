"""Running out of memory on the device: the same call again with less in it; and model offload."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.hooks import CpuOffload
from command_line import error_line, megactor
from media_samples import Clip, write_clip
from tiny_model import CenteredFaceAnalyzer, tiny_official_pipeline, tiny_pipeline
from torch import nn

from megactor.compute.memory import Fallback, MemoryGuard
from megactor.pipeline import MegActorPipeline

PORTRAIT = np.random.default_rng(0).integers(0, 255, (96, 80, 3), np.uint8)
NETWORKS = ("image_encoder", "reference_net", "pose_guider", "unet", "vae")


@pytest.fixture
def driving(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "driving.mp4", Clip(frames=5))


def official() -> MegActorPipeline:
    pipe = tiny_official_pipeline()
    pipe._analyzer = CenteredFaceAnalyzer()
    return pipe


class TooFull:
    """A call that needs so many fallbacks before it fits."""

    def __init__(self, fallbacks: int, error: type[RuntimeError] = torch.OutOfMemoryError) -> None:
        self.left = fallbacks
        self.error = error

    def take(self) -> None:
        self.left -= 1

    def __call__(self) -> str:
        if self.left > 0:
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return "done"


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
def test_fallbacks_are_taken_in_order_and_told(error: type[RuntimeError]) -> None:
    full, said = TooFull(2, error), []
    guard = MemoryGuard([Fallback("first", full.take), Fallback("second", full.take)], said.append)
    assert guard(full) == "done"
    assert said == ["out of memory on the device: first", "out of memory on the device: second"]
    assert guard(lambda: 3) == 3
    with pytest.raises(error, match="out of memory"):
        guard(TooFull(1, error))


def test_a_calls_own_fallback_comes_first() -> None:
    full, said = TooFull(2), []
    guard = MemoryGuard([Fallback("for all", full.take)], said.append)
    assert guard(full, Fallback("for this call", full.take)) == "done"
    assert said == ["out of memory on the device: for this call", "out of memory on the device: for all"]
    with pytest.raises(torch.OutOfMemoryError):
        guard(TooFull(1))


def test_other_errors_are_not_ours() -> None:
    said: list[str] = []
    guard = MemoryGuard([Fallback("first", lambda: None)], said.append)
    with pytest.raises(RuntimeError, match="shapes"):
        guard(lambda: (_ for _ in ()).throw(RuntimeError("shapes do not fit")))
    assert said == []


def test_errors_without_words_are_not_ours() -> None:
    def fails() -> None:
        raise RuntimeError(7)

    with pytest.raises(RuntimeError) as caught:
        MemoryGuard([Fallback("first", lambda: None)], print)(fails)
    assert caught.value.args == (7,)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_full_device_is_survived_anywhere(network: str, driving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever network does not fit, offload is switched on once and the video is the same."""
    expected = np.stack(list(official()(PORTRAIT, driving, steps=2, window_batch=1)))

    pipe, switched = official(), []
    monkeypatch.setattr(MegActorPipeline, "_execution_device", property(lambda self: torch.device("meta")))
    fallbacks = pipe._memory_fallbacks()
    monkeypatch.undo()
    assert len(fallbacks) == 1  # what a GPU would have
    full = TooFull(1)
    fallback = Fallback(fallbacks[0].message, lambda: (switched.append(1), full.take()))
    monkeypatch.setattr(pipe, "_memory_fallbacks", lambda: [fallback])
    first = next(part for part in getattr(pipe, network).modules() if not list(part.children()))
    first.register_forward_pre_hook(lambda *_: full() and None)

    result = pipe(PORTRAIT, driving, steps=2, window_batch=1)
    np.testing.assert_array_equal(np.stack(list(result)), expected)
    assert switched == [1]
    assert [line for line in result.warnings if "out of memory" in line] == [
        "out of memory on the device: networks wait in main memory from here on, which is slower (as with --offload)"
    ]


def test_too_little_memory_in_the_end(driving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = official()
    monkeypatch.setattr(pipe.unet.conv_in, "forward", TooFull(1))
    monkeypatch.setattr(pipe.unet, "forward", lambda *_: TooFull(1)())
    monkeypatch.setattr(pipe.unet, "guided", lambda *_: TooFull(1)())
    with pytest.raises(torch.OutOfMemoryError):
        list(pipe(PORTRAIT, driving, steps=2))


@pytest.fixture
def arrivals(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """Ids of the networks that offload has on the device; the device here is the CPU itself."""
    there: set[int] = set()
    leave, arrive = CpuOffload.init_hook, CpuOffload.pre_forward

    def init_hook(self: CpuOffload, module: nn.Module) -> nn.Module:
        there.discard(id(module))
        return leave(self, module)

    def pre_forward(self: CpuOffload, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        there.add(id(module))
        return arrive(self, module, *args, **kwargs)

    monkeypatch.setattr(CpuOffload, "init_hook", init_hook)
    monkeypatch.setattr(CpuOffload, "pre_forward", pre_forward)
    yield there


@pytest.mark.parametrize("make", [official, tiny_pipeline])
def test_offloaded_networks_are_on_the_device_when_they_run(make: Any, driving: Path, arrivals: set[int]) -> None:
    expected = np.stack(list(make()(PORTRAIT, driving, steps=2, guidance=2.0)))
    pipe, ran = make(), set()
    pipe.enable_model_cpu_offload(device="cpu")
    assert not arrivals

    def watch(name: str, network: nn.Module) -> None:
        def check(*_: object) -> None:
            assert id(network) in arrivals, f"{name} ran while it was offloaded"
            ran.add(name)

        for part in network.modules():
            if not list(part.children()):
                part.register_forward_pre_hook(check)

    parts = {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}
    networks = {name: part for name, part in parts.items() if list(part.parameters())}  # others have no device
    for name, network in networks.items():
        watch(name, network)
    np.testing.assert_array_equal(np.stack(list(pipe(PORTRAIT, driving, steps=2, guidance=2.0))), expected)
    assert ran == networks.keys()
    assert not arrivals  # the device is left empty


def test_the_portraits_networks_are_not_on_the_device_together(driving: Path, arrivals: set[int]) -> None:
    pipe, together = official(), []
    pipe.enable_model_cpu_offload(device="cpu")
    pipe.vae.encoder.register_forward_pre_hook(lambda *_: together.append(id(pipe.image_encoder) in arrivals))
    list(pipe(PORTRAIT, driving, steps=1, guidance=1.0))
    assert together and not together[0]


def test_offload_needs_a_gpu(tmp_path: Path) -> None:
    from importlib import resources

    demo = Path(str(resources.files("megactor") / "assets" / "demo"))
    words = (
        "animate",
        demo / "photo.jpg",
        demo / "talk.mp4",
        "-o",
        tmp_path / "out.mp4",
        "--device",
        "cpu",
        "--offload",
    )
    assert "leave it out on the CPU" in error_line(megactor(*words))
