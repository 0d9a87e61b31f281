"""The jobs of this package: a portrait performs a driving video."""

import io
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from megactor.errors import InputError
from megactor.jobs.contents import plain_name
from megactor.jobs.limits import JobLimits
from megactor.jobs.runner import Outcome, Report, Task
from megactor.lean_imports import uncollected
from megactor.options import AnimationOptions

if TYPE_CHECKING:
    import numpy as np

    from megactor.result import AnimationResult

PORTRAIT, DRIVING = "portrait", "driving"
"""Roles of a job's inputs."""

FORMATS = ("mp4", "mov", "mkv", "gif", "webp")
"""What a result can be."""

_PREVIEW_SIDE = 512


def job_options(asked: AnimationOptions, audio: bool = True, result: str = "mp4") -> dict[str, Any]:
    """Options of a job for `Queue.submit`.

    Args:
        asked: checked.
        audio: keep the driving video's sound.
        result: one of `FORMATS`.

    Raises:
        InputError: no such format.
    """
    if result not in FORMATS:
        raise InputError(f"unknown format {result!r}: choose one of {', '.join(FORMATS)}")
    return {**asdict(asked), "audio": audio, "format": result}


def check_files(limits: JobLimits, portrait: Path, driving: Path, asked: AnimationOptions) -> AnimationOptions:
    """Looks into the files of a job before it waits.

    Args:
        limits: of this server.
        portrait: a picture.
        driving: a video.
        asked: the options.

    Returns:
        The options, which end at the limit where the video does not say how long it is.

    Raises:
        InputError: a file is damaged, or more than the limits.
    """
    from megactor.media.container import probe
    from megactor.media.images import load_image

    load_image(portrait, limits.pixels or 2**63)
    video = probe(driving)
    if limits.pixels and video.width * video.height > limits.pixels:
        raise InputError(f"the driving video is {video.width}x{video.height}, the limit is {limits.pixels:,} pixels")
    return within_seconds(limits.seconds, None if video.duration is None else float(video.duration), asked)


def within_seconds(limit: float, seconds: float | None, asked: AnimationOptions) -> AnimationOptions:
    """The options of a video that lasts `seconds`, where at most `limit` may be animated (0: any number).

    Raises:
        InputError: the part is too long, or begins behind the end.
    """
    start, end = asked.start or 0, asked.end
    if seconds is not None and start and start >= seconds:  # told now, not when its turn has come
        raise InputError(f"start ({start:g} s) is beyond the end of the driving video ({seconds:.2f} s); choose less")
    if not limit:
        return asked
    if end is None and seconds is None:
        return replace(asked, end=start + limit)
    if end is None and seconds is not None and seconds - start > limit:
        raise InputError(
            f"the driving video is {seconds - start:.0f} s long and up to {limit:g} s are animated here: "
            "choose a part with start and end"
        )
    if end is not None and min(end, seconds or end) - start > limit:
        raise InputError(f"the part from {start:g} s to {end:g} s is longer than the {limit:g} s of this server")
    return asked


def load(model: str, device: str = "auto", dtype: str = "auto", offload: bool = False) -> "AnimationRunner":
    """The factory for `RunnerSpec`; arguments are those of `MegActorPipeline.from_preset`.

    Raises:
        ModelError: the model cannot be loaded.
    """
    with uncollected():
        from megactor.pipeline import MegActorPipeline

        return AnimationRunner(MegActorPipeline.from_preset(model, device=device, dtype=dtype, offload=offload), model)


class AnimationRunner:
    """A `Runner` around a pipeline.

    Args:
        pipeline: a `MegActorPipeline`, or what can be called like one.
        model: its name, for speeds.
    """

    def __init__(self, pipeline: Callable[..., "AnimationResult"], model: str) -> None:
        self._pipeline, self._model = pipeline, model

    @property
    def costs(self) -> Mapping[str, float]:
        """Following a face costs a fifth of drawing a frame with nano, and less with others."""
        return {"faces": 1.0, "write": 5.0}

    def pace_key(self, task: Task) -> str:
        """Model, steps and sizes decide."""
        wanted = ("steps", "guidance", "size", "speed", "layout", "paste_back", "full_size", "window_batch", "format")
        return ", ".join([self._model, *(f"{name} {task.options.get(name)}" for name in wanted)])

    def run(self, task: Task, report: Report) -> Outcome:
        """Animates; the result is named after both files."""
        options = dict(task.options)
        audio, suffix = options.pop("audio", True), options.pop("format", "mp4")
        result = self._pipeline(str(task.inputs[PORTRAIT]), str(task.inputs[DRIVING]), progress=report.count, **options)
        stems = (Path(task.names[role]).stem for role in (PORTRAIT, DRIVING))
        output = task.folder / plain_name(f"{'-'.join(stems)}.{suffix}")
        replace(result, frames=_watched(result.frames, report)).save(output, audio=audio)
        width, height = result.size
        facts = {"frames": result.frame_count, "width": width, "height": height, "fps": float(result.fps)}
        return Outcome(output, facts | {"warnings": result.warnings})


def _watched(frames: Iterator["np.ndarray"], report: Report) -> Generator["np.ndarray"]:
    for frame in frames:
        report.picture(partial(_jpeg, frame))
        yield frame


def _jpeg(frame: "np.ndarray") -> bytes:
    from PIL import Image

    picture = Image.fromarray(frame)
    picture.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
