"""Constant-rate resampling: pure arithmetic on time stamps."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from megactor.errors import InputError
from megactor.media.timing import (
    AnimationClock,
    Timed,
    checked_rate,
    constant_rate,
    frame_count,
    tidy_rate,
    typical_rate,
)


def timed(times: list[Fraction], last: Fraction) -> list[Timed[int]]:
    ends = [*times[1:], times[-1] + last]
    return [Timed(t, e - t, i) for i, (t, e) in enumerate(zip(times, ends, strict=True))]


@pytest.mark.parametrize(
    ("given_rate", "meant"),
    [
        (29.97, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (Fraction(14997, 500), Fraction(30)),
        (25, Fraction(25)),
        (12.5, Fraction(25, 2)),
        (Fraction(121, 5), Fraction(121, 5)),
        (0.5, Fraction(1, 2)),
    ],
)
def test_tidy_rate(given_rate: Fraction | float, meant: Fraction) -> None:
    assert tidy_rate(given_rate) == meant


@pytest.mark.parametrize(
    ("gaps_ms", "meant"),
    [
        ([40] * 50 + [2000] * 4 + [40] * 50, 25),
        ([2000] * 4 + [40] * 20, 25),
        ([33, 33, 34, 67] * 10, 30),  # dropped frames
        ([5, 35] * 20, 50),  # frames that come in pairs
        ([33, 50, 34, 50] * 10, Fraction(24_000, 1001)),  # telecine
        ([5000] * 3, Fraction(1, 5)),
        ([0, 0, 40, 0, 40], 25),
    ],
)
def test_typical_rate(gaps_ms: list[int], meant: Fraction | int) -> None:
    times = [Fraction(sum(gaps_ms[:i]), 1000) for i in range(len(gaps_ms) + 1)]
    assert typical_rate(times) == typical_rate(reversed(times))
    assert float(typical_rate(times) or 0) == pytest.approx(float(meant), rel=0.005)


def test_one_frame_has_no_rate() -> None:
    assert typical_rate([]) is None
    assert typical_rate([Fraction(3)]) is None


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1001, 1e-9])
def test_checked_rate_refuses(fps: float) -> None:
    with pytest.raises(InputError, match="frame rate"):
        checked_rate(fps)


@given(
    fps=st.sampled_from([Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(60), Fraction(24000, 1001)]),
    count=st.integers(1, 80),
    jitter=st.lists(st.integers(-4, 4), min_size=80, max_size=80),
    tick=st.sampled_from([Fraction(1, 1000), Fraction(1, 90_000)]),
)
def test_a_constant_source_gives_each_frame_once(fps: Fraction, count: int, jitter: list[int], tick: Fraction) -> None:
    """Whatever the container's clock rounds, and with some milliseconds of capture jitter."""
    exact = [i / fps + (Fraction(jitter[i], 1000) if i else 0) for i in range(count)]
    rounded = [round(t / tick) * tick for t in exact]
    assert list(constant_rate(timed(rounded, 1 / fps), fps, Fraction(0), None)) == list(range(count))


@given(
    gaps=st.lists(st.integers(1, 300), min_size=1, max_size=40),
    fps=st.fractions(Fraction(1), Fraction(120), max_denominator=30),
    start_ms=st.integers(0, 2000),
)
def test_any_source_is_shown_within_half_a_period(gaps: list[int], fps: Fraction, start_ms: int) -> None:
    """Each output is the latest frame that is due, and the clip lasts as long as its source."""
    times = [Fraction(sum(gaps[:i]), 1000) for i in range(len(gaps))]
    end, start = Fraction(sum(gaps), 1000), Fraction(start_ms, 1000)
    outputs = list(constant_rate(timed(times, Fraction(gaps[-1], 1000)), fps, start, None))
    if start >= end:
        assert outputs == []
        return
    assert len(outputs) == frame_count(end - start, fps)
    for k, index in enumerate(outputs):
        due = start + k / fps + 1 / (2 * fps)
        assert times[index] < due or index == 0
        assert index + 1 == len(times) or times[index + 1] >= due or k == len(outputs) - 1


def test_a_still_holds_until_its_successor_is_due() -> None:
    source = timed([Fraction(0), Fraction(1), Fraction(5)], Fraction(1, 10))
    outputs = list(constant_rate(source, Fraction(10), Fraction(0), None))
    assert outputs == [0] * 10 + [1] * 40 + [2]


def test_count_stops_early_and_stops_reading() -> None:
    read = []

    def endless():
        for i in range(10_000):
            read.append(i)
            yield Timed(Fraction(i, 25), Fraction(1, 25), i)

    assert list(constant_rate(endless(), Fraction(25), Fraction(2), 3)) == [50, 51, 52]
    assert len(read) < 60


def test_halving_the_rate_takes_every_second_frame() -> None:
    source = timed([Fraction(i, 60) for i in range(60)], Fraction(1, 60))
    assert list(constant_rate(source, Fraction(30), Fraction(0), None)) == list(range(0, 60, 2))


@given(fps=st.fractions(Fraction(1), Fraction(240), max_denominator=20), count=st.integers(1, 200))
def test_animation_clock(fps: Fraction, count: int) -> None:
    clock = AnimationClock(fps, 100, 2)
    ticks = [tick for _ in range(count) if (tick := clock.offer()) is not None]
    assert ticks[0] == 0
    assert all(later - earlier >= 2 for earlier, later in pairwise(ticks))
    assert abs(clock.end - count * 100 / fps) <= Fraction(1, 2)
    if fps <= 50 / 2:
        assert len(ticks) == count
