"""The folder of a run: what is finished is a file that appeared complete, so whatever kills the run loses nothing.

SHARDS/index.json            what the folder was made with
SHARDS/clips-000000.tar      packed shards
SHARDS/.work/sources/..      a record for every source: the clips that it was cut into, or why none
SHARDS/.work/clips/..        a record for every clip, written last, and until it is packed the files of a kept one
"""

import contextlib
import dataclasses
import json
import secrets
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from megactor.curate.clip import ClipPlan
from megactor.curate.settings import CurationSettings
from megactor.curate.sources import Source
from megactor.errors import InputError
from megactor.media.atomic import atomic_path, os_errors_as_output_errors
from megactor.media.folder_index import check_index, write_index
from megactor.media.lock import LOCK, locked

INDEX = "index.json"
SCHEMA = "megactor-clips-1"
ATTEMPTS = 3
"""How often a process may die over one clip, in one run, before the clip is given up."""
_WORK, _RUN = ".work", "run"
_LEFTOVERS = ".megactor-*.part"


class Store:
    """Files of a run, as every process sees them.

    Args:
        folder: of the shards.
        run: name of the run that works; None for a new one.
    """

    def __init__(self, folder: Path, run: str | None = None) -> None:
        self.folder = folder
        self.run = run or secrets.token_hex(8)
        self.work = folder / _WORK

    @contextlib.contextmanager
    def claimed(self, settings: CurationSettings, twins: Sequence[str]) -> Iterator[None]:
        """Keeps other runs out, checks that the folder was made with the same settings, and clears what was killed.

        Raises:
            InputError: another run is at work, or the folder holds something else.
            OutputError: the folder cannot be written.
        """
        wanted = {"schema": SCHEMA, "source": "curated", "twins": list(twins), **dataclasses.asdict(settings)}
        index = self.folder / INDEX
        with os_errors_as_output_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
        with locked(self.folder):
            if index.exists():
                check_index(index, wanted)
            elif any(path.name not in (_WORK, LOCK) and not path.match(_LEFTOVERS) for path in self.folder.iterdir()):
                raise InputError(f"{self.folder} is not empty and not a folder of clips: choose another")
            with os_errors_as_output_errors(self.folder):
                for name in ("sources", "clips", "attempts", "scratch"):
                    (self.work / name).mkdir(parents=True, exist_ok=True)
                self._clear()
                (self.work / _RUN).write_text(self.run, encoding="ascii")
            if not index.exists():
                write_index(index, wanted)
            try:
                yield
            finally:
                self._clear()

    def _clear(self) -> None:
        for name in ("attempts", "scratch"):
            shutil.rmtree(self.work / name, ignore_errors=True)
            (self.work / name).mkdir(exist_ok=True)
        for pattern in (_LEFTOVERS, f"{_WORK}/*/*/{_LEFTOVERS}"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def is_current(self) -> bool:
        """Whether this run claimed the folder last: workers of a killed one may live a moment longer."""
        try:
            return (self.work / _RUN).read_text(encoding="ascii") == self.run
        except OSError:
            return False

    @property
    def scratch(self) -> Path:
        """Folder for temporary files, beside what they become."""
        return self.work / "scratch"

    def part(self, key: str) -> Path:
        """Where the files of a kept clip wait until they are packed."""
        return self._path("clips", key, "tar")

    def write_clip(self, key: str, record: Mapping[str, Any]) -> None:
        """Says that a clip is finished."""
        self._write(self._path("clips", key, "json"), record)

    def drop_clip(self, key: str, reason: str, detail: str) -> None:
        """Gives a finished clip a reason after all, then removes its files."""
        record = _read(self._path("clips", key, "json"))
        assert record is not None
        self.write_clip(key, record | {"reason": reason, "detail": detail})
        self.part(key).unlink(missing_ok=True)

    def write_source(self, key: str, record: Mapping[str, Any]) -> None:
        """Says that a source is cut."""
        self._write(self._path("sources", key, "json"), record)

    def source(self, source: Source) -> dict[str, Any] | None:
        """Record of a source, or None."""
        return _read(self._path("sources", source.key, "json"))

    def clip(self, plan: ClipPlan) -> dict[str, Any] | None:
        """Record of a clip, or None."""
        return _read(self._path("clips", plan.key, "json"))

    def strip(self, key: str) -> str | None:
        """The pictures of a clip for the report: a JPEG in base64, or None."""
        record = _read(self._path("clips", key, "json"))
        return None if record is None else record.get("strip")

    def sources(self) -> Iterator[dict[str, Any]]:
        """Records of all sources of all runs in this folder, by key."""
        return self._all("sources")

    def clips(self) -> Iterator[dict[str, Any]]:
        """Records of all clips, by key."""
        return self._all("clips")

    def begin(self, key: str) -> int:
        """Counts how often work on this began in this run: a process that dies leaves it counted."""
        path = self.work / "attempts" / key
        with path.open("ab") as file:
            file.write(b".")
        return path.stat().st_size

    def end(self, key: str) -> None:
        """The work ended, well or badly, but the process lives."""
        (self.work / "attempts" / key).unlink(missing_ok=True)

    def shards(self) -> list[Path]:
        """Packed shards in order."""
        return sorted(self.folder.glob("clips-*.tar"))

    def packed(self) -> dict[str, str]:
        """Clip -> name of the shard that holds it."""
        found: dict[str, str] = {}
        for path in self.shards():
            try:
                with tarfile.open(path, "r:") as tar:
                    found |= {member.name.partition(".")[0]: path.name for member in tar}
            except (OSError, tarfile.TarError) as error:
                raise InputError(f"cannot read the shard {path}: {error}; delete it to have it packed again") from None
        return found

    def _path(self, kind: str, key: str, suffix: str) -> Path:
        return self.work / kind / key[:2] / f"{key}.{suffix}"

    def _all(self, kind: str) -> Iterator[dict[str, Any]]:
        for path in sorted((self.work / kind).glob("*/*.json")):
            record = _read(path)
            if record is not None:
                yield record

    def _write(self, path: Path, record: Mapping[str, Any]) -> None:
        with os_errors_as_output_errors(path):
            path.parent.mkdir(exist_ok=True)
        with atomic_path(path, force=True) as temporary, os_errors_as_output_errors(path):
            temporary.write_text(json.dumps(record, allow_nan=False), encoding="ascii")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None  # not there, or not ours: done again
