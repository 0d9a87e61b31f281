"""The three standard streams and the signals of a terminal, whatever state they are in."""

import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, TextIO

from megactor.errors import OutputError

READER_GONE = 141
"""Exit code of a command whose output nobody reads any more: 128 + SIGPIPE, as shells expect."""

_UNWINDING = 3.0
"""Seconds after a signal in which more of them are not heard: files are being closed and removed."""


def prepare_streams() -> None:
    """Makes printing safe: closed streams lead nowhere, unknown characters are escaped, stderr never fails."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Takes that very number, or else the next file would: FFmpeg's complaints would end up in a result.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _printable(sys.stdout)
    sys.stderr = _Lenient(_printable(sys.stderr))


def tell(line: str) -> None:
    """Prints what a job has to say on stdout when its files are written: not being able to print it is no error."""
    try:
        print(line, flush=True)
    except OSError as error:
        _drop_stdout()
        if error.errno != errno.EPIPE:
            print(f"note: done, but that could not be printed ({error.strerror}): {line}", file=sys.stderr)


def finish_stdout() -> None:
    """Prints what still waits, for commands whose output is what they were called for.

    Raises:
        BrokenPipeError: nobody reads it.
        OutputError: it cannot be printed.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _drop_stdout()
        raise OutputError(f"cannot print the result ({error.strerror}); send it elsewhere") from error


def nobody_reads() -> bool:
    """Whether stdout is a pipe without a reader; then nothing more is printed there."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
        return True
    return False


@contextlib.contextmanager
def unwinding_on_signals() -> Iterator[None]:
    """Ctrl-C, a polite kill and a lost terminal unwind like an error, so that no unfinished file stays behind.

    Impatient people send them several times: what comes while files are being removed is not heard.
    """
    last: float | None = None

    def unwind(number: int, frame: FrameType | None) -> None:
        nonlocal last
        if last is not None and time.monotonic() - last < _UNWINDING:
            return
        last = time.monotonic()
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    heard = []
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # nohup ignores SIGHUP, and shells SIGINT for what runs in the background.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            heard.append(number)
            signal.signal(number, unwind)
    try:
        yield
    finally:
        if last is not None:
            for number in heard:  # Python's own end takes a moment too
                signal.signal(number, signal.SIG_IGN)


def _drop_stdout() -> None:
    """Lets what could not be printed go, so that Python does not try again at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        sys.stdout.flush()


def _printable(stream: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream


class _Lenient:
    """A text stream whose words may get lost: progress and notes are no reason to end a job."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
