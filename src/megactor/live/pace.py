"""How fast frames come and how old they are, measured over the last seconds."""

import statistics
import threading
from collections import deque
from dataclasses import dataclass

WINDOW = 3.0
"""Seconds that are looked back upon."""


@dataclass(frozen=True)
class Measured:
    """What was measured.

    fps: frames a second that were shown.
    delay: seconds from a frame's arrival to its picture, median.
    longest: the same, of the slowest frame.
    skipped: frames that were not animated since the beginning.
    shown: pictures since the beginning.
    """

    fps: float = 0.0
    delay: float = 0.0
    longest: float = 0.0
    skipped: int = 0
    shown: int = 0

    @property
    def line(self) -> str:
        """For people."""
        return (
            f"{self.fps:.1f} frames/s, delay {1000 * self.delay:.0f} ms (at most {1000 * self.longest:.0f}), "
            f"{self.shown} shown, {self.skipped} skipped"
        )


class Pace:
    """Counts pictures as they are shown; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: deque[tuple[float, float]] = deque()
        self._count = 0

    def add(self, arrived: float, shown: float) -> None:
        """One picture: when its frame arrived and when it was ready, in seconds of one clock."""
        with self._lock:
            self._shown.append((shown, shown - arrived))
            self._count += 1
            while shown - self._shown[0][0] > WINDOW:
                self._shown.popleft()

    def measured(self, skipped: int = 0) -> Measured:
        """Of the last `WINDOW` seconds; `skipped` is handed on."""
        with self._lock:
            times, delays = [at for at, _ in self._shown], [delay for _, delay in self._shown]
            count = self._count
        if not delays:
            return Measured(skipped=skipped, shown=count)
        span = times[-1] - times[0]
        fps = (len(times) - 1) / span if span > 0 else 0.0
        return Measured(fps, statistics.median(delays), max(delays), skipped, count)
