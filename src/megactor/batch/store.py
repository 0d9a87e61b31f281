"""The folder of a batch: results, and a record for each that appears after it, so that whoever is killed loses nothing.

DIR/NAME.mp4                 results
DIR/index.csv                what came out
DIR/batch.json               what the folder was made with
DIR/.work/..                 records, and how often the process died over a pair
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from megactor.batch.pairs import Pair
from megactor.errors import InputError
from megactor.media.atomic import atomic_path, os_errors_as_output_errors
from megactor.media.folder_index import check_index, write_index
from megactor.media.leftovers import remove_leftovers
from megactor.media.lock import LOCK, locked

ATTEMPTS = 3
"""How often a process may die over one pair, in one run, before the pair is given up."""
SCHEMA = "megactor-batch-1"


class Store:
    """Files of a batch, as every process sees them.

    Args:
        folder: of the results.
        run: name of the run that works; None for a new one.
    """

    def __init__(self, folder: Path, run: str | None = None) -> None:
        self.folder = folder
        self.run = run or secrets.token_hex(8)
        self._work = folder / ".work"

    @contextlib.contextmanager
    def claimed(self, made_with: Mapping[str, Any]) -> Iterator[None]:
        """Keeps other runs out, and checks that the folder was made with the same model.

        Raises:
            InputError: another run is at work, or the folder holds something else.
            OutputError: the folder cannot be written.
        """
        index, wanted = self.folder / "batch.json", {"schema": SCHEMA, **made_with}
        with os_errors_as_output_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
        with locked(self.folder):
            remove_leftovers(self.folder)
            if index.exists():
                check_index(index, wanted)
            elif any(path.name not in (".work", LOCK) for path in self.folder.iterdir()):
                raise InputError(f"{self.folder} is not empty and not a folder of batch: choose another")
            with os_errors_as_output_errors(self.folder):
                (self._work / "pairs").mkdir(parents=True, exist_ok=True)
                shutil.rmtree(self._work / "attempts", ignore_errors=True)
                (self._work / "attempts").mkdir()
                (self._work / "run").write_text(self.run, encoding="ascii")
            if not index.exists():
                write_index(index, wanted)
            yield

    def is_current(self) -> bool:
        """Whether this run claimed the folder last: workers of a killed one may live a moment longer."""
        try:
            return (self._work / "run").read_text(encoding="ascii") == self.run
        except OSError:
            return False

    def record(self, pair: Pair) -> dict[str, Any] | None:
        """What is known of a pair whose result is there or which failed; None if it is still to be made.

        A pair whose portrait or driving video is another file since is to be made again.
        """
        try:
            record = dict(json.loads(self._record(pair).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        there = record.get("error") or (self.folder / pair.output).is_file()
        return record if there and record.get("files") == stamps(pair) else None

    def write(self, pair: Pair, record: Mapping[str, Any]) -> None:
        """Says that a pair is finished, well or badly."""
        path = self._record(pair)
        with atomic_path(path, force=True) as temporary, os_errors_as_output_errors(path):
            temporary.write_text(json.dumps(record, allow_nan=False), encoding="utf-8")

    def begin(self, pair: Pair) -> int:
        """Counts how often work on a pair began in this run: a process that dies leaves it counted."""
        path = self._work / "attempts" / pair.key
        with os_errors_as_output_errors(path), path.open("ab") as file:
            file.write(b".")
        return path.stat().st_size

    def end(self, pair: Pair) -> None:
        """The work ended, well or badly, but the process lives."""
        (self._work / "attempts" / pair.key).unlink(missing_ok=True)

    def _record(self, pair: Pair) -> Path:
        return self._work / "pairs" / f"{pair.key}.json"


def stamps(pair: Pair) -> list[list[int] | None]:
    """Size and time of both files of a pair, or None for one that is not there."""
    found: list[list[int] | None] = []
    for path in (pair.portrait, pair.driving):
        try:
            status = Path(path).stat()
            found.append([status.st_size, status.st_mtime_ns])
        except (OSError, ValueError):
            found.append(None)
    return found
