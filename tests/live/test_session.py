"""Live sessions with a pipeline that works when it is told to: what is skipped, what is shown, how errors come out."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE
from tiny_model import tiny_pipeline

from megactor.errors import FaceError, InputError
from megactor.live.latest import Latest
from megactor.live.pace import Pace
from megactor.live.session import LivePicture, LiveSession

PORTRAIT = np.random.default_rng(0).integers(0, 255, (96, 80, 3), np.uint8)


def frame(number: int) -> np.ndarray:
    return np.full((4, 4, 3), number, np.uint8)


class SlowPipeline:
    """Gives every frame back once `steps` is released for it; `began` tells how often it was asked to begin again."""

    def __init__(self) -> None:
        self.steps, self.taken = threading.Semaphore(0), Latest[int]()
        self.began: list[bool] = []

    def stream(
        self,
        portrait: Any,
        frames: Iterator[np.ndarray],
        *,
        ahead: bool,
        begins_again: Callable[[], bool],
        **options: Any,
    ) -> Iterator[np.ndarray]:
        for picture in frames:
            self.began.append(begins_again())
            self.taken.put(int(picture[0, 0, 0]))
            self.steps.acquire()
            if picture[0, 0, 0] == 255:
                raise InputError("not this one")
            yield picture


def test_frames_that_come_while_it_works_are_skipped_and_never_wait_in_line() -> None:
    pipeline, shown = SlowPipeline(), []
    with LiveSession(pipeline, PORTRAIT, lambda live: shown.append(int(live.picture[0, 0, 0]))) as session:
        session.offer(frame(0))
        assert pipeline.taken.take(5) == 0
        for number in range(1, 100):
            session.offer(frame(number))
        pipeline.steps.release(3)
        assert pipeline.taken.take(5) == 99, "the newest, not the oldest"
    assert shown == [0, 99]
    assert session.measured.skipped == 98
    assert session.measured.shown == 2


def test_the_delay_is_that_of_the_frame_that_is_shown() -> None:
    shown: list[LivePicture] = []
    pipeline = SlowPipeline()
    with LiveSession(pipeline, PORTRAIT, shown.append) as session:
        session.offer(frame(0))
        pipeline.taken.take(5)
        session.offer(frame(1))
        session.offer(frame(2))
        pipeline.steps.release(2)
    assert shown[0].arrived < shown[1].arrived
    assert 0 < session.measured.delay <= session.measured.longest < 5


def test_beginning_again_is_asked_once() -> None:
    pipeline = SlowPipeline()
    pipeline.steps.release(9)
    with LiveSession(pipeline, PORTRAIT, lambda live: None) as session:
        for number in range(3):
            if number == 1:
                session.begin_again()
            session.offer(frame(number))
            assert pipeline.taken.take(5) == number
    assert pipeline.began == [False, True, False]


def test_an_error_ends_the_session_and_is_told_to_who_offers() -> None:
    pipeline = SlowPipeline()
    pipeline.steps.release(9)
    with pytest.raises(InputError, match="not this one"), LiveSession(pipeline, PORTRAIT, lambda live: None) as session:
        session.offer(frame(255))
        session.close()
        assert not session.alive
        with pytest.raises(InputError):
            session.offer(frame(1))


def test_a_portrait_without_a_face_is_refused_at_once() -> None:
    pipe = tiny_pipeline()
    pipe.analyzer.found = False
    with pytest.raises(FaceError, match="no face"):
        LiveSession(pipe, PORTRAIT, lambda live: None)


def test_the_pipeline_goes_on_for_ever_and_begins_again() -> None:
    shown: list[np.ndarray] = []
    changed = Latest[int]()

    def show(live: LivePicture) -> None:
        shown.append(live.picture)
        changed.put(len(shown))

    random = np.random.default_rng(1)
    with LiveSession(tiny_pipeline(), PORTRAIT, show, steps=1) as session:
        for number in range(12):
            if number == 6:
                session.begin_again()
            session.offer(random.integers(0, 255, (48, 64, 3), np.uint8))
            assert changed.take(PATIENCE) == number + 1, "a frame comes out before the next goes in"
    assert {picture.shape for picture in shown} == {(64, 64, 3)}
    assert session.measured.skipped == 0


def test_pace_looks_back_on_the_last_seconds_only() -> None:
    pace = Pace()
    for at in range(100):
        pace.add(at / 10 - 0.25, at / 10)
    pace.add(9.5, 10.0)
    measured = pace.measured(skipped=7)
    assert measured.fps == pytest.approx(10, rel=0.01)
    assert measured.delay == pytest.approx(0.25)
    assert measured.longest == pytest.approx(0.5)
    assert (measured.shown, measured.skipped) == (101, 7)
    assert "10.0 frames/s, delay 250 ms (at most 500)" in measured.line
    assert Pace().measured().fps == 0
