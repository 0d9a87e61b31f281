"""Visits: what one browser chose, asked for and got. The server keeps it: a reload or a lost connection costs nothing.

The browser holds the visit's key; here only its hash is kept. Addresses of files hold another secret, since addresses
get copied about.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from megactor.errors import InputError
from megactor.jobs.database import Database
from megactor.jobs.job import Input, Job
from megactor.jobs.queue import Queue

CALLER = "visit:"
"""How the names of callers begin that are visits."""


@dataclass(frozen=True)
class Visit:
    """A visit at one moment.

    id: its name as a caller is `caller`.
    address: secret part of the addresses of its files.
    version: grows with every change of what follows.
    inputs: files in use, by role.
    facts: what was found in them, by role, as it was given.
    state: anything else that should come back, as it was given.
    """

    id: str
    address: str
    version: int
    inputs: dict[str, Input] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def caller(self) -> str:
        """The visit as a caller of the queue."""
        return CALLER + self.id


class Visits:
    """The visits of a folder.

    Args:
        database: of the folder.
        queue: of the same folder; a visit's jobs are its history and go with it.
    """

    def __init__(self, database: Database, queue: Queue) -> None:
        self._database, self._queue = database, queue

    def begin(self) -> tuple[str, Visit]:
        """A new visit and its key, which is told once."""
        key = secrets.token_urlsafe(24)
        with self._database.writing() as change:
            change.execute(
                "INSERT INTO visits (id, key_hash, address, seen) VALUES (?, ?, ?, ?)",
                (secrets.token_urlsafe(12), _hash(key), secrets.token_urlsafe(16), time.time()),
            )
        visit = self.of_key(key)
        assert visit is not None
        return key, visit

    def of_key(self, key: str) -> Visit | None:
        """The visit of a key, or None; notes that it was seen."""
        row = self._database.row("SELECT id, seen FROM visits WHERE key_hash = ?", _hash(key))
        if row is None:
            return None
        if time.time() - row["seen"] > 60:  # a note a minute will do
            with self._database.writing() as change:
                change.execute("UPDATE visits SET seen = ? WHERE id = ?", (time.time(), row["id"]))
        return self._get("id", row["id"])

    def of_address(self, address: str) -> Visit | None:
        """The visit that files of this address belong to, or None."""
        return self._get("address", address)

    def put(self, visit: Visit, files: Mapping[str, tuple[Input, dict[str, Any]] | None]) -> None:
        """Takes files into use, all at once, in place of others of their roles.

        Args:
            visit: whose.
            files: by role, the file and what was found in it, or None to drop what is there.

        Raises:
            InputError: a file, or the visit, is gone.
        """
        with self._database.writing() as change:
            if change.execute("SELECT 1 FROM visits WHERE id = ?", (visit.id,)).fetchone() is None:
                raise InputError("this visit was cleared: reload the page")
            for role, file in files.items():
                change.execute("DELETE FROM visit_inputs WHERE visit = ? AND role = ?", (visit.id, role))
                if file is None:
                    continue
                given, facts = file
                if change.execute("SELECT 1 FROM contents WHERE hash = ?", (given.content,)).fetchone() is None:
                    raise InputError(f"{given.name} is not here any more: send it again")
                change.execute(
                    "INSERT INTO visit_inputs VALUES (?, ?, ?, ?, ?)",
                    (visit.id, role, given.content, given.name, json.dumps(facts)),
                )
            change.execute("UPDATE visits SET version = version + 1 WHERE id = ?", (visit.id,))

    def remember(self, visit: Visit, state: dict[str, Any]) -> None:
        """Replaces `Visit.state`."""
        with self._database.writing() as change:
            change.execute(
                "UPDATE visits SET state = ?, version = version + 1 WHERE id = ?", (json.dumps(state), visit.id)
            )

    def fingerprint(self, visit: Visit) -> str:
        """Changes whenever the visit or one of its jobs does; cheap."""
        row = self._database.row(
            "SELECT (SELECT version FROM visits WHERE id = ?), group_concat(id || version) FROM jobs WHERE caller = ?",
            visit.id,
            visit.caller,
        )
        return _hash(str(tuple(row or ())))

    def jobs(self, visit: Visit) -> list[Job]:
        """Its jobs, the newest first."""
        return self._queue.of_caller(visit.caller)

    def clear(self, visit: Visit) -> None:
        """Forgets a visit: cancels its jobs, deletes results, and at the next sweep files that nobody else has too."""
        with self._database.writing() as change:
            change.execute(
                "UPDATE contents SET used = 0 WHERE hash IN (SELECT hash FROM visit_inputs WHERE visit = ?)"
                " OR hash IN (SELECT hash FROM job_inputs JOIN jobs ON jobs.id = job WHERE caller = ?)",
                (visit.id, visit.caller),
            )
            change.execute("DELETE FROM visits WHERE id = ?", (visit.id,))
        for job in self.jobs(visit):
            self._queue.delete(job.id)

    def sweep(self, keep: float) -> None:
        """Forgets visits that were not seen for `keep` seconds and for which nothing runs."""
        rows = self._database.rows(
            "SELECT id FROM visits WHERE seen < ? AND NOT EXISTS (SELECT 1 FROM jobs WHERE caller = ? || visits.id"
            " AND state IN ('waiting', 'running'))",
            time.time() - keep,
            CALLER,
        )
        for row in rows:
            visit = self._get("id", row["id"])
            if visit is not None:
                self.clear(visit)

    def _get(self, column: str, value: str) -> Visit | None:
        row = self._database.row(f"SELECT * FROM visits WHERE {column} = ?", value)
        if row is None:
            return None
        files = self._database.rows("SELECT * FROM visit_inputs WHERE visit = ?", row["id"])
        return Visit(
            id=row["id"],
            address=row["address"],
            version=row["version"],
            inputs={file["role"]: Input(file["hash"], file["name"]) for file in files},
            facts={file["role"]: json.loads(file["facts"]) for file in files},
            state=json.loads(row["state"]),
        )


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
