"""The database of a folder: SQLite in WAL mode. Readers never wait, and whoever is killed leaves no half change."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from megactor.errors import InputError, OutputError

NAME = "jobs.sqlite3"
VERSION = 1
_WAIT = 30.0
"""Seconds that a writer waits for the others."""

_SCHEMA = """
CREATE TABLE contents (hash TEXT PRIMARY KEY, bytes INTEGER NOT NULL, used REAL NOT NULL);
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    caller TEXT NOT NULL,
    key TEXT,
    request TEXT NOT NULL,
    options TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    version INTEGER NOT NULL DEFAULT 1,
    attempt INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    progress TEXT NOT NULL DEFAULT '{}',
    submitted REAL NOT NULL,
    started REAL,
    ended REAL,
    error TEXT NOT NULL DEFAULT '',
    error_kind TEXT NOT NULL DEFAULT '',
    result TEXT,
    facts TEXT NOT NULL DEFAULT '{}',
    UNIQUE (caller, key)
);
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE INDEX jobs_by_caller ON jobs (caller, number);
CREATE TABLE job_inputs (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    role TEXT NOT NULL, hash TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (job, role)
);
CREATE INDEX job_inputs_by_hash ON job_inputs (hash);
CREATE TABLE workers (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, error TEXT NOT NULL DEFAULT '', job TEXT
);
CREATE TABLE paces (key TEXT NOT NULL, stage TEXT NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (key, stage));
CREATE TABLE visits (
    id TEXT PRIMARY KEY, key_hash TEXT NOT NULL UNIQUE, address TEXT NOT NULL UNIQUE,
    seen REAL NOT NULL, version INTEGER NOT NULL DEFAULT 1, state TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE visit_inputs (
    visit TEXT NOT NULL REFERENCES visits (id) ON DELETE CASCADE,
    role TEXT NOT NULL, hash TEXT NOT NULL, name TEXT NOT NULL, facts TEXT NOT NULL,
    PRIMARY KEY (visit, role)
);
CREATE INDEX visit_inputs_by_hash ON visit_inputs (hash);
"""


class Database:
    """The rows of a folder, as every thread and process sees them.

    Args:
        folder: holds the database; it is made where it is missing, for this user only.

    Raises:
        InputError: the folder was written by a newer version.
        OutputError: it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._local = threading.local()
        with os_errors(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.writing() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
            elif version != VERSION:
                raise InputError(f"{folder} was written by another version of megactor: choose another folder")

    def rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        with os_errors(self.folder):
            return self._connection().execute(statement, values).fetchall()

    def row(self, statement: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        return next(iter(self.rows(statement, *values)), None)

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One change, alone in the database: all of it when the block ends, nothing of it after an exception."""
        connection = self._connection()
        with os_errors(self.folder):
            connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            with os_errors(self.folder):
                connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with os_errors(self.folder):
                connection = sqlite3.connect(self.folder / NAME, timeout=_WAIT, isolation_level=None)
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")  # what was accepted survives a power cut too
                connection.execute("PRAGMA foreign_keys = ON")
            self._local.connection = connection
        return connection


@contextlib.contextmanager
def os_errors(folder: Path) -> Iterator[None]:
    """Turns what the disk or SQLite refuses into an OutputError of one line."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise OutputError(
            f"cannot keep jobs in {folder} ({error}): free some space or choose another folder"
        ) from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise OutputError(f"the jobs in {folder} are damaged ({error}): choose another folder") from error
