"""Pictures that come when they come, written at a constant rate: each is shown until the next one was there."""

import contextlib
import os
from types import TracebackType
from typing import Self

import numpy as np

from megactor.media.ahead import WriteBehind
from megactor.media.writer import VideoWriter

RATE = 25
"""Frames a second of a recording."""
_WAITING = 8
"""Pictures at most that wait to be encoded."""


class LiveRecorder:
    """A `VideoWriter` for pictures with times; use it as a context manager, which completes the file.

    Args:
        path, force: as of `VideoWriter`.
        size: (width, height) of the pictures.

    Raises:
        OutputError: as of `VideoWriter`.
    """

    def __init__(self, path: str | os.PathLike[str], size: tuple[int, int], force: bool = False) -> None:
        # what is encoded beside the networks must take little of their time, and none of their thread's
        self._writer = VideoWriter(path, RATE, size, force=force, preset="veryfast")
        self._stack = contextlib.ExitStack()
        self._shown: np.ndarray | None = None
        self._start = 0.0
        self.frames = 0

    def add(self, picture: np.ndarray, at: float) -> None:
        """A picture that was ready at a time in seconds; times do not go back, and nobody changes it any more."""
        if self._shown is None:
            self._start = at
        self._until(round((at - self._start) * RATE))
        self._shown = picture

    def _until(self, count: int) -> None:
        if self._shown is not None and self.frames < count:
            self._behind((self._shown, count - self.frames))
            self.frames = count

    def _write(self, shown: tuple[np.ndarray, int]) -> None:
        picture, times = shown
        for _ in range(times):
            self._writer.write(picture)

    def __enter__(self) -> Self:
        self._stack.enter_context(self._writer)
        self._behind = self._stack.enter_context(WriteBehind(self._write, _WAITING))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            try:
                self._until(self.frames + 1)  # the last one was seen, too
            except BaseException as late:
                self._stack.__exit__(type(late), late, late.__traceback__)
                raise
        self._stack.__exit__(kind, error, traceback)
