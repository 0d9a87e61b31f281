"""One run a folder."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from megactor.errors import InputError
from megactor.media.atomic import os_errors_as_output_errors

LOCK = ".lock"
"""Name of the file in a claimed folder; whoever looks whether a folder is empty leaves it out."""

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder for this process; the lock ends with the process.

    Network file systems that are mounted without locks keep nobody out.

    Raises:
        InputError: another process holds it.
        OutputError: the folder cannot be written.
    """
    path = folder / LOCK
    try:
        import fcntl
    except ImportError:
        with _locked_by_filelock(path):
            yield
        return
    while True:
        with os_errors_as_output_errors(folder):
            # a file, and open for writing: NFS locks nothing else
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise _at_work(folder) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(descriptor)
                raise
        if _is_there(path, descriptor):
            break
        os.close(descriptor)  # its holder let go of it, and removed it, between the two calls
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


@contextlib.contextmanager
def _locked_by_filelock(path: Path) -> Iterator[None]:
    """Windows' own way, where an open file cannot be removed: the file stays."""
    import filelock

    lock = filelock.FileLock(path, timeout=0)
    with os_errors_as_output_errors(path.parent):
        path.touch()  # filelock would make a folder that is not there
        try:
            lock.acquire()
        except filelock.Timeout:
            raise _at_work(path.parent) from None
    try:
        yield
    finally:
        lock.release()


def _at_work(folder: Path) -> InputError:
    return InputError(f"another run is at work in {folder}: wait for it or choose another folder")


def _is_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
