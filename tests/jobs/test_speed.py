"""Seconds left: by measured speed, never climbing."""

import pytest

from megactor.jobs.speed import Meter

COSTS = {"faces": 1.0, "write": 5.0}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def drawn(meter: Meter, clock: Clock, face: float, draw: float, frames: int = 100) -> list[tuple[float, float | None]]:
    """(seconds to the end, seconds left as told) while a job is done at a speed."""
    told = []
    end = clock.now + frames * (face + draw)
    for stage, pace in (("faces", face), ("write", draw)):
        for done in range(1, frames + 1):
            clock.now += pace
            meter.count(stage, done, frames)
            told.append((end - clock.now, meter.progress().left))
    return told


@pytest.mark.parametrize("draw", [0.02, 1.0])
def test_a_first_job_promises_nothing_before_it_drew(draw: float) -> None:
    clock = Clock()
    told = drawn(Meter(COSTS, {}, clock), clock, 0.02, draw)
    assert all(left is None for _, left in told[:99])
    assert all(left == pytest.approx(true, abs=0.1) for true, left in told[150:])


def test_the_next_one_knows_from_the_first_frame_and_does_not_climb() -> None:
    clock = Clock()
    first = Meter(COSTS, {}, clock)
    drawn(first, clock, 0.02, 1.0)
    assert first.paces() == pytest.approx({"faces": 0.02, "write": 1.0})
    for factor in (0.7, 1.0, 1.2):
        told = drawn(Meter(COSTS, first.paces(), clock), clock, 0.02 * factor, factor)
        lefts = [left for _, left in told if left is not None]
        assert len(lefts) == len(told)
        assert lefts == sorted(lefts, reverse=True)
        assert all(true * 0.99 - 0.1 <= left <= true * 1.9 + 0.1 for true, left in told)


def test_uneven_work_does_not_climb_and_the_share_does_not_fall() -> None:
    clock = Clock()
    meter = Meter(COSTS, {"faces": 0.1, "write": 0.1}, clock)
    lefts, shares = [], []
    for stage, frames in (("faces", 40), ("write", 40)):
        for done in range(1, frames + 1):
            clock.now += 2.0 if done % 8 == 1 else 0.001
            meter.count(stage, done, frames)
            progress = meter.progress()
            lefts.append(progress.left)
            shares.append(progress.share)
    assert lefts == sorted(lefts, reverse=True)  # type: ignore[type-var]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_unknown_stages_and_totals() -> None:
    meter = Meter(COSTS, {})
    assert meter.progress().stage == "faces"
    meter.count("denoise", 5, 9)
    meter.count("faces", 3, None)
    assert (meter.progress().done, meter.progress().total, meter.progress().left) == (3, None, None)
