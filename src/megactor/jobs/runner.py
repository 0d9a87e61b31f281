"""What a worker process runs: anything that turns files and options into one file."""

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast


class Stopped(Exception):
    """Raised by a `Report` when nobody wants the result any more; let it pass."""


class Report(Protocol):
    """How a runner tells what it does; every call may raise `Stopped`."""

    def count(self, stage: str, done: int, total: int | None) -> None:
        """`done` parts of `total` are done in a stage, which is one of `Runner.costs`; others are ignored."""
        ...

    def picture(self, make: Callable[[], bytes]) -> None:
        """Offers a preview; `make` gives it as a JPEG and is called now and then only."""
        ...


@dataclass(frozen=True)
class Task:
    """One attempt at a job.

    inputs: the files, by role; they have no suffix and are not to be changed.
    names: what their owner calls them, by role.
    options: as they were submitted.
    folder: empty, for the result.
    """

    inputs: dict[str, Path]
    names: dict[str, str]
    options: dict[str, Any]
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """A finished job.

    result: the file, in the task's folder.
    facts: what callers should know of it, as JSON can hold it.
    """

    result: Path
    facts: dict[str, Any] = field(default_factory=dict)


class Runner(Protocol):
    """Does one task at a time.

    costs: the stages of a job in their order, and what a part of each costs beside the others, roughly: this draws the
        progress bar until speeds were measured.
    """

    @property
    def costs(self) -> Mapping[str, float]:
        """See above."""
        ...

    def pace_key(self, task: Task) -> str:
        """Names what decides on speed: jobs of the same key take about the same time a part."""
        ...

    def run(self, task: Task, report: Report) -> Outcome:
        """Does the work.

        Raises:
            MegActorError: what its caller can mend; shown as it is, with the files' own names.
            Stopped: as `report` did.
        """
        ...


@dataclass(frozen=True)
class RunnerSpec:
    """A runner that another process can make.

    factory: "module:function".
    arguments: of the function, as JSON can hold them.
    """

    factory: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def dumps(self) -> str:
        """As text."""
        return json.dumps([self.factory, self.arguments])

    @classmethod
    def loads(cls, text: str) -> "RunnerSpec":
        """The opposite of `dumps`."""
        return cls(*json.loads(text))

    def make(self) -> Runner:
        """Calls the factory."""
        module, _, function = self.factory.partition(":")
        return cast(Runner, getattr(importlib.import_module(module), function)(**self.arguments))
