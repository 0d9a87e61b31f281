"""One run a folder."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from megactor.errors import InputError
from megactor.media.atomic import os_errors_as_output_errors


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder for this process; the lock ends with the process. Windows has none: there nobody is kept out.

    Raises:
        InputError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with os_errors_as_output_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another run is at work in {folder}: wait for it or choose another folder") from None
        yield
    finally:
        os.close(descriptor)
