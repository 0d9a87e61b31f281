"""What animates on a Space: a runner for `megactor.jobs` whose work happens in a function that ZeroGPU gives a GPU.

On ZeroGPU a process has no GPU of its own. Networks are moved to one that is pretended; a function under `spaces.GPU`
runs in a fork that gets a real one for as long as it takes, and that fork may be an older one: all that a job is
travels as arguments, all that it makes comes back as events. On any other machine `spaces.GPU` does nothing, and this
is an ordinary runner.
"""

import spaces  # isort: skip  # before torch: it decides what torch takes for a GPU

import os
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from megactor import errors
from megactor.jobs.animation import AnimationRunner
from megactor.pipeline import MegActorPipeline
from megactor.result import AnimationResult, Progress, no_progress

GPU_SECONDS = int(os.environ.get("MEGACTOR_GPU_SECONDS", "60"))
"""That a job asks for; a visitor's quota pays for them only while the job runs."""

Event = tuple[str, Any]
"""("progress", (stage, done, total)), ("result", what `AnimationResult` is made of), ("frame", uint8 (H, W, 3)),
("warnings", lines) and ("error", (class, line))."""

_pipe: MegActorPipeline | None = None


def load(model: str, device: str = "auto", dtype: str = "auto") -> AnimationRunner:
    """The factory for `RunnerSpec`; arguments are those of `MegActorPipeline.from_preset`.

    Raises:
        ModelError: the model cannot be loaded.
    """
    global _pipe
    _pipe = MegActorPipeline.from_preset(model, device=device, dtype=dtype)
    if spaces.config.Config.zero_gpu:
        from spaces.zero import startup

        startup()  # Gradio's `launch` would call it; our page has a server of its own
    return AnimationRunner(animate, model)


@spaces.GPU(duration=GPU_SECONDS)
def events(portrait: str, driving: str, options: dict[str, Any]) -> Generator[Event, None, None]:
    """Everything about one animation, where the GPU is.

    Our own errors are told, since ZeroGPU keeps only the class of what is raised.
    """
    assert _pipe is not None
    waiting: list[Event] = []

    def progress(stage: str, done: int, total: int | None) -> None:
        waiting.append(("progress", (stage, done, total)))

    try:
        result = _pipe(portrait, driving, progress=progress, **options)
        told = {name: getattr(result, name) for name in ("fps", "size", "frame_count", "audio", "model")}
        yield from _drained(waiting)
        yield "result", told
        for frame in result:
            yield from _drained(waiting)
            yield "frame", frame
        yield "warnings", result.warnings
    except errors.MegActorError as error:
        yield "error", (type(error).__name__, str(error))


def animate(portrait: str, driving: str, *, progress: Progress = no_progress, **options: Any) -> AnimationResult:
    """In place of the pipeline: the same result, made where the GPU is.

    Raises:
        MegActorError: as the pipeline.
    """
    coming = _reported(events(portrait, driving, options), progress)
    kind, told = next(coming)
    assert kind == "result"
    warnings: list[str] = []

    def frames() -> Generator[np.ndarray, None, None]:
        for kind, value in coming:
            if kind == "frame":
                yield value
            else:
                warnings.extend(value)

    return AnimationResult(**told, frames=frames(), progress=progress, warnings=warnings)


def _drained(waiting: list[Event]) -> list[Event]:
    told = waiting.copy()
    waiting.clear()
    return told


def _reported(coming: Iterator[Event], progress: Progress) -> Iterator[Event]:
    for kind, value in coming:
        if kind == "progress":
            progress(*value)
        elif kind == "error":
            name, words = value
            raise getattr(errors, name, errors.MegActorError)(words)
        else:
            yield kind, value
