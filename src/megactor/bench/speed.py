"""Time of an animation, stage by stage, and of the whole."""

import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TypeVar

import torch

from megactor.animate.clip import ClipAnimator, PipelineComponents
from megactor.bench.memory import loop_demo_clip
from megactor.compute.devices import choose_device, choose_dtype
from megactor.drive.recording import DrivingClip
from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.media.writer import VideoWriter
from megactor.models.presets import sd15_config
from megactor.options import AnimationOptions
from megactor.pipeline import MegActorPipeline
from megactor.result import no_progress

Result = TypeVar("Result")


@dataclass(frozen=True)
class SpeedRun:
    """One animation of the packaged portrait.

    stages: name -> seconds, each stage over the whole clip before the next one starts: "decode" (video file to
        frames), "faces", "conditions" (crop, mask, PoseGuider, motion), "denoise", "VAE" (latents to pictures) and
        "encode" (video file).
    whole: seconds of `pipe(...).save(...)`, where decoding, conditions and encoding run beside the denoiser.
    core_seconds: of all cores of this process in that time, so that other programs do not count.
    peak_gpu_mb: most memory held on a CUDA device, in MB (10^6 bytes); 0 elsewhere.
    """

    stages: dict[str, float]
    whole: float
    core_seconds: float
    peak_gpu_mb: float


def bench_pipeline(model: str, device: str, dtype: str, threads: int | None = None) -> MegActorPipeline:
    """The model to measure: a saved one, or for "sd15" its architecture with random weights.

    Args:
        model: "sd15", another preset or a folder.
        device: as in `MegActorPipeline.from_preset`.
        dtype: as there.
        threads: CPU threads, None for torch's own choice.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    if model != "sd15":
        return MegActorPipeline.from_preset(model, device=device, dtype=dtype)
    place = choose_device(device)
    return random_sd15(place, choose_dtype(dtype, place))


def random_sd15(place: torch.device, dtype: torch.dtype) -> MegActorPipeline:
    """The architecture of sd15 with random weights, laid out as `from_pretrained` does.

    Args:
        place: any device, "meta" for no weights at all.
        dtype: of all networks.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)  # no second copy in float32
    try:
        with place:
            components = sd15_config().components()
        for part in components.values():
            if isinstance(part, torch.nn.Module):
                part.eval()
        pipe = MegActorPipeline(**components)
        for network in (pipe.unet, pipe.reference_net, pipe.vae):
            network.to(memory_format=torch.channels_last)
        return pipe
    finally:
        torch.set_default_dtype(before)


def measure(pipe: MegActorPipeline, frames: int, options: AnimationOptions, repeats: int = 3) -> Iterator[SpeedRun]:
    """Animates the packaged portrait with the packaged clip, played over and over.

    Args:
        pipe: the model.
        frames: driving frames.
        options: size, steps and speed.
        repeats: runs that count, after one over a single window that does not.
    """
    with tempfile.TemporaryDirectory() as folder, _demo_portrait() as portrait:
        driving = Path(folder) / "driving.mp4"
        loop_demo_clip(driving, frames)
        _stages(pipe, portrait, driving, Path(folder), replace(options, end=2 * pipe.config.window / 25))
        for _ in range(repeats):
            if torch.cuda.is_available():
                torch.cuda.reset_peak_memory_stats()
            stages = _stages(pipe, portrait, driving, Path(folder), options)
            start, cores = time.monotonic(), time.process_time()
            pipe(str(portrait), str(driving), **vars(options)).save(Path(folder) / "whole.mp4", force=True)
            whole, cores = time.monotonic() - start, time.process_time() - cores
            peak = torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else 0.0
            yield SpeedRun(stages, whole, cores, peak)


def describe_machine(pipe: MegActorPipeline) -> dict[str, str]:
    """What a figure has to stand beside."""
    device = pipe.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} cores"
    return {
        "device": f"{device.type} ({name})",
        "dtype": str(pipe.unet.dtype).removeprefix("torch."),
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _stages(
    pipe: MegActorPipeline, portrait: Path, driving: Path, folder: Path, options: AnimationOptions
) -> dict[str, float]:
    """The pipeline's own steps, one after the other; what lies between them in memory is no part of the times."""
    seconds: dict[str, float] = {}

    def timed(name: str, run: Callable[[], Result]) -> Result:
        start = time.monotonic()
        result = run()
        if pipe.device.type == "cuda":
            torch.cuda.synchronize()
        seconds[name] = time.monotonic() - start
        return result

    options = pipe.completed(options)
    size = options.size or pipe.config.output_size
    face = pipe.read_portrait(load_image(portrait), options.face, size)
    reader = VideoReader(driving, options.start, options.end, options.fps)
    timed("decode", lambda: sum(1 for _ in reader))
    # the tracker has the file read beside it; the way to the conditions reads it too, which is counted under "decode"
    sides = pipe.driving_size, None
    clip = timed(
        "faces", lambda: DrivingClip(reader, pipe.analyzer, face, options, *sides, no_progress, pipe.knows_body)
    )
    networks, plan = PipelineComponents(**pipe.components), options.plan(pipe.own_plan)
    animator = ClipAnimator(networks, face, plan, options.seed, pipe.device, options.window_batch)
    conditions = timed("conditions", lambda: list(animator.encode(frame.crop for frame in clip.frames())))
    seconds["conditions"] = max(seconds["conditions"] - seconds["decode"], 0.0)
    latents = timed("denoise", lambda: list(animator.denoise(conditions, len(conditions))))
    pictures = timed("VAE", lambda: list(animator.decode(latents)))

    def encode() -> None:
        height, width = pictures[0].shape[:2]
        with VideoWriter(folder / "stages.mp4", reader.fps, (width, height), force=True) as writer:
            for picture in pictures:
                writer.write(picture)

    timed("encode", encode)
    seconds["decode"] *= 2  # once for the faces, once for the conditions
    return seconds


def _demo_portrait() -> AbstractContextManager[Path]:
    return resources.as_file(resources.files("megactor") / "assets" / "demo" / "photo.jpg")
