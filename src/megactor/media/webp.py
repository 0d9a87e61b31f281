"""Animated WebP, which FFmpeg cannot read and can only write by holding the whole clip: see RFC 9649.

A WebP file is a RIFF list of chunks; each frame of an animation is an ANMF chunk that wraps what a still
WebP would hold. Pillow codes the pictures, this module does the wrapping, one frame at a time.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from megactor.errors import InputError
from megactor.media.provenance import xmp_packet
from megactor.media.timing import AnimationClock, Timed, typical_rate

MAX_SIDE = 16383  # the VP8 frame header has 14 bits a side

_FLAG_ANIMATION, _FLAG_XMP = 0x02, 0x04
_DEFAULT_DELAY_MS = 100  # what browsers show for a delay of 0
_LOSSY_QUALITY = 90
_TICKS = 1000  # a second
_SHORTEST_DELAY = 11  # ticks


@dataclass(frozen=True)
class WebPInfo:
    """Size in pixels, number of frames (1 for a still picture), usual frame rate, and duration in seconds."""

    width: int
    height: int
    frames: int
    fps: Fraction
    duration: Fraction


def is_webp(path: Path) -> bool:
    """Whether a file starts like a WebP, whatever its suffix."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def webp_info(path: Path) -> WebPInfo:
    """Read the size and the frame delays without decoding pictures.

    Raises:
        InputError: not a WebP that Pillow opens.
    """
    try:
        with Image.open(path, formats=("WEBP",)) as image:
            width, height = image.size
    except Exception as error:  # as in images.load_image: Pillow's decoders raise many kinds
        raise InputError(f"damaged WebP: {path} ({error}); save it again") from error
    delays = list(_delays_ms(path)) or [_DEFAULT_DELAY_MS]
    times = [Fraction(time, _TICKS) for time in accumulate(delays, initial=0)]
    fps = typical_rate(times)
    assert fps is not None  # there are at least the begin and the end
    return WebPInfo(width, height, len(delays), fps, times[-1])


def webp_frames(path: Path) -> Iterator[Timed[NDArray[np.uint8]]]:
    """Decode frame by frame: uint8 RGB (H, W, 3) over white.

    Raises:
        EOFError: the file ends early; the frames so far have been given.
    """
    delays = list(_delays_ms(path)) or [_DEFAULT_DELAY_MS]
    time = 0
    with Image.open(path, formats=("WEBP",)) as image:
        for index, delay in enumerate(delays):
            try:
                image.seek(index)
                image.load()
            except Exception as error:
                raise EOFError(str(error)) from error
            rgba = image.convert("RGBA")
            white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
            pixels = np.array(Image.alpha_composite(white, rgba).convert("RGB"))
            yield Timed(Fraction(time, 1000), Fraction(delay, 1000), pixels)
            time += delay


def _delays_ms(path: Path) -> Iterator[int]:
    """The delay of every complete frame of an animation, in milliseconds."""
    size = path.stat().st_size
    with path.open("rb") as file:
        position = 12
        while position + 8 <= size:
            file.seek(position)
            name, length = struct.unpack("<4sI", file.read(8))
            end = position + 8 + length + length % 2
            if name == b"ANMF" and position + 8 + length <= size:
                # Frame x, y, width, height, then the delay: 24 bits each.
                yield int.from_bytes(file.read(16)[12:15], "little") or _DEFAULT_DELAY_MS
            position = end


class WebPWriter:
    """Writes an endlessly repeated animation frame by frame.

    Args:
        path: file to write.
        size: (width, height), up to MAX_SIDE each.
        fps: constant frame rate; above 90 frames are dropped, since browsers do not show them.
        comment: description in the XMP packet.

    Raises:
        OSError: the file cannot be written (from every method).
    """

    warnings: Sequence[str] = ()

    def __init__(self, path: Path, size: tuple[int, int], fps: Fraction, comment: str) -> None:
        self._size, self._comment = _u24(size[0] - 1) + _u24(size[1] - 1), comment
        self._clock = AnimationClock(fps, _TICKS, _SHORTEST_DELAY)
        self._waiting: tuple[int, bytes] | None = None  # a frame is written when its delay is known
        self._file = path.open("wb")
        self._file.write(b"RIFF\0\0\0\0WEBP")  # the length is filled in by finish()
        self._chunk(b"VP8X", struct.pack("<I", _FLAG_ANIMATION | _FLAG_XMP) + self._size)
        self._chunk(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, 0))  # white background; repeat forever

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append a uint8 RGB (H, W, 3) frame."""
        tick = self._clock.offer()
        if tick is None:
            return
        self._flush(tick)
        still = io.BytesIO()
        Image.fromarray(image).save(still, "WEBP", quality=_LOSSY_QUALITY)
        self._waiting = (tick, still.getvalue()[12:])  # without its RIFF header: a "VP8 " chunk

    def finish(self) -> None:
        """Complete the file."""
        if self._waiting is not None:
            self._flush(max(self._clock.end, self._waiting[0] + _SHORTEST_DELAY))
        self._chunk(b"XMP ", xmp_packet(self._comment))
        length = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", length - 8))
        self._file.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _flush(self, end: int) -> None:
        if self._waiting is None:
            return
        tick, bitstream = self._waiting
        self._waiting = None
        top_left, no_blend = _u24(0) + _u24(0), b"\x02"
        self._chunk(b"ANMF", top_left + self._size + _u24(end - tick) + no_blend + bitstream)

    def _chunk(self, name: bytes, payload: bytes) -> None:
        self._file.write(struct.pack("<4sI", name, len(payload)) + payload + b"\0" * (len(payload) % 2))


def _u24(value: int) -> bytes:
    return value.to_bytes(3, "little")
