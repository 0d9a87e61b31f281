"""A fixed list of portraits and drivers, so that figures of different days and places are of the same clips."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from megactor.errors import InputError
from megactor.evaluation.case import SIDE, Case, CaseFiles, CaseId
from megactor.evaluation.fingerprint import fingerprint
from megactor.evaluation.suites.recordings import cross_driven
from megactor.faces.analyzer import FaceAnalyzer

COLUMNS = ("portrait", "driver", "start", "end")
_NEEDED = COLUMNS[:2]


@dataclass(frozen=True)
class Pairs:
    """Portraits driven by parts of videos, as a CSV file lists them; there is no truth.

    The file's first line names its columns: `portrait` and `driver` are file names, `start` and `end` seconds of the
    driver, which may be missing or empty.

    list_file: CSV.
    portraits, videos: folders that its names are of; None for the list's own.
    size: S, side of the pictures.
    """

    list_file: Path
    portraits: Path | None = None
    videos: Path | None = None
    size: int = SIDE

    def cases(self) -> list[CaseId]:
        """See `Suite.cases`."""
        return [CaseId(case_name(files), "-", files.portrait.stem, cross=True) for files in self._pairs()]

    def load(self, key: CaseId, analyzer: FaceAnalyzer) -> Case:
        """See `Suite.load`."""
        files = next(files for files in self._pairs() if case_name(files) == key.name)
        return cross_driven(key, files, self.size, analyzer)

    def settings(self) -> dict[str, Any]:
        """See `Suite.settings`; each pair is a setting of its own, so that the list may grow."""
        return {
            "suite": "pairs",
            "size": self.size,
            "pairs": {case_name(files): _contents(files) for files in self._pairs()},
        }

    def _pairs(self) -> list[CaseFiles]:
        folder = self.list_file.parent
        return read_pairs(self.list_file, self.portraits or folder, self.videos or folder)


def case_name(files: CaseFiles) -> str:
    """Of a pair's case and results."""
    return f"{files.portrait.stem}--{files.driver.stem}"


def read_pairs(path: Path, portraits: Path, videos: Path) -> list[CaseFiles]:
    """Reads a list.

    Args:
        path: CSV with a line of column names.
        portraits: folder of the portraits.
        videos: folder of the drivers.

    Raises:
        InputError: the file, a line of it or a file that it names cannot be used.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", strict=True)
            names = reader.fieldnames or []
            unknown = sorted(set(names) - set(COLUMNS))
            if unknown or not set(_NEEDED) <= set(names):
                raise InputError(
                    f"{path} has the columns {', '.join(names) or 'none'}: its first line should be {','.join(COLUMNS)}"
                )
            pairs = [_pair(row, f"{path}, line {reader.line_num}", portraits, videos) for row in reader]
    except OSError as error:
        raise InputError(f"cannot read the list of pairs {path} ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV file ({error}): see docs/pairs.csv for one") from None
    if not pairs:
        raise InputError(f"{path} lists no pairs: add a line for each, such as me.jpg,talk.mp4,0,4")
    found = [case_name(files) for files in pairs]
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice:
        raise InputError(f"{path} lists {twice} twice: results are named so, list each pair once")
    return pairs


def _pair(row: dict[str, str | None], line: str, portraits: Path, videos: Path) -> CaseFiles:
    if None in row.values() or "" in row:
        raise InputError(f"{line} has not as many fields as the first line")
    files = []
    for column, folder in zip(_NEEDED, (portraits, videos), strict=True):
        file = folder / (row[column] or "")
        if not file.is_file():
            raise InputError(f"{line}: no {column} at {file}: name a file of that folder, or give another folder")
        files.append(file)
    return CaseFiles(files[0], files[1], *(_seconds(row.get(column), column, line) for column in COLUMNS[2:]))


def _seconds(text: str | None, column: str, line: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise InputError(f"{line}: {column} is {text}, but must be seconds, or empty") from None


def _contents(files: CaseFiles) -> list[Any]:
    return [fingerprint([files.portrait]), fingerprint([files.driver]), files.start, files.end]
