"""The driver: a video of ComfyUI, or its frames, as the pipeline takes them."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfy_api.latest import Input, InputImpl, Types

from megactor.drive.frames import FRAMES_PER_SECOND
from megactor.errors import InputError

from .tensors import eight_bits


@dataclass(frozen=True)
class Driver:
    """What goes into the pipeline.

    frames: a video file, or uint8 (F, H, W, C).
    part: options that belong to it: `start`, `end` and `fps`.
    audio: the sound of frames; that of a file is read with the result.
    """

    frames: str | np.ndarray
    part: dict[str, float | Fraction | None]
    audio: dict[str, Any] | None = None


@contextmanager
def opened(driving: Input.Video | torch.Tensor, start: float, end: float, fps: float) -> Iterator[Driver]:
    """A part of a driver, for as long as it is needed.

    A video that is a file is read as a stream, in flat memory; others are frames already.

    Args:
        driving: a `VideoInput`, or float32 (F, H, W, C) in [0, 1].
        start: where to begin, in seconds.
        end: where to stop; 0 for all.
        fps: frames a second of the result; 0 for the driver's own. Frames without a rate have this one, or 25.

    Raises:
        InputError: nothing lies between start and end.
    """
    if isinstance(driving, torch.Tensor):
        components = Types.VideoComponents(images=driving, frame_rate=_rate(fps) or Fraction(FRAMES_PER_SECOND))
        yield _cut(components, start, end, fps)
    elif isinstance(driving, InputImpl.VideoFromFile):
        # newer versions of ComfyUI trim videos without cutting the file
        first, length = getattr(driving, "get_active_trim_window", lambda: (0.0, 0.0))()
        ends = [first + seconds for seconds in (end, length) if seconds]
        part = {"start": first + start or None, "end": min(ends, default=None), "fps": fps or None}
        with _file(driving.get_stream_source()) as path:
            yield Driver(path, part)
    else:
        yield _cut(driving.get_components(), start, end, fps)


@contextmanager
def _file(source: str | io.BytesIO) -> Iterator[str]:
    if isinstance(source, str | os.PathLike):
        yield os.fspath(source)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "driving"
        path.write_bytes(source.getbuffer())
        yield str(path)


def _rate(fps: float) -> Fraction:
    return Fraction(fps).limit_denominator(1001)


def _seconds(seconds: float) -> Fraction:
    return Fraction(seconds).limit_denominator(1_000_000)


def _cut(video: Types.VideoComponents, start: float, end: float, fps: float) -> Driver:
    """Frames from start to end, the nearest earlier one for each moment of the result."""
    rate = Fraction(video.frame_rate)
    asked = _rate(fps) or rate
    first, last = _seconds(start), Fraction(len(video.images)) / rate
    last = min(last, _seconds(end)) if end else last
    if first >= last:
        raise InputError(
            f"start ({start:g} s) is beyond the end of the driving frames ({float(last):g} s); choose less"
        )
    moments = [int((first + number / asked) * rate) for number in range(max(1, ceil((last - first) * asked)))]
    images = video.images if moments == list(range(len(video.images))) else video.images[moments]
    audio = None
    if video.audio is not None:
        samples = video.audio["sample_rate"]
        waveform = video.audio["waveform"][..., round(first * samples) : round(last * samples)]
        audio = {"waveform": waveform, "sample_rate": samples}
    return Driver(eight_bits(images), {"fps": asked}, audio)
