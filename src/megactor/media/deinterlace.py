"""Interlaced video, as television and old camcorders record it: two half pictures in each frame become one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import cast

import av.error
import av.filter
from av.video.frame import VideoFrame


def deinterlaced(frames: Iterable[VideoFrame], say: Callable[[], None]) -> Iterator[VideoFrame]:
    """As many frames at the same times, none of them combed; frames that are not marked as interlaced stay as they are.

    Args:
        frames: decoded, in order.
        say: called when the first interlaced frame has come.
    """
    graph: av.filter.Graph | None = None
    shape: tuple[int, int, str] | None = None
    for frame in frames:
        if graph is not None and shape != _shape(frame):
            yield from _rest(graph)
            graph = None
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        if graph is None:
            graph, shape = _graph(frame), _shape(frame)
            say()
        graph.push(frame)
        yield from _ready(graph)
    if graph is not None:
        yield from _rest(graph)


def _shape(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def _graph(frame: VideoFrame) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1)
        ),
        graph.add("bwdif", "mode=send_frame:deint=interlaced"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _ready(graph: av.filter.Graph) -> Iterator[VideoFrame]:
    """What the filter, which looks at one frame more, has finished."""
    while True:
        try:
            yield cast(VideoFrame, graph.pull())
        except (BlockingIOError, av.error.EOFError):
            return


def _rest(graph: av.filter.Graph) -> Iterator[VideoFrame]:
    graph.push(None)
    yield from _ready(graph)
