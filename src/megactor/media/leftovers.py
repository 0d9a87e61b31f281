"""What processes left unfinished that are gone: known by name and lock, and removed by the next one that writes there.

A part is removed only if its name says that it was made on this computer, by a process that is no more, and if nobody
holds its lock. So neither another computer's part in a shared folder is taken away, nor that of a container which has
the same name and other process numbers. Windows has no such locks: there leftovers stay.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

_PART = re.compile(r"\.megactor-(?P<host>.+)-(?P<process>\d+)-[0-9a-f]{12}\.part")
_HOST = re.sub(r"[^A-Za-z0-9.-]", "_", platform.node())[:64] or "unknown"

_seen: set[Path] = set()


def part_name() -> str:
    """A hidden name for a file that this process is about to write."""
    return f".megactor-{_HOST}-{os.getpid()}-{secrets.token_hex(6)}.part"


def hold(descriptor: int) -> Callable[[], None]:
    """Locks an open part for as long as this process lives, or until the function that is returned is called."""
    try:
        import fcntl
    except ImportError:
        os.close(descriptor)  # which would keep Windows from renaming the file
        return lambda: None
    with contextlib.suppress(OSError):  # a file system without locks: nobody will remove the part
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lambda: os.close(descriptor)


def hold_folder(folder: Path) -> Callable[[], None]:
    """`hold` for a folder that is filled."""
    try:
        return hold(os.open(folder, os.O_RDONLY))
    except OSError:  # Windows opens no folders
        return lambda: None


def remove_leftovers(folder: Path) -> None:
    """Removes the parts in a folder whose process is gone; looks into a folder once a process."""
    if folder in _seen:
        return
    _seen.add(folder)
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            name = _PART.fullmatch(entry.name)
            if name and name["host"] == _HOST and not _lives(int(name["process"])):
                with contextlib.suppress(OSError):
                    _remove_if_let_go(entry.path)


def _lives(process: int) -> bool:
    if os.name == "nt":
        return True  # where the question below would be a kill
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def _remove_if_let_go(path: str) -> None:
    """Raises OSError if somebody holds it."""
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    finally:
        os.close(descriptor)
