"""Files by the hash of what is in them: the same upload twice takes its room once, and no name can lead anywhere."""

import contextlib
import hashlib
import os
import secrets
import time
from pathlib import Path
from typing import BinaryIO, Self

from megactor.errors import one_line
from megactor.jobs.database import Database, os_errors
from megactor.jobs.job import Input
from megactor.jobs.limits import TooLarge

GRACE = 900.0
"""Seconds that a file stays which no row names: an upload that is about to become part of a job."""

_PIECE = 2**20
_LONGEST_NAME = 100


class Contents:
    """The files of a folder.

    Args:
        database: of the same folder.
        limit: most bytes of a file, 0 for any number.
    """

    def __init__(self, database: Database, limit: int = 0) -> None:
        self._database, self._limit = database, limit
        self._folder = database.folder / "contents"
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def add(self, source: Path | BinaryIO, name: str) -> Input:
        """Takes a copy of a file or stream.

        Args:
            source: read from where it stands to its end.
            name: what its owner calls it; a folder in it is dropped.

        Raises:
            TooLarge: it has too many bytes; nothing is kept.
            OutputError: it cannot be written.
        """
        with contextlib.ExitStack() as stack:
            stream = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
            upload = stack.enter_context(self.receive(name))
            while piece := stream.read(_PIECE):
                upload.write(piece)
            return upload.finish()

    def receive(self, name: str) -> "Upload":
        """A file that comes in pieces; arguments and errors are those of `add`."""
        return Upload(self._database, self._folder, self._limit, name)

    def path(self, content: str) -> Path:
        """Where a file lies."""
        return self._folder / content

    def sweep(self) -> None:
        """Deletes what no job and no visit names, after a grace."""
        with self._database.writing() as change:
            unused = change.execute(
                "DELETE FROM contents WHERE used < ? AND hash NOT IN (SELECT hash FROM job_inputs)"
                " AND hash NOT IN (SELECT hash FROM visit_inputs) RETURNING hash",
                (time.time() - GRACE,),
            ).fetchall()
            for (content,) in unused:  # inside of the change: whoever adds the same file waits for it
                self.path(content).unlink(missing_ok=True)
        for part in self._folder.glob("*.part"):
            with contextlib.suppress(OSError):
                if part.stat().st_mtime < time.time() - GRACE:
                    part.unlink()


class Upload:
    """A file that comes in pieces: `write` them, then `finish`. As a context it removes what was not finished."""

    def __init__(self, database: Database, folder: Path, limit: int, name: str) -> None:
        self._database, self._folder, self._limit, self._name = database, folder, limit, plain_name(name)
        self._hash, self._size = hashlib.sha256(), 0
        self._part = folder / f"{secrets.token_hex(8)}.part"
        with os_errors(folder):
            self._file = self._part.open("xb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """The next bytes."""
        self._size += len(piece)
        if self._limit and self._size > self._limit:
            raise TooLarge(f"{self._name} is larger than the {self._limit / 1e6:.0f} MB that are taken here")
        self._hash.update(piece)
        with os_errors(self._folder):
            self._file.write(piece)

    def finish(self) -> Input:
        """All bytes came: the file is kept, durably, and named by what is in it."""
        with os_errors(self._folder):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        content = self._hash.hexdigest()
        with self._database.writing() as change, os_errors(self._folder):
            os.replace(self._part, self._folder / content)
            change.execute(
                "INSERT INTO contents (hash, bytes, used) VALUES (?, ?, ?) ON CONFLICT (hash) DO UPDATE SET used = ?",
                (content, self._size, time.time(), time.time()),
            )
        return Input(content, self._name)


def plain_name(name: str) -> str:
    """A file's name without folders, line breaks and what else no name needs, and not too long for a file system."""
    last = one_line(name.replace("\\", "/").rsplit("/", 1)[-1]).strip(". ") or "file"
    stem, dot, suffix = last.rpartition(".")
    if not dot or len(suffix) > 8:
        stem, suffix = last, ""
    while len(f"{stem}.{suffix}".encode("utf-8", "replace")) > _LONGEST_NAME:
        stem = stem[:-1]
    return f"{stem}.{suffix}" if suffix else stem
