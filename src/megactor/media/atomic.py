"""Output files appear complete or not at all.

A result is written under a hidden temporary name in the folder of its target, so that the final rename is
atomic, and takes the target's name only when it is complete. Whatever interrupts the writing (an error, a
full disk, Ctrl-C) leaves no temporary file, and an existing target stays as it was. What a process left that
had no chance to clean up (a power cut, kill -9) is removed by the next one that writes there: see `leftovers`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from megactor.errors import OutputError
from megactor.media.leftovers import hold, hold_folder, part_name, remove_leftovers

# EFBIG: the file outgrew what the file system allows (FAT: 4 GB) or the process limit; the cure is the same.
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def check_target(path: str | os.PathLike[str], force: bool = False) -> Path:
    """Return the absolute path of an output file after checking that it may be written.

    Call it before any long work. A symbolic link is followed, so that the link survives and its target is
    replaced.

    Raises:
        OutputError: the folder is missing or not writable, the target is a folder or device, or it exists and
            `force` is false.
    """
    try:
        target = Path(path).expanduser().resolve()
        exists = target.exists()
    except (OSError, ValueError, RuntimeError) as error:  # too long, null byte, link loop, unknown ~user
        raise OutputError(f"cannot write to {path} ({error}); choose another name") from None
    folder = target.parent
    if target.is_dir():
        raise OutputError(f"output is a folder: {path}; give a file name")
    if not folder.exists():
        raise OutputError(f"output folder does not exist: {folder}; create it or choose another")
    if not folder.is_dir():
        raise OutputError(f"output folder is a file: {folder}; choose another")
    if exists and not target.is_file():
        raise OutputError(f"output is not a regular file: {path}; choose another name")
    if exists and not force:
        raise OutputError(f"output already exists: {path}; use --force to replace it or choose another name")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"output folder is not writable: {folder}; choose another")
    return target


def check_folder_target(path: str | os.PathLike[str], marker: str, force: bool = False) -> Path:
    """Return the absolute path of a folder to write after checking that it may be written.

    Call it before any long work.

    Args:
        path: of the folder; its parent must be there.
        marker: file that an earlier folder of the same kind has; others are never replaced.
        force: replace one that has it.

    Raises:
        OutputError: it may not be written.
    """
    target = Path(path).expanduser().resolve()
    if not target.parent.is_dir():
        raise OutputError(f"output folder does not exist: {target.parent}; create it or choose another")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise OutputError(f"output folder is not writable: {target.parent}; choose another")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        if not (target / marker).is_file():
            raise OutputError(f"{path} exists and is no model of ours: it was left alone; choose another name")
        if not force:
            raise OutputError(f"output already exists: {path}; use --force to replace it or choose another name")
    return target


@contextlib.contextmanager
def os_errors_as_output_errors(target: Path) -> Iterator[None]:
    """Turn an OSError raised while writing `target` into an OutputError that a user understands."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise OutputError(f"disk full while writing {target}; free some space or choose another folder") from error
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {target} ({reason}); choose another folder or name") from error


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], force: bool = False) -> Iterator[Path]:
    """Give a temporary path that becomes `path` when the block ends without an exception.

    The temporary file exists (empty) from the start, in the target's folder, with the permissions a new file
    of the user gets. On any exception, KeyboardInterrupt included, it is removed and the target is left
    alone.

    Raises:
        OutputError: as `check_target`; or the file cannot be created, completed or renamed.
    """
    target = check_target(path, force)
    with scratch_path(target) as temporary:
        yield temporary
        with os_errors_as_output_errors(target):
            _flush_to_disk(temporary)
            if not force and target.exists():  # appeared while we worked: it is not ours to replace
                raise OutputError(f"output was created by someone else meanwhile: {target}; it was left alone")
            os.replace(temporary, target)


@contextlib.contextmanager
def scratch_path(target: Path) -> Iterator[Path]:
    """Give an empty file beside `target`, hidden, that is removed when the block ends.

    Raises:
        OutputError: it cannot be created.
    """
    remove_leftovers(target.parent)
    temporary = target.parent / part_name()
    with os_errors_as_output_errors(target):
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    release = hold(descriptor)
    try:
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        release()


@contextlib.contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Give an empty folder beside `target` that takes its place when the block ends without an exception.

    Files in it get the permissions that new files of the user get, whatever a library gave them. On any exception,
    KeyboardInterrupt included, it is removed, and what was at `target` stays.

    Raises:
        OutputError: it cannot be made, completed or renamed.
    """
    unfinished, replaced = target.parent / part_name(), target.parent / f".megactor-{secrets.token_hex(6)}.old"
    with os_errors_as_output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target.parent)
        unfinished.mkdir()
    release = hold_folder(unfinished)
    try:
        yield unfinished
        with os_errors_as_output_errors(target):
            allowed = unfinished.stat().st_mode & 0o666
            for path in unfinished.rglob("*"):
                if path.is_file():
                    path.chmod(allowed)
                    _flush_to_disk(path)
            if target.exists():
                target.rename(replaced)
            unfinished.rename(target)
    finally:
        if replaced.exists() and not target.exists():
            replaced.rename(target)
        for folder in (unfinished, replaced):
            shutil.rmtree(folder, ignore_errors=True)
        release()


def _flush_to_disk(path: Path) -> None:
    """Make the content durable before the rename: a crash must not leave an empty file of the right name."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
