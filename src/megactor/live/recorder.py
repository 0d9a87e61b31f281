"""Pictures that come when they come, written at a constant rate: each is shown until the next one was there."""

import os
from types import TracebackType
from typing import Self

import numpy as np

from megactor.media.writer import VideoWriter

RATE = 25
"""Frames a second of a recording."""


class LiveRecorder:
    """A `VideoWriter` for pictures with times; use it as a context manager, which completes the file.

    Args:
        path, force: as of `VideoWriter`.
        size: (width, height) of the pictures.

    Raises:
        OutputError: as of `VideoWriter`.
    """

    def __init__(self, path: str | os.PathLike[str], size: tuple[int, int], force: bool = False) -> None:
        # what is encoded beside the networks must not take their time
        self._writer = VideoWriter(path, RATE, size, force=force, preset="veryfast")
        self._shown: np.ndarray | None = None
        self._start = 0.0
        self.frames = 0

    def add(self, picture: np.ndarray, at: float) -> None:
        """A picture that was ready at a time in seconds; times do not go back."""
        if self._shown is None:
            self._start = at
        self._until(round((at - self._start) * RATE))
        self._shown = picture

    def _until(self, count: int) -> None:
        while self._shown is not None and self.frames < count:
            self._writer.write(self._shown)
            self.frames += 1

    def __enter__(self) -> Self:
        self._writer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._until(self.frames + 1)  # the last one was seen, too
        self._writer.__exit__(kind, error, traceback)
