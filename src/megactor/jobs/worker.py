"""A worker process: takes one job after the other until its server ends.

    python -m megactor.jobs.worker FOLDER NAME RUNNER [--verbose]

It is started by `Engine`, and ends when its standard input does: also when the server was killed.
"""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from megactor.errors import explain
from megactor.jobs.claims import CANNOT_START, Claim, Claims
from megactor.jobs.database import Database
from megactor.jobs.job import Progress
from megactor.jobs.queue import PREVIEW
from megactor.jobs.runner import Runner, RunnerSpec, Stopped
from megactor.jobs.speed import Meter

LOOK = 0.05
"""Seconds between two looks for a job."""
REPORT_INTERVAL = 0.25
"""Seconds between two reports of a job, and two previews of it."""


class _Watch:
    """A `Report` that writes into the job's row, and knows whether anybody wants the job."""

    def __init__(self, claims: Claims, claim: Claim, meter: Meter) -> None:
        self._claims, self._claim, self._meter = claims, claim, meter
        self._pictures, self._counted, self._pictured = 0, 0.0, 0.0
        self._over = threading.Event()
        self._unwanted = threading.Event()
        self._thread = threading.Thread(target=self._look, name="wanted", daemon=True)
        self._thread.start()

    def count(self, stage: str, done: int, total: int | None) -> None:
        self._check()
        self._meter.count(stage, done, total)
        if time.monotonic() - self._counted >= REPORT_INTERVAL:
            self._counted = time.monotonic()
            self._write()

    def picture(self, make: Callable[[], bytes]) -> None:
        self._check()
        if time.monotonic() - self._pictured >= REPORT_INTERVAL:
            self._pictured = time.monotonic()
            preview = self._claim.task.folder.parent / PREVIEW
            part = preview.with_suffix(".part")
            part.write_bytes(make())
            os.replace(part, preview)
            self._pictures += 1

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _write(self) -> None:
        progress = self._meter.progress()
        self._claims.report(self._claim, Progress(**vars(progress) | {"pictures": self._pictures}))

    def _check(self) -> None:
        if self._unwanted.is_set():
            raise Stopped

    def _look(self) -> None:
        while not self._over.wait(LOOK):
            if not self._claims.wanted(self._claim):
                self._unwanted.set()
                return


def run(claims: Claims, claim: Claim, runner: Runner, verbose: bool) -> None:
    """Does one job and writes how it ended; never raises for what the job did."""
    key = ""
    try:
        key = runner.pace_key(claim.task)
        meter = Meter(runner.costs, claims.paces(key))
        watch = _Watch(claims, claim, meter)
        try:
            outcome = runner.run(claim.task, watch)
        finally:
            watch.end()
        if claims.finish(claim, outcome, {(key, stage): pace for stage, pace in meter.paces().items()}):
            return
        claims.let_go(claim)
    except Stopped:
        claims.let_go(claim)
    except Exception as error:
        if verbose:
            traceback.print_exc()
        claims.fail(claim, words(error, claim), type(error).__name__)


def words(error: Exception, claim: Claim) -> str:
    """Why a job failed, in one line, with its files as their owner calls them and without folders of this machine."""
    text = explain(error)
    for role, path in claim.task.inputs.items():
        text = text.replace(str(path), claim.task.names[role])
    return text.replace(f"{claim.task.folder}{os.sep}", "")


def main() -> None:
    """Works until standard input ends."""
    folder, name, spec = sys.argv[1:4]
    verbose = "--verbose" in sys.argv
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the server, which ends us
    threading.Thread(target=_end_with_the_server, name="server", daemon=True).start()
    claims = Claims(Database(Path(folder)), name)
    try:
        runner = RunnerSpec.loads(spec).make()
    except Exception as error:
        if verbose:
            traceback.print_exc()
        claims.tell("failed", explain(error))
        sys.exit(CANNOT_START)
    claims.tell("ready")
    while True:
        claim = claims.take()
        if claim is None:
            time.sleep(LOOK)
        else:
            run(claims, claim, runner, verbose)


def _end_with_the_server() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
