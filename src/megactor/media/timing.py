"""Frame rates and the resampling of timestamps; all times are exact fractions of seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Generic, TypeVar

from megactor.errors import InputError

FALLBACK_RATE = Fraction(25)
MAX_RATE = 1000

_PAUSE = Fraction(1)  # seconds between frames beyond which the picture stands still
_ALIKE = Fraction(7, 4)  # less than 2, which is one frame dropped; more than 3/2, which is telecine

_COMMON_RATES = tuple(
    Fraction(n) for n in (5, 6, 8, 10, 12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)
) + tuple(Fraction(n * 1000, 1001) for n in (12, 15, 24, 30, 48, 60, 120, 240))

Payload = TypeVar("Payload")


@dataclass(frozen=True)
class Timed(Generic[Payload]):
    """Something that is shown from `time` on for `duration` seconds."""

    time: Fraction
    duration: Fraction
    payload: Payload


def tidy_rate(rate: Fraction | float) -> Fraction:
    """The frame rate meant by a measured or rounded one: 29.97 -> 30000/1001, 29.994 -> 30, 12.5 -> 25/2."""
    exact = Fraction(rate).limit_denominator(100_000)
    nearest = min(_COMMON_RATES, key=lambda common: abs(common - exact))
    # A mean over odd timestamps has a large denominator and is only near its nominal rate.
    tolerance = Fraction(5, 1000) if exact.denominator > 100 else Fraction(5, 10_000)
    if abs(nearest - exact) <= nearest * tolerance:
        return nearest
    return exact.limit_denominator(1001)


def typical_rate(times: Iterable[Fraction]) -> Fraction | None:
    """The tidy frame rate that suits frames shown at these times, in any order; None for fewer than two.

    Pauses do not count, nor do frames that were dropped here and there: a clip of 25 frames a second that stands still
    for some seconds has 25, whatever its mean is. Gaps that jitter, or alternate as those of telecine do, are averaged.
    """
    ordered = sorted(set(times))
    gaps = sorted(later - earlier for earlier, later in pairwise(ordered))
    if not gaps:
        return None
    moving = [gap for gap in gaps if gap <= _PAUSE] or gaps
    # The gap that a quarter of the time has passed at: a few frames that come in clumps are not the rule.
    passed = accumulate(moving)
    quarter = sum(moving) / 4
    usual = next(gap for gap, so_far in zip(moving, passed, strict=True) if so_far >= quarter)
    alike = [gap for gap in moving if gap <= _ALIKE * usual]
    return tidy_rate(len(alike) / sum(alike))


def checked_rate(fps: Fraction | float) -> Fraction:
    """`fps` from a user as a tidy fraction.

    Raises:
        InputError: not a number between 0 (exclusive) and 1000.
    """
    if not math.isfinite(fps) or not 0 < fps <= MAX_RATE:
        raise InputError(f"frame rate must be between 0 and {MAX_RATE}, not {fps}; try 25")
    rate = tidy_rate(fps)
    if rate <= 0:
        raise InputError(f"frame rate {fps} is too low; try 25")
    return rate


def frame_count(seconds: Fraction, fps: Fraction) -> int:
    """How many frames of a constant rate fill a non-empty stretch of time: rounded half up, at least one."""
    return max(1, math.floor(seconds * fps + Fraction(1, 2)))


def constant_rate(
    frames: Iterable[Timed[Payload]], fps: Fraction, start: Fraction, count: int | None
) -> Iterator[Payload]:
    """Resample frames in time order to a constant rate by dropping and repeating.

    Output k belongs to the time t = start + k / fps and is the latest frame with a time before t + half a
    period. For a constant source of the same rate that is each frame once, however its container rounds
    timestamps (Matroska: to milliseconds), and a frame that stands still for long holds until its successor
    is due. It is the rule of ffmpeg's `fps` filter with round=near.

    Args:
        frames: the decoded frames; may begin before `start`.
        fps: output rate.
        start: time of output 0.
        count: number of outputs after which to stop; None for the source's end.
    """
    half = 1 / (2 * fps)
    done = 0
    current: Timed[Payload] | None = None
    for frame in frames:
        while current is not None and start + done / fps + half <= frame.time:
            if count is not None and done >= count:
                return
            yield current.payload
            done += 1
        if count is not None and done >= count:
            return
        current = frame
    if current is None:
        return
    rest = current.time + current.duration - start
    if rest <= 0:
        return
    total = frame_count(rest, fps)
    if count is not None:
        total = min(total, count)
    for _ in range(done, total):
        yield current.payload


class AnimationClock:
    """Places frames of a constant rate on the coarse clock of an animated picture.

    Times are rounded one by one, so that delays differ by a tick but their sum stays right. Browsers slow an
    animation down when a delay is very short: frames that would need one are dropped.

    Args:
        fps: rate of the frames offered.
        ticks: ticks of the clock a second.
        shortest: least number of ticks between two frames.
    """

    def __init__(self, fps: Fraction, ticks: int, shortest: int) -> None:
        self._period = ticks / fps
        self._shortest = shortest
        self._offered = 0
        self._latest: int | None = None

    def offer(self) -> int | None:
        """The tick from which the next frame is shown; None if it is dropped."""
        tick = self.end
        self._offered += 1
        if self._latest is not None and tick - self._latest < self._shortest:
            return None
        self._latest = tick
        return tick

    @property
    def end(self) -> int:
        """The tick at which the frames offered so far end."""
        return math.floor(self._offered * self._period + Fraction(1, 2))
