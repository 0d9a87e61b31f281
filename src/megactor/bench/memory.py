"""Peak memory against the length of the driving video: it must not grow."""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from megactor.errors import MegActorError
from megactor.media.reader import VideoReader
from megactor.media.writer import VideoWriter

STAND_IN_SIZE = 128
"""Side of the results where stand-ins make them, in pixels."""


@dataclass(frozen=True)
class MemoryRun:
    """One animation in a process of its own.

    frames: length of the driving video.
    peak_mb: largest resident set of the process in MB (10^6 bytes).
    seconds: wall time, including the start of Python.
    """

    frames: int
    peak_mb: float
    seconds: float


def measure(
    lengths: Sequence[int], model: str = "nano", steps: int | None = None, stand_ins: bool = False
) -> Iterator[MemoryRun]:
    """Animates the packaged portrait with the packaged clip, played over and over, once for each length.

    Args:
        lengths: numbers of driving frames.
        model: preset or folder.
        steps: denoising steps; None for the preset's.
        stand_ins: see `stand_ins`: an hour of video takes minutes, and shows what is kept of every frame.

    Raises:
        MegActorError: a run failed.
    """
    for frames in lengths:
        with tempfile.TemporaryDirectory() as folder:
            driving = Path(folder) / "driving.mp4"
            loop_demo_clip(driving, frames)
            yield _run(frames, driving, Path(folder) / "result.mp4", model, steps, stand_ins)


def animate_and_report(driving: str, output: str, model: str, steps: int | None, stand_ins: bool) -> None:
    """What the measured process does: one animation, then its peak memory and time as JSON on stdout."""
    import resource
    import time

    start = time.monotonic()
    from megactor.bench.stand_ins import StandInPipeline
    from megactor.pipeline import MegActorPipeline

    pipeline, size = (StandInPipeline, STAND_IN_SIZE) if stand_ins else (MegActorPipeline, None)
    with resources.as_file(_demo("photo.jpg")) as portrait:
        result = pipeline.from_preset(model, device="cpu")(str(portrait), driving, steps=steps, size=size)
        result.save(output, audio=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # kilobytes on Linux, bytes on macOS
    peak_bytes = peak if sys.platform == "darwin" else peak * 1024
    run = MemoryRun(result.frame_count, peak_bytes / 1e6, time.monotonic() - start)
    print(json.dumps(asdict(run)))


def _run(frames: int, driving: Path, output: Path, model: str, steps: int | None, stand_ins: bool) -> MemoryRun:
    code = (
        "import json, sys; from megactor.bench.memory import animate_and_report; "
        "animate_and_report(*json.loads(sys.argv[1]))"
    )
    arguments = json.dumps([str(driving), str(output), model, steps, stand_ins])
    finished = subprocess.run(
        [sys.executable, "-c", code, arguments], capture_output=True, text=True, env=os.environ, check=False
    )
    if finished.returncode != 0:
        reason = (finished.stderr.strip().splitlines() or ["no message"])[-1]
        raise MegActorError(f"the run over {frames} frames failed: {reason}")
    return MemoryRun(**json.loads(finished.stdout.splitlines()[-1]))


def loop_demo_clip(path: Path, frames: int) -> None:
    """Writes the packaged clip, played over and over, as a driving video of so many frames."""
    with resources.as_file(_demo("talk.mp4")) as clip:
        reader = VideoReader(clip)
        looped = itertools.chain.from_iterable(iter(reader) for _ in itertools.count())
        with VideoWriter(path, reader.fps, (reader.width, reader.height), preset="ultrafast") as writer:
            for frame in itertools.islice(looped, frames):
                writer.write(frame)


def _demo(name: str) -> Traversable:
    return resources.files("megactor") / "assets" / "demo" / name
