"""Small videos and pictures made at test time, with frames and sounds that can be recognized again.

Frame i of a sample is a flat gray of `gray_of(i)`; `frame_numbers` reads the numbers back after lossy coding.
Sound samples are silence with short beeps; `beep_times` finds when they begin.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from megactor.media import VideoWriter

Image = NDArray[np.uint8]

CONTAINERS = [
    ("mp4", "libx264"), ("mov", "libx264"), ("mkv", "libx264"), ("ts", "libx264"), ("avi", "mpeg4"),
    ("mp4", "mpeg4"), ("webm", "libvpx"), ("mkv", "mjpeg"), ("mkv", "ffv1"), ("ts", "mpeg2video"),
]  # fmt: skip
"""Suffixes and codecs of videos as people have them."""

RESULT_SUFFIXES = [".mp4", ".mov", ".mkv", ".gif", ".webp"]
"""What the product writes."""

_GRAY_STEP = 9
_GRAYS = 26  # distinguishable frames in a row


@dataclass(frozen=True)
class Sound:
    """Beeps of 20 ms at the given seconds (of the sound's own clock, which begins at `offset`)."""

    beeps: Sequence[float]
    duration: float
    codec: str = "aac"
    rate: int = 44_100
    layout: str = "stereo"
    offset: float = 0.0


@dataclass(frozen=True)
class Clip:
    """What `write_clip` writes."""

    frames: int = 20
    fps: Fraction | int = 25
    size: tuple[int, int] = (64, 48)
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    times_ms: Sequence[int] | None = None  # of each frame, instead of a constant rate
    rotation: tuple[float, bool, bool] | None = None  # degrees counterclockwise, mirror x, mirror y
    pixel_aspect: Fraction | None = None
    offset: Fraction = Fraction(0)  # of the first frame on the container's clock
    sound: Sound | None = None
    options: dict[str, str] = field(default_factory=dict)


def gray_of(index: int) -> int:
    """The gray value of frame `index`."""
    return 12 + _GRAY_STEP * (index % _GRAYS)


def flat_frame(index: int, size: tuple[int, int] = (64, 48)) -> Image:
    """uint8 RGB (H, W, 3) of frame `index`."""
    return np.full((size[1], size[0], 3), gray_of(index), np.uint8)


def frame_numbers(images: Iterable[Image]) -> list[int]:
    """The frame numbers (modulo 26) of decoded samples; asserts that they are unmistakable."""
    numbers = []
    for image in images:
        value = (float(image.mean()) - 12) / _GRAY_STEP
        assert abs(value - round(value)) < 0.4, f"gray {image.mean():.1f} is between two frames"
        numbers.append(round(value))
    return numbers


def write_clip(path: Path, clip: Clip | None = None, images: Iterable[Image] | None = None) -> Path:
    """Write a sample video; `images` replaces the numbered frames."""
    clip = clip or Clip()
    images = images if images is not None else (flat_frame(i, clip.size) for i in range(clip.frames))
    options = {"preset": "ultrafast", "crf": "10"} if clip.codec == "libx264" else {}
    with av.open(str(path), "w", container_options=clip.options) as container:
        time_base = Fraction(1, 1000) if clip.times_ms else 1 / Fraction(clip.fps)
        stream = container.add_stream(clip.codec, rate=Fraction(clip.fps), options=options, time_base=time_base)
        stream.width, stream.height = clip.size
        stream.pix_fmt = clip.pixel_format
        if clip.pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = clip.pixel_aspect
        if clip.rotation is not None:
            stream.set_display_rotation(*clip.rotation)
        fill_sound = _open_sound(container, clip.sound)
        for index, image in enumerate(images):
            frame = VideoFrame.from_ndarray(image, format="rgb24").reformat(format=clip.pixel_format)
            frame.time_base = time_base
            frame.pts = clip.times_ms[index] if clip.times_ms else index
            frame.pts += round(clip.offset / time_base)
            container.mux(stream.encode(frame))
            if index == 0:
                fill_sound()
        container.mux(stream.encode(None))
    return path


def _open_sound(container: OutputContainer, sound: Sound | None) -> Callable[[], None]:
    if sound is None:
        return lambda: None
    stream = container.add_stream(sound.codec, rate=sound.rate, layout=sound.layout)

    def fill() -> None:
        wave = beeps(sound)
        begin = round(sound.offset * sound.rate)
        for at in range(0, wave.shape[1], 1024):
            frame = AudioFrame.from_ndarray(
                np.ascontiguousarray(wave[:, at : at + 1024]), format="fltp", layout=sound.layout
            )
            frame.sample_rate, frame.time_base = sound.rate, Fraction(1, sound.rate)
            frame.pts = begin + at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    return fill


def beeps(sound: Sound) -> NDArray[np.float32]:
    """float32 (channels, samples): 1 kHz beeps in silence."""
    channels = av.AudioLayout(sound.layout).nb_channels
    wave = np.zeros((channels, round(sound.duration * sound.rate)), np.float32)
    beep = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(round(0.02 * sound.rate)) / sound.rate)
    for second in sound.beeps:
        begin = round(second * sound.rate)
        part = wave[:, begin : begin + beep.size]
        part[:] = beep[: part.shape[1]]
    return wave


