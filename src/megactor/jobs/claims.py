"""The other side of the queue: workers take jobs and end them, their supervisor takes them back from the dead.

Every attempt at a job has a number. Only the newest may change the row, and only while the row says "running": so a job
ends once, whatever an older process still believes.
"""

import json
import shutil
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from megactor.jobs.database import Database
from megactor.jobs.job import Progress
from megactor.jobs.queue import results_folder
from megactor.jobs.runner import Outcome, Task

MAX_DEATHS = 3
"""Worker processes that may die over a job: it is run again twice."""


CANNOT_START = 3
"""Exit code of a worker that has no runner."""


@dataclass(frozen=True)
class Claim:
    """One attempt at a job, by one worker."""

    job: str
    attempt: int
    task: Task


class Claims:
    """What one worker does with the queue.

    Args:
        database: of the folder.
        worker: name of the worker.
    """

    def __init__(self, database: Database, worker: str) -> None:
        self._database, self.worker = database, worker

    def tell(self, state: str, error: str = "") -> None:
        """Says how the worker is: "loading", "ready" or "failed", and why it failed."""
        with self._database.writing() as change:
            change.execute(
                "INSERT INTO workers (id, state, error) VALUES (?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET state = excluded.state, error = excluded.error, job = NULL",
                (self.worker, state, error),
            )

    def take(self) -> Claim | None:
        """The first job of the line, now running, or None if nothing waits."""
        if self._database.row("SELECT 1 FROM jobs WHERE state = 'waiting' LIMIT 1") is None:
            return None
        with self._database.writing() as change:
            row = change.execute("SELECT * FROM jobs WHERE state = 'waiting' ORDER BY number LIMIT 1").fetchone()
            if row is None:
                return None
            attempt = row["attempt"] + 1
            change.execute(
                "UPDATE jobs SET state = 'running', attempt = ?, worker = ?, progress = '{}', started = ?,"
                " version = version + 1 WHERE id = ?",
                (attempt, self.worker, time.time(), row["id"]),
            )
            change.execute("UPDATE workers SET job = ? WHERE id = ?", (row["id"], self.worker))
            files = change.execute("SELECT * FROM job_inputs WHERE job = ?", (row["id"],)).fetchall()
        folder = results_folder(self._database.folder, row["id"])
        shutil.rmtree(folder, ignore_errors=True)  # what an attempt left that was killed
        folder = folder / str(attempt)
        folder.mkdir(mode=0o700, parents=True)
        task = Task(
            {file["role"]: self._database.folder / "contents" / file["hash"] for file in files},
            {file["role"]: file["name"] for file in files},
            json.loads(row["options"]),
            folder,
        )
        return Claim(row["id"], attempt, task)

    def wanted(self, claim: Claim) -> bool:
        """Whether this attempt is still the one that counts."""
        return (
            self._database.row(
                "SELECT 1 FROM jobs WHERE id = ? AND attempt = ? AND state = 'running'", claim.job, claim.attempt
            )
            is not None
        )

    def report(self, claim: Claim, progress: Progress) -> None:
        """Says how far a job is."""
        with self._database.writing() as change:
            _set(change, claim, progress=json.dumps(asdict(progress)))

    def finish(self, claim: Claim, outcome: Outcome, paces: Mapping[tuple[str, str], float]) -> bool:
        """Ends a job well; false if it was over before, and then nothing is changed.

        Args:
            claim: the attempt.
            outcome: what came out.
            paces: measured seconds a part, by pace key and stage.
        """
        result = str(outcome.result.relative_to(results_folder(self._database.folder, claim.job)))
        with self._database.writing() as change:
            ended = _set(change, claim, state="done", ended=time.time(), result=result, facts=json.dumps(outcome.facts))
            change.execute("UPDATE workers SET job = NULL WHERE id = ?", (self.worker,))
            if ended:
                for (key, stage), seconds in paces.items():
                    change.execute("INSERT OR REPLACE INTO paces VALUES (?, ?, ?)", (key, stage, seconds))
        return ended

    def fail(self, claim: Claim, error: str, kind: str) -> None:
        """Ends a job badly, unless it is over; removes its files."""
        shutil.rmtree(claim.task.folder, ignore_errors=True)
        with self._database.writing() as change:
            _set(change, claim, state="failed", ended=time.time(), error=error, error_kind=kind)
            change.execute("UPDATE workers SET job = NULL WHERE id = ?", (self.worker,))

    def let_go(self, claim: Claim) -> None:
        """Stops an attempt that nobody wants; removes its files."""
        with self._database.writing() as change:
            change.execute("UPDATE workers SET job = NULL WHERE id = ?", (self.worker,))
        shutil.rmtree(claim.task.folder.parent, ignore_errors=True)

    def paces(self, key: str) -> dict[str, float]:
        """Seconds a part, by stage, as the last job of the same pace key had them."""
        return {row["stage"]: row["seconds"] for row in self._database.rows("SELECT * FROM paces WHERE key = ?", key)}


