"""Short names for the content of files, to tell whether a folder of results still belongs to them."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from megactor.errors import InputError


def fingerprint(paths: Iterable[Path]) -> str:
    """16 digits that change with the content of any of the files.

    Raises:
        InputError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise InputError(f"cannot read {path} ({error.strerror})") from None
    return digest.hexdigest()[:16]
