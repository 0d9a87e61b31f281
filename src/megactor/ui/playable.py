"""What a browser can play of a driving video: itself, or a small copy."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from megactor.media.container import open_input, probe
from megactor.media.reader import VideoReader
from megactor.media.writer import VideoWriter

SIDE = 480
"""Longer side of a copy in pixels."""
RATE = 25
"""Most frames a second of a copy."""

_CODECS = {"video/mp4": {"h264", "av1", "vp9"}, "video/webm": {"vp8", "vp9", "av1"}}
_PIXELS = {"yuv420p", "yuvj420p"}
"""Pixel formats that every browser decodes: deeper ones are for some."""


def media_type(path: Path) -> str | None:
    """The type under which every browser plays a video as it is, or None if some browser does not.

    Raises:
        InputError: not a video.
    """
    video = probe(path)
    if video.duration is None:  # a recording of a browser: plays, but cannot be wound
        return None
    with open_input(path) as container:
        stream = container.streams.video[0]
        pixels = stream.codec_context.pix_fmt
    kind = "video/mp4" if "mp4" in video.container else "video/webm" if "webm" in video.container else ""
    return kind if video.codec in _CODECS.get(kind, ()) and pixels in _PIXELS else None


def make_copy(path: Path, target: Path, seconds: float) -> None:
    """Writes a small MP4 of a video's first `seconds` with its sound.

    Raises:
        InputError: not a video.
        OutputError: it cannot be written.
    """
    source = probe(path)
    rate = min(source.fps, Fraction(RATE))
    reader = VideoReader(path, None, seconds, float(rate))
    scale = min(SIDE / max(source.width, source.height), 1)
    size = max(round(source.width * scale), 1), max(round(source.height * scale), 1)
    sound = reader.audio_track()
    comment = "a preview for the web page"
    with VideoWriter(target, reader.fps, size, audio=sound, crf=28, preset="ultrafast", comment=comment) as writer:
        for frame in _resized(reader, size):
            writer.write(frame)


def _resized(frames: VideoReader, size: tuple[int, int]) -> Iterator[np.ndarray]:
    for frame in frames:
        yield np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR))
