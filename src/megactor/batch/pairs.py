"""Lists of pairs: CSV, JSON lines or Parquet, one animation a row."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePath
from typing import Any, get_args, get_origin

from megactor.errors import InputError
from megactor.media.files import readable_file
from megactor.media.writer import SUFFIXES
from megactor.options import AnimationOptions, square_of

KINDS = (".csv", ".jsonl", ".ndjson", ".parquet")

_TYPES = {field.name: (get_args(field.type) or (field.type,))[0] for field in fields(AnimationOptions)} | {
    "audio": bool
}
_COLUMNS = ("portrait", "driving", "output", *_TYPES)
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Pair:
    """One animation to make.

    number: of the row, from 1.
    portrait, driving: absolute paths.
    output: name of the result in the folder of results.
    options: fields of `AnimationOptions`, and `audio`, as the list has them: checked by the worker, which must not be
        stopped by one.
    """

    number: int
    portrait: str
    driving: str
    output: str
    options: dict[str, Any]

    @property
    def key(self) -> str:
        """Names this animation in the folder's records; another row number is the same animation."""
        told = json.dumps({**asdict(self), "number": None}, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:20]


def read_pairs(path: Path, suffix: str, defaults: Mapping[str, str]) -> list[Pair]:
    """Reads a list.

    Args:
        path: with the columns portrait and driving, and any of output, audio and the fields of `AnimationOptions`.
            Empty fields are not there; relative paths start at the list's folder.
        suffix: of results that the list does not name.
        defaults: options for rows that do not have them.

    Raises:
        InputError: the list cannot be read, has a column that means nothing, or names two results alike.
    """
    file = readable_file(path, "list")
    if file.suffix.lower() not in KINDS:
        raise InputError(f"unknown kind of list {file.suffix!r}: {path}; use one of {', '.join(KINDS)}")
    _known(defaults, "--set")
    pairs, names = [], dict[str, int]()
    for number, row in enumerate(_rows(file), 1):
        given = {name: value for name, value in row.items() if value not in (None, "")}
        _known(given, str(path))
        if missing := [name for name in ("portrait", "driving") if name not in given]:
            raise InputError(f"row {number} of {path} has no {missing[0]}")
        portrait, driving = (_located(file.parent, str(given.pop(name))) for name in ("portrait", "driving"))
        output = str(given.pop("output", _name(number, portrait, driving, suffix)))
        if PurePath(output).name != output or PurePath(output).suffix.lower() not in SUFFIXES:
            raise InputError(f"row {number} of {path}: the output {output!r} must be a name that ends in {SUFFIXES}")
        if output.lower() in names:
            raise InputError(f"rows {names[output.lower()]} and {number} of {path} have the same output {output}")
        names[output.lower()] = number
        pairs.append(Pair(number, portrait, driving, output, {**defaults, **given}))
    if not pairs:
        raise InputError(f"the list has no rows: {path}")
    return pairs


def checked_options(options: Mapping[str, Any]) -> tuple[AnimationOptions, bool]:
    """A row's options with their types, and whether the sound is kept.

    Raises:
        InputError: a value makes no sense.
    """
    typed = {name: _typed(name, value) for name, value in options.items()}
    audio = typed.pop("audio", True)
    return AnimationOptions(**typed), audio


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    suffix = file.suffix.lower()
    try:
        if suffix == ".parquet":
            import pyarrow.parquet

            yield from pyarrow.parquet.read_table(file).to_pylist()
            return
        with file.open(encoding="utf-8-sig", newline="") as stream:
            if suffix == ".csv":
                for row in csv.DictReader(stream):
                    if None in row:
                        raise InputError(f"a row of {file} has more fields than the first line names")
                    yield row
            else:
                yield from (dict(json.loads(line)) for line in stream if line.strip())
    except InputError:
        raise
    except Exception as error:  # pyarrow's, json's and csv's have no base in common
        raise InputError(f"cannot read {file} ({str(error).splitlines()[0]})") from error


def _located(folder: Path, path: str) -> str:
    return path if "://" in path else str(folder / Path(path).expanduser())


def _known(row: Mapping[str, Any], where: str) -> None:
    unknown = [str(name) for name in row if name not in _COLUMNS]
    if unknown:
        raise InputError(f"{where} has {unknown[0]!r}, which means nothing: there are {', '.join(_COLUMNS)}")


def _name(number: int, portrait: str, driving: str, suffix: str) -> str:
    stems = f"{Path(portrait).stem}-{Path(driving).stem}"
    return f"{number:06d}-{stems.encode()[:_LONGEST_NAME].decode('utf-8', 'ignore')}{suffix}"


def _typed(name: str, value: Any) -> Any:
    kind = _TYPES[name]
    if get_origin(kind) is tuple and isinstance(value, str):
        return square_of(value)
    try:
        if kind is bool:
            return value if isinstance(value, bool) else _WORDS[str(value).strip().lower()]
        if kind is int:
            if float(value) != int(float(value)):
                raise ValueError
            return int(float(value)) if isinstance(value, float) else int(value)
        if get_origin(kind) is tuple:
            return tuple(float(part) for part in value)
        return float(value) if kind is float else str(value)
    except (KeyError, TypeError, ValueError, OverflowError):
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "three numbers")
        raise InputError(f"{name} is {value!r}, but must be {wanted}") from None
