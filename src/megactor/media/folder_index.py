"""What a folder of clips was made with, so that a run that goes on makes more of the same."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from megactor.errors import InputError
from megactor.media.atomic import atomic_path


def check_index(index: Path, wanted: Mapping[str, Any]) -> None:
    """Compares a folder's index with what is to be made.

    Raises:
        InputError: it is damaged, or tells of clips of another kind.
    """
    try:
        found = dict(json.loads(index.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise InputError(f"{index} is damaged ({error}): choose another folder") from error
    for name, value in wanted.items():
        if found.get(name) != value:
            raise InputError(
                f"{index.parent} holds clips of {name} {found.get(name)}, not {value}: choose another folder"
            )


def write_index(index: Path, wanted: Mapping[str, Any]) -> None:
    """Writes it, whole or not at all."""
    with atomic_path(index) as path:
        path.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
