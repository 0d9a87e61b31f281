"""How fast one training step computes, against what the machine's matrix units can do.

Data plays no part here: the batch is noise in the shape of the recipe's samples. What a run waits for its data stands
in the line that `megactor train` prints.
"""

import contextlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from megactor.train.build import build_networks, build_task
from megactor.train.clips import TrainingClip
from megactor.train.config import TrainConfig
from megactor.train.samples import Batch, collate, cut_sample

MATRIX_SIDE = {"cuda": 8192, "cpu": 2048}
_MATRIX_SECONDS = 2.0


@dataclass(frozen=True)
class TrainingSpeed:
    """One backward pass of a recipe, forward and backward and the optimizer's step.

    device: name of the device.
    precision: of the autocast.
    samples, frames: of one pass, and of one sample.
    seconds: median of the measured steps.
    tflop: multiplications and additions of one step, 10^12, counted by PyTorch; recomputed activations included.
    matrix_tflops: 10^12 operations a second of one large matrix product in the same precision.
    peak_gb: largest memory of tensors on a GPU, 10^9 bytes; None on a CPU.
    """

    device: str
    precision: str
    samples: int
    frames: int
    seconds: float
    tflop: float
    matrix_tflops: float
    peak_gb: float | None

    @property
    def tflops(self) -> float:
        """10^12 operations a second of the step."""
        return self.tflop / self.seconds

    @property
    def share(self) -> float:
        """Of the matrix product's speed."""
        return self.tflops / self.matrix_tflops


def measure(config: TrainConfig, device: torch.device, steps: int) -> TrainingSpeed:
    """Times `steps` training steps of a recipe after two that warm up.

    Args:
        config: the recipe; a batch is split as `optimizer.accumulation` says, and one part of it is measured.
        device: where.
        steps: at least 1.

    Raises:
        ModelError, InputError: as `build_networks` and `build_task`.
    """
    networks = build_networks(config)
    task = build_task(config, networks)
    if config.gradient_checkpointing:
        for name in ("unet", "reference_net"):
            networks.components[name].enable_gradient_checkpointing()
    task.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    learning = [weight for weight in task.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=config.optimizer.learning_rate)
    samples = config.optimizer.batch // config.optimizer.accumulation
    batch = {name: tensor.to(device) for name, tensor in noise_batch(config, samples).items()}
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[config.precision]

    def step() -> None:
        autocast = torch.autocast(device.type, dtype) if config.precision != "fp32" else contextlib.nullcontext()
        with autocast:
            loss = task(batch, 0)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    counter = FlopCounterMode(display=False)
    with counter:
        step()
    step()
    times = [_seconds(step, device) for _ in range(steps)]
    return TrainingSpeed(
        device=torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"CPU, {torch.get_num_threads()} threads",
        precision=config.precision,
        samples=samples,
        frames=config.data.frames,
        seconds=statistics.median(times),
        tflop=counter.get_total_flops() / 1e12,
        matrix_tflops=matrix_speed(device, dtype, MATRIX_SIDE[device.type]),
        peak_gb=torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None,
    )


def matrix_speed(device: torch.device, dtype: torch.dtype, side: int) -> float:
    """10^12 operations a second of a product of two square matrices, the best of some seconds."""
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    _seconds(lambda: a @ b, device)
    best, began = float("inf"), time.monotonic()
    while time.monotonic() - began < _MATRIX_SECONDS:
        best = min(best, _seconds(lambda: a @ b, device))
    return 2 * side**3 / best / 1e12


def noise_batch(config: TrainConfig, samples: int) -> Batch:
    """Samples of a clip of noise, in the shapes that the recipe's real ones have."""
    rng = np.random.default_rng(0)
    size, frames = config.data.size, config.data.frames * (config.data.stride or 1)
    points = rng.uniform(0.3, 0.7, (frames, 70, 2)).astype(np.float32) * size
    pictures = rng.integers(0, 256, (frames, size, size, 3), dtype=np.uint8)
    clip = TrainingClip(
        target=pictures,
        twins={"swapped": pictures[::-1]},
        landmarks={"target": points, "swapped": points[::-1]},
        foreground=rng.random((frames, size, size)) < 0.5,
        motion=None,
    )
    batch = collate([cut_sample(clip, config.data, rng) for _ in range(samples)])
    return batch | {"number": torch.arange(samples), "skipped": torch.zeros(samples, dtype=torch.int64)}


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    wait()
    began = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - began
