"""The line of jobs, as callers see it: submit, look, wait, cancel."""

import hashlib
import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from megactor.errors import InputError
from megactor.jobs.database import Database
from megactor.jobs.job import Input, Job, Progress
from megactor.jobs.limits import CallerBusy, JobLimits, KeyReused, QueueFull

LOOK = 0.05
"""Seconds between two looks of `wait`."""

PREVIEW = "preview.jpg"
"""Name of the newest preview in a job's folder."""

_LIVE = "state IN ('waiting', 'running')"


class Queue:
    """The jobs of a folder; any thread and any process may use it.

    Args:
        database: of the folder.
        limits: what callers may ask for.
    """

    def __init__(self, database: Database, limits: JobLimits) -> None:
        self._database, self.limits = database, limits

    def submit(
        self, inputs: Mapping[str, Input], options: Mapping[str, Any], *, caller: str = "", key: str | None = None
    ) -> Job:
        """Puts a job at the end of the line. When this returns it is on disk: it will be run, whoever is killed.

        Args:
            inputs: files that `Contents` has, by role.
            options: for the runner, as JSON can hold them.
            caller: who asks.
            key: idempotency key of the caller's: the same one again gives the first job instead of another.

        Raises:
            QueueFull: too many jobs wait.
            CallerBusy: this caller has too many.
            KeyReused: the key came before, with something else.
            InputError: a file is gone.
        """
        files = {role: [given.content, given.name] for role, given in sorted(inputs.items())}
        asked = json.dumps(options, sort_keys=True)
        request = hashlib.sha256(json.dumps([files, asked]).encode()).hexdigest()
        with self._database.writing() as change:
            known = change.execute(
                "SELECT id, request FROM jobs WHERE caller = ? AND key = ?", (caller, key)
            ).fetchone()
            if known is not None:
                if known["request"] != request:
                    raise KeyReused(f"the idempotency key {key!r} was used for another request before: take a new one")
                identity = known["id"]
            else:
                self._check_room(change, caller)
                identity = secrets.token_urlsafe(16)
                change.execute(
                    "INSERT INTO jobs (id, caller, key, request, options, submitted) VALUES (?, ?, ?, ?, ?, ?)",
                    (identity, caller, key, request, asked, time.time()),
                )
                for role, given in inputs.items():
                    kept = change.execute("SELECT 1 FROM contents WHERE hash = ?", (given.content,)).fetchone()
                    if kept is None:
                        raise InputError(f"{given.name} is not here any more: send it again")
                    change.execute(
                        "INSERT INTO job_inputs VALUES (?, ?, ?, ?)", (identity, role, given.content, given.name)
                    )
        job = self.get(identity)
        assert job is not None
        return job

    def get(self, identity: str) -> Job | None:
        """A job as it is now, or None where there is none of that name."""
        return next(iter(self._jobs("id = ?", identity)), None)

    def of_caller(self, caller: str) -> list[Job]:
        """All jobs of a caller that were not deleted, the newest first."""
        return list(self._jobs("caller = ?", caller))

    def wait(self, identity: str, version: int, timeout: float = 30) -> Job:
        """Waits until a job has another version than the one that the caller knows, or for `timeout` seconds.

        Raises:
            InputError: there is no such job any more.
        """
        end = time.monotonic() + timeout
        while True:
            row = self._database.row("SELECT version FROM jobs WHERE id = ?", identity)
            if row is None or row["version"] != version or time.monotonic() >= end:
                job = self.get(identity)
                if job is None:
                    raise InputError("there is no such job")
                return job
            time.sleep(LOOK)

    def ahead_of(self, job: Job) -> int:
        """How many jobs run or wait before this one."""
        row = self._database.row(
            f"SELECT count(*) FROM jobs WHERE {_LIVE} AND number < (SELECT number FROM jobs WHERE id = ?)", job.id
        )
        assert row is not None
        return int(row[0])

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each state."""
        return {row[0]: row[1] for row in self._database.rows("SELECT state, count(*) FROM jobs GROUP BY state")}

    def cancel(self, identity: str) -> None:
        """Ends a job that waits or runs, at once: nothing of it is kept. Without effect on one that is over.

        Its worker stops at the next chance, and is replaced where it finds none.
        """
        with self._database.writing() as change:
            change.execute(
                f"UPDATE jobs SET state = 'canceled', ended = ?, version = version + 1 WHERE id = ? AND {_LIVE}",
                (time.time(), identity),
            )

    def delete(self, identity: str) -> None:
        """Cancels a job where it is not over, and forgets it and its result."""
        with self._database.writing() as change:
            change.execute("DELETE FROM jobs WHERE id = ?", (identity,))
        shutil.rmtree(results_folder(self._database.folder, identity), ignore_errors=True)

    def sweep(self, keep: float, caller_prefix_kept: str) -> None:
        """Deletes jobs that ended more than `keep` seconds ago, and results without a job.

        Args:
            keep: seconds.
            caller_prefix_kept: jobs of callers whose names begin so are somebody else's to delete.
        """
        old = self._database.rows(
            "SELECT id FROM jobs WHERE ended < ? AND substr(caller, 1, ?) != ?",
            time.time() - keep,
            len(caller_prefix_kept),
            caller_prefix_kept,
        )
        for row in old:
            self.delete(row["id"])
        folders = {path.name for path in (self._database.folder / "results").glob("*")}
        for name in folders - {row["id"] for row in self._database.rows("SELECT id FROM jobs")}:
            shutil.rmtree(results_folder(self._database.folder, name), ignore_errors=True)

    def _check_room(self, change: sqlite3.Connection, caller: str) -> None:
        limits = self.limits
        (all_jobs,) = change.execute(f"SELECT count(*) FROM jobs WHERE {_LIVE}").fetchone()
        (own,) = change.execute(f"SELECT count(*) FROM jobs WHERE {_LIVE} AND caller = ?", (caller,)).fetchone()
        if limits.jobs_of_caller and own >= limits.jobs_of_caller:
            if limits.jobs_of_caller == 1:
                raise CallerBusy("your last animation is still running: cancel it first")
            raise CallerBusy(f"{own} animations of yours are running or waiting already: cancel one or wait")
        if limits.jobs and all_jobs >= limits.jobs:
            raise QueueFull(f"{all_jobs} animations are running or waiting already: try again in a moment")

    def _jobs(self, condition: str, value: str) -> Iterator[Job]:
        rows = self._database.rows(f"SELECT * FROM jobs WHERE {condition} ORDER BY number DESC", value)
        for row in rows:
            inputs = self._database.rows("SELECT * FROM job_inputs WHERE job = ?", row["id"])
            yield _job(self._database.folder, row, {given["role"]: given for given in inputs})


def _job(folder: Path, row: sqlite3.Row, inputs: Mapping[str, sqlite3.Row]) -> Job:
    place = results_folder(folder, row["id"])
    return Job(
        id=row["id"],
        caller=row["caller"],
        state=row["state"],
        version=row["version"],
        inputs={role: Input(given["hash"], given["name"]) for role, given in inputs.items()},
        options=json.loads(row["options"]),
        progress=Progress(**json.loads(row["progress"])),
        submitted=row["submitted"],
        preview=place / PREVIEW,
        started=row["started"],
        ended=row["ended"],
        attempt=row["attempt"],
        deaths=row["deaths"],
        error=row["error"],
        error_kind=row["error_kind"],
        result=None if row["result"] is None else place / row["result"],
        facts=json.loads(row["facts"]),
    )


def results_folder(folder: Path, identity: str) -> Path:
    """Where a job's files lie."""
    return folder / "results" / identity
