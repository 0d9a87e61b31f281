"""What the user sees while a job runs: live bars in a terminal, a few plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import TaskID

    from megactor.result import Progress

STAGES = {
    "model": "loading the model",
    "faces": "reading faces",
    "conditions": "preparing",
    "denoise": "denoising",
    "write": "writing",
    "render": "rendering",
    "pairs": "animating pairs",
    "check": "checking",
    "read": "reading",
    "shots": "finding shots",
    "clips": "curating clips",
    "pack": "packing shards",
    "download": "downloading (MB)",
    "evaluate": "judging clips",
    "report": "writing the report",
}
"""Stage names of the pipeline and of the command line's own work in words."""

PLAIN_INTERVAL = 10.0
"""Seconds between two plain lines about unfinished stages: log files stay short."""


@contextlib.contextmanager
def progress_display(stream: TextIO | None = None) -> "Iterator[Progress]":
    """Gives a callback(stage, done, total) whose reports are shown until the block ends.

    Stages may overlap, since frames stream through all of them; each has its own bar and its own time left.

    Args:
        stream: where to; stderr by default, so that stdout can be piped.
    """
    stream = sys.stderr if stream is None else stream
    if stream.isatty():
        with _live_bars(stream) as report:
            yield report
    else:
        yield PlainProgress(stream)


@contextlib.contextmanager
def _live_bars(stream: TextIO) -> "Iterator[Progress]":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    bars = Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description:<18}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        console=Console(file=stream),
    )
    tasks: dict[str, TaskID] = {}

    def report(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(STAGES.get(stage, stage), total=total)
        bars.update(tasks[stage], completed=done, total=total)

    with bars:
        yield report


class PlainProgress:
    """Prints the start and the end of each stage, and between them a line every `PLAIN_INTERVAL` seconds.

    Args:
        stream: where to.
        clock: seconds, monotonic.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._started: dict[str, float] = {}
        self._finished: set[str] = set()
        self._last_line = clock()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Takes a report: `done` of `total` parts of a stage are ready."""
        now = self._clock()
        name = STAGES.get(stage, stage)
        if stage not in self._started:
            self._started[stage] = now
            if done == 0 or done != total:
                self._print(f"{name} ...", now)
        if stage in self._finished:
            return
        elapsed = now - self._started[stage]
        if done == total:
            self._finished.add(stage)
            self._print(f"{name}: {total} done in {elapsed:.1f} s", now)
        elif now - self._last_line >= PLAIN_INTERVAL:
            left = f", about {elapsed / done * (total - done):.0f} s left" if total and done else ""
            self._print(f"{name}: {done}{f'/{total}' if total else ''}{left}", now)

    def _print(self, line: str, now: float) -> None:
        print(line, file=self._stream, flush=True)
        self._last_line = now
