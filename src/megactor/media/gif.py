"""Animated GIF output through FFmpeg; a palette for each frame, so that nothing needs the whole clip."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from megactor.media.timing import AnimationClock

MAX_SIDE = 65535

_TICKS = 100  # a second
_SHORTEST_DELAY = 2  # ticks
_HEADER = 13  # bytes: signature and logical screen descriptor
_BLOCK = 1 << 20


class GifWriter:
    """Writes an endlessly repeated GIF frame by frame.

    Args:
        path: file to write.
        size: (width, height), up to MAX_SIDE each.
        fps: constant frame rate; above 50 frames are dropped, since browsers do not show them.
        comment: text of the comment extension.

    Raises:
        OSError: the file cannot be written (from every method).
    """

    warnings: Sequence[str] = ()

    def __init__(self, path: Path, size: tuple[int, int], fps: Fraction, comment: str) -> None:
        self._path, self._comment = path, comment
        self._container = av.open(str(path), "w", format="gif", options={"loop": "0"})
        self._stream = self._container.add_stream("gif", rate=fps, time_base=Fraction(1, _TICKS))
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "pal8"
        self._graph = _palette_graph(size)
        self._clock = AnimationClock(fps, _TICKS, _SHORTEST_DELAY)
        self._waiting: list[Packet[VideoStream]] = []  # a frame is written when its delay is known
        self._latest = 0  # tick of the frame that waits

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append a uint8 RGB (H, W, 3) frame."""
        tick = self._clock.offer()
        if tick is None:
            return
        frame = VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = tick, Fraction(1, _TICKS)
        self._graph.vpush(frame)
        paletted = self._graph.vpull()
        paletted.pts, paletted.time_base = tick, Fraction(1, _TICKS)
        self._flush(tick)
        self._waiting = self._stream.encode(paletted)

    def finish(self) -> None:
        """Complete the file."""
        self._waiting += self._stream.encode(None)
        self._flush(max(self._clock.end, self._latest + _SHORTEST_DELAY))
        self._container.close()
        insert_comment(self._path, self._comment)

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def _flush(self, end: int) -> None:
        """Write the frame that waits: FFmpeg takes the delay of the last one from its duration."""
        for packet in self._waiting:
            packet.duration = end - self._latest
            self._container.mux(packet)
        self._latest = end


def _palette_graph(size: tuple[int, int]) -> av.filter.Graph:
    """rgb24 -> pal8; ordered dither, since error diffusion flickers from frame to frame."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=size[0], height=size[1], format=av.VideoFormat("rgb24"), time_base=Fraction(1, _TICKS)
    )
    split = graph.add("split")
    palette = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
    use = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=3")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


def insert_comment(path: Path, comment: str) -> None:
    """Put a comment extension before the first frame of a GIF, in place and with little memory.

    FFmpeg writes none itself; at the end of the file many readers would not see it.
    """
    text = comment.encode("ascii", "replace")
    blocks = b"".join(bytes([len(text[i : i + 255])]) + text[i : i + 255] for i in range(0, len(text), 255))
    with path.open("r+b") as file:
        header = file.read(_HEADER)
        if len(header) < _HEADER or not header.startswith(b"GIF89a"):
            raise ValueError(f"not a GIF89a file: {path}")
        flags = header[10]
        palette_bytes = 3 * 2 ** (flags % 8 + 1) if flags & 0x80 else 0
        _insert(file, _HEADER + palette_bytes, b"\x21\xfe" + blocks + b"\0")


def _insert(file: BinaryIO, position: int, data: bytes) -> None:
    """Make room for `data` by shifting everything from `position` on, a block at a time."""
    carried = data
    while carried:
        file.seek(position)
        pending = carried + file.read(_BLOCK)  # at least what is overwritten next
        file.seek(position)
        position += file.write(pending[:_BLOCK])
        carried = pending[_BLOCK:]
