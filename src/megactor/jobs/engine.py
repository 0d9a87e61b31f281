"""A folder of jobs at work: worker processes that are watched and replaced, and files that go in time."""

import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from megactor.errors import InputError, MegActorError
from megactor.jobs.claims import CANNOT_START, bury, fail_waiting, overdue, recover, states
from megactor.jobs.contents import Contents
from megactor.jobs.database import Database
from megactor.jobs.limits import JobLimits
from megactor.jobs.queue import Queue
from megactor.jobs.runner import RunnerSpec
from megactor.jobs.visits import CALLER, Visits

LOOK = 0.05
"""Seconds between two looks at the workers."""
LET_GO = 5.0
"""Seconds that a worker has to stop a canceled job: less than loading a model takes."""
SWEEP_INTERVAL = 20.0
"""Seconds between two looks for files that nobody needs."""
_PATIENCE = (0.0, 0.2, 1.0, 5.0, 15.0)
"""Seconds before a worker is started again, by how many died in a row before they were ready."""


@dataclass
class _Worker:
    """A process and what follows it.

    name, process: of the newest process.
    early: how many in a row died before they were ready.
    due: when the next one is started, on the monotonic clock, once this one is dead and buried; None until then.
    """

    name: str
    process: subprocess.Popen[bytes]
    early: int = 0
    due: float | None = None


class Engine:
    """Runs the jobs of a folder; one engine a folder, any number of `Queue`s.

    Args:
        folder: for everything that is kept; made where it is missing.
        runner: what does the jobs.
        workers: processes, each of which makes its own runner.
        limits: what callers may ask for.
        keep: seconds that results stay after their job ended, and visits after they were seen last.
        verbose: workers print the trace of what fails.

    Attributes:
        queue, contents, visits: the parts of the folder.
        failure: why the runner cannot be made, in one line, or "".

    Raises:
        InputError: another engine is at work in the folder.
        OutputError: the folder cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        runner: RunnerSpec,
        *,
        workers: int = 1,
        limits: JobLimits | None = None,
        keep: float = 86400,
        verbose: bool = False,
    ) -> None:
        limits = limits or JobLimits()
        self.folder, self.keep = folder.resolve(), keep
        self._runner, self._verbose = runner, verbose
        self._database = Database(self.folder)
        self._hold = hold(self.folder)
        self.contents = Contents(self._database, limits.bytes)
        self.queue = Queue(self._database, limits)
        self.visits = Visits(self._database, self.queue)
        recover(self._database)
        self._stop = threading.Event()
        self.failure = ""
        self._workers = [_Worker(*self._start()) for _ in range(workers)]
        self._thread = threading.Thread(target=self._supervise, name="jobs", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    @property
    def state(self) -> Literal["loading", "ready", "failed"]:
        """Whether a worker is ready, or none can be because the runner cannot be made."""
        if "ready" in (state for _, state, _ in states(self._database)):
            return "ready"
        return "failed" if self.failure else "loading"

    @property
    def processes(self) -> list[int]:
        """The workers' process numbers."""
        return [worker.process.pid for worker in self._workers]

    def close(self) -> None:
        """Ends the workers; what ran is run again by the next engine of the folder."""
        self._stop.set()
        self._thread.join()
        for worker in self._workers:
            _end(worker.process)
        recover(self._database)
        self._hold.close()

    def _start(self) -> tuple[str, subprocess.Popen[bytes]]:
        name = secrets.token_hex(4)
        command = [sys.executable, "-m", "megactor.jobs.worker", str(self.folder), name, self._runner.dumps()]
        paths = os.pathsep.join(path for path in sys.path if path)  # the worker finds what this process would
        process = subprocess.Popen(
            command + (["--verbose"] if self._verbose else []),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=None if self._verbose else subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
        )
        return name, process

    def _supervise(self) -> None:
        swept = 0.0
        while not self._stop.wait(LOOK):
            try:
                for worker in self._workers:
                    self._look_at(worker)
                if time.monotonic() - swept > SWEEP_INTERVAL:
                    swept = time.monotonic()
                    self.sweep()
            except MegActorError as error:  # a full disk: callers are told, and it may pass
                print(f"note: {error}", file=sys.stderr)
                self._stop.wait(1)

    def sweep(self) -> None:
        """Deletes what nobody needs any more."""
        self.visits.sweep(self.keep)
        self.queue.sweep(self.keep, CALLER)
        self.contents.sweep()

    def _look_at(self, worker: _Worker) -> None:
        code = worker.process.poll()
        if code is None:
            if overdue(self._database, worker.name, LET_GO):
                worker.process.kill()
        elif worker.due is None:
            ready = (worker.name, "ready") in ((name, state) for name, state, _ in states(self._database))
            worker.early = 0 if ready else worker.early + 1
            if code == CANNOT_START:
                self.failure = next((error for name, _, error in states(self._database) if name == worker.name), "")
                fail_waiting(self._database, self.failure)
            bury(self._database, worker.name, _cause(code))
            worker.due = time.monotonic() + _PATIENCE[min(worker.early, len(_PATIENCE) - 1)]
        elif time.monotonic() >= worker.due:
            worker.name, worker.process = self._start()
            worker.due = None


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def hold(folder: Path) -> sqlite3.Connection:
    """Holds a folder for this process, until what is returned is closed or the process ends.

    It is a lock of SQLite's, which every system has.

    Raises:
        InputError: another process holds it.
    """
    guard = sqlite3.connect(folder / "engine.lock", timeout=0, isolation_level=None, check_same_thread=False)
    try:
        guard.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        guard.close()
        raise InputError(f"another server is at work in {folder}: end it or choose another folder") from None
    return guard
