"""Animations that wait in line, one after the other, and can be watched and canceled."""

import contextlib
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from megactor.errors import InputError, explain
from megactor.options import AnimationOptions
from megactor.result import AnimationResult, Progress

State = Literal["waiting", "running", "done", "failed", "canceled"]

PREVIEW_INTERVAL = 0.25
"""Seconds between two frames kept for watchers: converting each for a browser would cost more than some models."""


class Animator(Protocol):
    """What a job needs of `MegActorPipeline`."""

    def __call__(self, portrait: str, driving: str, *, progress: Progress, **options: object) -> AnimationResult:
        """See `MegActorPipeline.__call__`."""
        ...


@dataclass(frozen=True)
class Request:
    """One animation to make.

    portrait, driving: the files.
    output: where the result goes; its folder exists.
    options: checked.
    audio: keep the driving video's sound.
    """

    portrait: Path
    driving: Path
    output: Path
    options: AnimationOptions
    audio: bool = True


class _Canceled(Exception):
    """Unwinds a job whose watcher gave up."""


class Job:
    """A request and what became of it; written by the worker's thread, read by any.

    Attributes:
        state: where it stands.
        stages: (done, total) parts of each stage of `result.Progress`; total is None while unknown.
        preview: a recent frame of the result, uint8 (H, W, 3), or None before the first.
        error: why it failed, the line that the command line would print.
        warnings: what the user should know of the input.
        frames, size, fps: of the result, once it is known.
        started, seconds: when it began on the monotonic clock, and how long it took.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.state: State = "waiting"
        self.stages: dict[str, tuple[int, int | None]] = {}
        self.preview: np.ndarray | None = None
        self.error = ""
        self.warnings: list[str] = []
        self.frames, self.size, self.fps = 0, (0, 0), 0.0
        self.started = self.seconds = 0.0
        self._ended, self._cancel = threading.Event(), threading.Event()
        self._shown = 0.0

    @property
    def ended(self) -> bool:
        """It is done, failed or canceled."""
        return self._ended.is_set()

    def wait(self, timeout: float) -> bool:
        """Waits for the end, at most `timeout` seconds; true if it came."""
        return self._ended.wait(timeout)

    def cancel(self) -> None:
        """Asks the job to stop; it does at its next frame and leaves no file."""
        self._cancel.set()

    def run(self, animator: Animator) -> None:
        """Does the work and records how it ended; never raises."""
        self.started = time.monotonic()
        self.state = "running"
        try:
            self._check()
            self._animate(animator)
            self.state = "done"
        except _Canceled:
            self.state = "canceled"
        except Exception as error:
            self.error = explain(error)
            self.state = "failed"
        finally:
            self.seconds = time.monotonic() - self.started
            self._ended.set()

    def _animate(self, animator: Animator) -> None:
        asked = self.request
        result = animator(str(asked.portrait), str(asked.driving), progress=self._report, **asdict(asked.options))
        self.frames, self.size, self.fps = result.frame_count, result.size, float(result.fps)
        replace(result, frames=self._watched(result.frames)).save(asked.output, audio=asked.audio)
        self.warnings = result.warnings

    def _watched(self, frames: Iterator[np.ndarray]) -> Generator[np.ndarray]:
        for frame in frames:
            if time.monotonic() - self._shown >= PREVIEW_INTERVAL:
                self._shown, self.preview = time.monotonic(), frame
            yield frame

    def _report(self, stage: str, done: int, total: int | None) -> None:
        self._check()
        self.stages[stage] = (done, total)

    def _check(self) -> None:
        if self._cancel.is_set():
            raise _Canceled


class JobQueue:
    """A line of jobs in front of one worker: two at once would only make both slower.

    Args:
        animator: does the work, one call at a time.
        limit: how many jobs may run and wait together.
    """

    def __init__(self, animator: Animator, limit: int) -> None:
        self._animator, self._limit = animator, limit
        self._jobs: list[Job] = []
        self._changed = threading.Condition()
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="animations", daemon=True)
        self._worker.start()

    def submit(self, request: Request) -> Job:
        """Puts a request at the end of the line.

        Raises:
            InputError: the line is full.
        """
        with self._changed:
            if len(self._jobs) >= self._limit:
                raise InputError(f"{len(self._jobs)} animations are running or waiting already: try again in a moment")
            job = Job(request)
            self._jobs.append(job)
            self._changed.notify_all()
        return job

    def ahead_of(self, job: Job) -> int:
        """How many jobs will run, or run, before this one."""
        with self._changed, contextlib.suppress(ValueError):
            return self._jobs.index(job)
        return 0

    def close(self) -> None:
        """Cancels everything and waits for the worker to come to its next frame."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.cancel()
            self._changed.notify_all()
        self._worker.join(timeout=10)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closed)
                if not self._jobs:
                    return
                job = self._jobs[0]
            job.run(self._animator)
            with self._changed:
                self._jobs.remove(job)