def sound_of(path: Path) -> tuple[NDArray[np.float32], int, float]:
    """Decode a sound: mono float32 (samples,), rate, and its begin on the picture's clock (seconds)."""
    with av.open(str(path)) as container:
        first = next(container.decode(video=0))
        origin = float(first.pts * first.time_base)
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="fltp", layout="mono")
        parts, begin, rate = [], None, 0
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                if begin is None:
                    begin, rate = float(part.pts * part.time_base), part.sample_rate
                parts.append(part.to_ndarray()[0])
    assert begin is not None
    return np.concatenate(parts), rate, begin - origin


def beep_times(path: Path) -> list[float]:
    """Seconds, on the picture's clock, at which beeps begin."""
    wave, rate, begin = sound_of(path)
    loud = np.flatnonzero(np.abs(wave) > 0.25)
    starts = [i for k, i in enumerate(loud) if k == 0 or i - loud[k - 1] > 0.03 * rate]
    return [begin + i / rate for i in starts]


def sound_end(path: Path) -> float:
    """Second, on the picture's clock, at which the last sample of the sound ends."""
    wave, rate, begin = sound_of(path)
    return begin + wave.size / rate


def write_sound_only(path: Path, cover: bool = False) -> Path:
    """A music file; with `cover`, a picture is attached to it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame" if path.suffix == ".mp3" else "aac", rate=44_100)
        art = None
        if cover:
            art = container.add_stream("mjpeg", rate=1)
            art.width, art.height, art.pix_fmt = 32, 32, "yuvj420p"
            art.disposition = av.stream.Disposition.attached_pic
        frame = AudioFrame.from_ndarray(np.zeros((2, 4410), np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 44_100, 0
        packets = [*stream.encode(frame), *stream.encode(None)]
        if art is not None:
            picture = VideoFrame.from_ndarray(flat_frame(3, (32, 32)), format="rgb24")
            picture = picture.reformat(format="yuvj420p")
            picture.pts = 0
            packets = [*art.encode(picture), *art.encode(None), *packets]
        container.mux(packets)
    return path


def cut_file(path: Path, target: Path, keep: float) -> Path:
    """Copy the first part of a file: what a broken download leaves."""
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * keep)])
    return target


def huge_png(path: Path, side: int) -> Path:
    """A PNG that announces side x side pixels and holds none."""
    path.write_bytes(png(side, side, b""))
    return path


def png(width: int, height: int, rows: bytes, depth: int = 8, color: int = 0) -> bytes:
    """A PNG file made by hand, with as many pixels as `rows` has."""

    def chunk(name: bytes, payload: bytes) -> bytes:
        checksum = zlib.crc32(name + payload)
        return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", checksum)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def write_result(
    path: Path, frames: int = 10, fps: Fraction | float = 25, size: tuple[int, int] = (64, 48), **options: Any
) -> VideoWriter:
    """A result of flat frames, written as the product writes; gives the closed writer."""
    with VideoWriter(path, fps, size, preset="ultrafast", **options) as writer:
        for index in range(frames):
            writer.write(flat_frame(index, size))
    return writer


def leftovers(folder: Path) -> list[str]:
    """Names of all that lies in the folder."""
    return sorted(path.name for path in folder.iterdir())
