"""A job as its callers see it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

State = Literal["waiting", "running", "done", "failed", "canceled"]

OVER: tuple[State, ...] = ("done", "failed", "canceled")
"""States that nothing follows."""


@dataclass(frozen=True)
class Input:
    """A file that a job reads.

    content: hash of its bytes, see `Contents`.
    name: what its owner calls it, without a folder.
    """

    content: str
    name: str


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    stage: what is done just now, a name that the runner gives.
    done, total: parts of this stage, e.g. frames; total is None while unknown.
    share: part of the whole job, 0 to 1, by measured speed; it never falls.
    left: seconds, by measured speed, or None while nothing was measured; it never climbs.
    pictures: how many previews were written; see `Job.preview`.
    """

    stage: str = ""
    done: int = 0
    total: int | None = None
    share: float = 0.0
    left: float | None = None
    pictures: int = 0


@dataclass(frozen=True)
class Job:
    """A row of the queue at one moment.

    id: unguessable.
    caller: who asked for it.
    state: where it stands; what is over stays so.
    version: grows with every change, see `Queue.wait`.
    inputs: what it reads, by role.
    options: as given, for the runner.
    progress: how far it is.
    submitted, started, ended: seconds since 1970, None while it has not come to that.
    attempt: how often it was begun.
    deaths: how many worker processes died over it.
    error: why it failed, in one line; "" otherwise.
    error_kind: name of the exception's class, e.g. "FaceError".
    result: the finished file, or None.
    facts: what the runner tells of the result, e.g. frames and warnings.
    preview: where the newest preview lies once `progress.pictures` is not 0 and while the job runs, a JPEG.
    """

    id: str
    caller: str
    state: State
    version: int
    inputs: dict[str, Input]
    options: dict[str, Any]
    progress: Progress
    submitted: float
    preview: Path
    started: float | None = None
    ended: float | None = None
    attempt: int = 0
    deaths: int = 0
    error: str = ""
    error_kind: str = ""
    result: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """It is done, failed or canceled."""
        return self.state in OVER
