"""What is known of a run, on disk: a line for every result, and the settings that all lines share."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from megactor.errors import InputError
from megactor.evaluation.case import CaseId
from megactor.media.atomic import atomic_path, os_errors_as_output_errors

VERSION = 4
"""Of the metrics: rows of another version are not mixed with new ones."""
ROWS, SETTINGS = "clips.jsonl", "settings.json"


@dataclass(frozen=True)
class Row:
    """One system's metrics on one case.

    key: the case.
    system: its name; "" where the case could not be made at all.
    metrics: name -> value, NaN where it has none.
    skipped: why the case could not be made, or "".
    """

    key: CaseId
    system: str
    metrics: dict[str, float]
    skipped: str = ""


def append_row(folder: Path, row: Row) -> None:
    """Adds a line.

    Raises:
        OutputError: it cannot be written.
    """
    path = folder / ROWS
    with os_errors_as_output_errors(path), path.open("a", encoding="utf-8") as file:
        # the newline comes first: a line that a killed run left unfinished must not swallow this one
        file.write("\n" + json.dumps(known(asdict(row))))


def read_rows(folder: Path) -> list[Row]:
    """All finished lines; one that a killed run left unfinished is ignored, of two for one result the first counts."""
    path = folder / ROWS
    rows: dict[tuple[str, str], Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            values = json.loads(line)
            metrics = {name: float("nan") if value is None else value for name, value in values["metrics"].items()}
            row = Row(CaseId(**values["key"]), values["system"], metrics, values["skipped"])
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        rows.setdefault((row.key.name, row.system), row)
    return list(rows.values())


def known(value: Any) -> Any:
    """JSON has no NaN: None in its place, at any depth."""
    if isinstance(value, dict):
        return {name: known(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


def join_settings(folder: Path, suite: dict[str, Any], systems: dict[str, dict[str, Any]]) -> None:
    """A folder holds one suite and one version of each system, however often it was gone on with.

    Systems, and files of a suite of files, may join later.

    Raises:
        InputError: the folder's results are of other settings, weights or files.
        OutputError: the folder cannot be written.
    """
    path = folder / SETTINGS
    wanted = {"version": VERSION, "suite": suite, "systems": systems}
    found: dict[str, Any] = {}
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            conflict = _conflict(found, wanted)
        except (ValueError, AttributeError):
            conflict = SETTINGS
        if conflict:
            raise InputError(f"{folder} holds results of other settings or weights ({conflict}): choose another folder")
    with atomic_path(path, force=True) as temporary:
        temporary.write_text(json.dumps(_merged(found, wanted), indent=1) + "\n", encoding="utf-8")


def _conflict(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The first name that both have with other values; "" without one."""
    for name in found.keys() & wanted.keys():
        if isinstance(found[name], dict) and isinstance(wanted[name], dict):
            inner = _conflict(found[name], wanted[name])
            if inner:
                return f"{name}.{inner}"
        elif found[name] != wanted[name]:
            return name
    return ""


def _merged(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    both = {
        name: _merged(found[name], wanted[name]) if isinstance(wanted[name], dict) else wanted[name]
        for name in found.keys() & wanted.keys()
    }
    return {**found, **wanted, **both}
