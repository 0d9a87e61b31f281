"""What both sides are given, and how both are measured.

Our process imports this file, and so does `driver.py` in the Python of the official code: it needs Python 3.9, numpy
and torch, and nothing of ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

TOKENS = 257
"""Background tokens: CLIP ViT-L/14 at 224x224."""

PORTRAIT_SIZE = 512
"""Side of the portrait that the PoseGuider reads, whatever the size of the video."""

LATENT_FACTOR = 8

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Width:
    """Numbers of the networks; all else is as in the release.

    channels: of the UNets' levels.
    heads: of every spatial attention.
    groups: of the UNets' norms; motion modules always have 32.
    tokens: width of a background token.
    vae: channels of the VAE's levels.
    vae_groups: of its norms.
    vae_layers: of each of its levels.
    """

    channels: tuple[int, int, int, int]
    heads: int
    groups: int
    tokens: int
    vae: tuple[int, int, int, int]
    vae_groups: int
    vae_layers: int


WIDTHS = {
    "tiny": Width((32, 64, 64, 64), 4, 8, 32, (8, 16, 16, 16), 4, 1),
    "fifth": Width((64, 128, 256, 256), 8, 32, 160, (32, 64, 128, 128), 32, 2),
    "half": Width((160, 320, 640, 640), 8, 32, 384, (64, 128, 256, 256), 32, 2),
    "full": Width((320, 640, 1280, 1280), 8, 32, 768, (128, 256, 512, 512), 32, 2),
}
"""The release is `full`; the others are for machines that cannot run it. Motion modules need multiples of 32."""


@dataclass(frozen=True)
class OfficialSettings:
    """How the clip is denoised: the official code's own settings, read from its checkout.

    steps: denoising steps.
    guidance: guidance scale.
    window: frames that the denoiser sees at once.
    overlap: frames that neighboring windows share.
    """

    steps: int
    guidance: float
    window: int
    overlap: int


@dataclass(frozen=True)
class Workload:
    """One comparison.

    width: key of `WIDTHS`.
    frames: driving frames.
    size: side of the pictures in pixels, a multiple of 64: the UNets halve its latents three times.
    steps: denoising steps, or None for the official code's own.
    device: "cpu" or "cuda".
    dtype: key of `DTYPES`.
    threads: of PyTorch on the CPU, or None for its own choice.
    repeats: runs that are counted, after one over a single window and step that is not.
    compile_blocks: whether our blocks are compiled first.
    seed: of all weights, pictures and noise.
    """

    width: str
    frames: int
    size: int
    steps: int | None
    device: str
    dtype: str
    threads: int | None
    repeats: int
    compile_blocks: bool = False
    seed: int = 0

    @classmethod
    def read(cls, path: str) -> Workload:
        """The workload in a JSON file, and PyTorch's threads set as it says."""
        workload = cls(**json.loads(Path(path).read_text(encoding="utf-8")))
        if workload.threads is not None:
            torch.set_num_threads(workload.threads)
        return workload

    def write(self, path: Path) -> None:
        """The reverse of `read`."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @property
    def numbers(self) -> Width:
        """Of the networks."""
        return WIDTHS[self.width]

    def to(self, tensor: Tensor) -> Tensor:
        """The tensor on the device and in the type of the workload."""
        return tensor.to(self.device, DTYPES[self.dtype])

    def warm_up(self, settings: OfficialSettings) -> tuple[Workload, OfficialSettings]:
        """One step over one window."""
        return replace(self, frames=min(self.frames, settings.window)), replace(settings, steps=1)


@dataclass(frozen=True)
class Inputs:
    """Pictures and noise on the CPU, the same in both processes.

    portrait: uint8 (S, S, 3).
    driving: uint8 (F, S, S, 3).
    background: float32 (S, S), 1 on the background.
    tokens: (1, tokens, D).
    sampling: (1, 4, S/8, S/8), standard normal: samples the portrait's latents for the denoiser's input.
    noise: (1, 4, F, S/8, S/8), standard normal.
    """

    portrait: np.ndarray
    driving: np.ndarray
    background: np.ndarray
    tokens: Tensor
    sampling: Tensor
    noise: Tensor

    @classmethod
    def of(cls, workload: Workload) -> Inputs:
        """Random ones. Sampling and noise are each what a generator with the workload's seed draws first."""
        size, side = workload.size, workload.size // LATENT_FACTOR
        pictures = np.random.RandomState(workload.seed)
        background = np.ones((size, size), np.float32)
        background[size // 4 :, size // 4 : -size // 4] = 0
        return cls(
            portrait=pictures.randint(0, 256, (size, size, 3)).astype(np.uint8),
            driving=pictures.randint(0, 256, (workload.frames, size, size, 3)).astype(np.uint8),
            background=background,
            tokens=torch.randn((1, TOKENS, workload.numbers.tokens), generator=_generator("tokens", workload.seed)),
            sampling=torch.randn((1, 4, side, side), generator=torch.Generator("cpu").manual_seed(workload.seed)),
            noise=torch.randn(
                (1, 4, workload.frames, side, side), generator=torch.Generator("cpu").manual_seed(workload.seed)
            ),
        )


@torch.no_grad()
def fill(parameters: Iterable[tuple[str, Tensor]], seed: int) -> None:
    """Random weights that depend on their names alone and keep features at order one; none of them is zero.

    Args:
        parameters: official name and tensor, which is overwritten.
        seed: of all of them.
    """
    for name, parameter in parameters:
        values = torch.empty(parameter.shape).uniform_(-1, 1, generator=_generator(name, seed))
        if parameter.ndim > 1:
            values *= (3 / parameter[0].numel()) ** 0.5
        else:
            values *= 0.1
            if name.endswith(".weight"):  # of a norm
                values += 1
        parameter.copy_(values)


def _generator(name: str, seed: int) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(zlib.crc32(name.encode()) + seed)


class Meter:
    """Seconds, core seconds and memory of one run.

    Args:
        device: "cpu" or "cuda".
    """

    def __init__(self, device: str) -> None:
        self._cuda = device == "cuda"
        self._synchronize()
        self._reset_peak()
        self._cores, self._start = time.process_time(), time.perf_counter()
        self._denoised: tuple[float, float] | None = None

    def denoised(self) -> None:
        """Called before every frame is decoded: the first call ends the time of denoising."""
        if self._denoised is None:
            self._synchronize()
            self._denoised = time.perf_counter(), time.process_time()

    def stop(self) -> dict[str, float]:
        """Figures of the run: the fields of `compare.Run`."""
        self._synchronize()
        end, cores = time.perf_counter(), time.process_time()
        denoised, cores_then = (end, cores) if self._denoised is None else self._denoised
        return {
            "seconds": end - self._start,
            "denoise": denoised - self._start,
            "decode": end - denoised,
            "core_seconds": cores - self._cores,
            "denoise_core_seconds": cores_then - self._cores,
            "peak_mb": self._peak() / 1e6,
        }

    @staticmethod
    def held(device: str) -> float:
        """MB (10^6 bytes) that are held now: allocated on a GPU, else resident, with all libraries."""
        return (torch.cuda.memory_allocated() if device == "cuda" else _status("VmRSS")) / 1e6

    def _synchronize(self) -> None:
        if self._cuda:
            torch.cuda.synchronize()

    def _reset_peak(self) -> None:
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # Linux: VmHWM starts again at what is resident now

    def _peak(self) -> int:
        return torch.cuda.max_memory_allocated() if self._cuda else _status("VmHWM")


def _status(name: str) -> int:
    """Resident bytes of this process: "VmRSS" now, "VmHWM" at most. Without /proc both are the most of its life."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def measure(
    workload: Workload,
    settings: OfficialSettings,
    vae: Any,
    run: Callable[[Workload, OfficialSettings, Inputs], None],
    tensors: Any,
) -> dict[str, Any]:
    """Runs one side: once to warm up, then as often as the workload says.

    Args:
        workload: the comparison.
        settings: how to denoise.
        vae: the side's VAE; whatever it decodes are final latents, one frame after the other.
        run: animates the inputs.
        tensors: a `LiveTensors`, which watches the warm-up on a CPU (a GPU's allocator counts by itself).

    Returns:
        "runs", figures of each; "latents", float32 (F, 4, h, w) of the last; "loaded_mb" before all runs, and
        "tensors_mb", the most during one window and step beside the weights, or None.
    """
    loaded = Meter.held(workload.device)
    watched = workload.device == "cpu" and not workload.compile_blocks
    decode = vae.decode
    latents: list[Tensor] = []
    meters: list[Meter] = []

    def recorded(frame: Tensor, *arguments: Any, **options: Any) -> Any:
        meters[-1].denoised()
        latents.append(frame.detach())
        return decode(frame, *arguments, **options)

    vae.decode = recorded
    runs = []
    try:
        for number in range(1 + workload.repeats):
            asked = workload.warm_up(settings) if number == 0 else (workload, settings)
            inputs = Inputs.of(asked[0])
            latents.clear()
            meters.append(Meter(workload.device))
            with tensors if watched and number == 0 else contextlib.nullcontext():
                run(*asked, inputs)
            runs.append(meters[-1].stop())
    finally:
        vae.decode = decode
    return {
        "runs": runs[1:],
        "latents": torch.cat(latents).float().cpu().numpy(),
        "loaded_mb": loaded,
        "tensors_mb": tensors.peak / 1e6 if watched else None,
    }


def write_result(
    folder: Path, workload: Workload, settings: OfficialSettings, measured: dict[str, Any], **facts: Any
) -> None:
    """What a side hands back: `latents.npy`, and in `result.json` the rest."""
    np.save(folder / "latents.npy", measured.pop("latents"))
    name = torch.cuda.get_device_name() if workload.device == "cuda" else f"{os.cpu_count()} cores"
    result = {
        **measured,
        "settings": asdict(settings),
        "software": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "device": name,
        },
        **facts,
    }
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