def _set(change: sqlite3.Connection, claim: Claim, **values: Any) -> bool:
    columns = ", ".join(f"{name} = ?" for name in values)
    cursor = change.execute(
        f"UPDATE jobs SET {columns}, version = version + 1 WHERE id = ? AND attempt = ? AND state = 'running'",
        (*values.values(), claim.job, claim.attempt),
    )
    return cursor.rowcount == 1


def recover(database: Database) -> None:
    """Puts back what ran when a server ended; call it while no worker lives."""
    with database.writing() as change:
        change.execute(
            "UPDATE jobs SET state = 'waiting', worker = NULL, progress = '{}', version = version + 1"
            " WHERE state = 'running'"
        )
        change.execute("DELETE FROM workers")


def bury(database: Database, worker: str, cause: str) -> None:
    """Takes back what a dead worker had: to be run again, or, when too many died over it, as failed."""
    with database.writing() as change:
        held = change.execute("SELECT job FROM workers WHERE id = ? AND job IS NOT NULL", (worker,)).fetchone()
        dead = "worker = ? AND state = 'running'"
        change.execute(f"UPDATE jobs SET deaths = deaths + 1, version = version + 1 WHERE {dead}", (worker,))
        change.execute(
            "UPDATE jobs SET state = 'failed', ended = ?, error = ?, error_kind = 'WorkerDied', version = version + 1"
            f" WHERE {dead} AND deaths >= {MAX_DEATHS}",
            (time.time(), f"the process that made it ended {MAX_DEATHS} times ({cause}): {_REMEDY}", worker),
        )
        change.execute(
            f"UPDATE jobs SET state = 'waiting', worker = NULL, progress = '{{}}', version = version + 1 WHERE {dead}",
            (worker,),
        )
        change.execute("DELETE FROM workers WHERE id = ?", (worker,))
    if held is not None and database.row("SELECT 1 FROM jobs WHERE id = ? AND state = 'done'", held["job"]) is None:
        shutil.rmtree(results_folder(database.folder, held["job"]), ignore_errors=True)


_REMEDY = "out of memory, perhaps; choose a smaller size or a shorter part"


def overdue(database: Database, worker: str, seconds: float) -> bool:
    """Whether a worker is still at a job that has been over, or was deleted, for so long."""
    row = database.row(
        "SELECT jobs.ended FROM workers LEFT JOIN jobs ON jobs.id = workers.job"
        " WHERE workers.id = ? AND workers.job IS NOT NULL AND (jobs.id IS NULL OR jobs.ended IS NOT NULL)",
        worker,
    )
    return row is not None and (row["ended"] is None or time.time() - row["ended"] > seconds)


def states(database: Database) -> list[tuple[str, str, str]]:
    """(name, state, error) of every worker."""
    return [(row["id"], row["state"], row["error"]) for row in database.rows("SELECT id, state, error FROM workers")]


def fail_waiting(database: Database, error: str) -> None:
    """Fails what waits, since nobody can do it."""
    with database.writing() as change:
        change.execute(
            "UPDATE jobs SET state = 'failed', ended = ?, error = ?, error_kind = 'ModelError', version = version + 1"
            " WHERE state = 'waiting'",
            (time.time(), error),
        )
