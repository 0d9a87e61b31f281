"""How commands fail: one line on stderr, a meaningful exit code, a traceback only when asked for."""

import functools
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn, ParamSpec

import typer

from megactor.errors import MegActorError

P = ParamSpec("P")

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells expect."""

_MISSING_LIBRARY_HINTS = {"libGL.so.1": "install it, e.g. apt install libgl1 libglib2.0-0"}


def one_line_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Decorates a command so that no exception leaves it as a traceback.

    MegActorError: its message, its exit code. Ctrl-C: one line, 130. Anything else is a bug of ours or a
    fault of the machine: one line with a hint, 1. A command with a true `verbose` argument prints the
    traceback as well.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        verbose = bool(kwargs.get("verbose", False))
        try:
            command(*args, **kwargs)
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED, prefix="")
        except MegActorError as error:
            _print_traceback(verbose)
            _fail(str(error), error.exit_code)
        except Exception as error:
            _print_traceback(verbose)
            hint = "" if verbose or "verbose" not in kwargs else "; run again with --verbose for details"
            _fail(_explain(error) + hint, 1)

    return guarded


def one_line(text: str) -> str:
    """`text` without line breaks and terminal control characters (file names may hold both)."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def warn(message: str) -> None:
    """Prints something that the user should know but that does not stop the job."""
    print(f"note: {one_line(message)}", file=sys.stderr)


def _explain(error: Exception) -> str:
    name = type(error).__name__
    # by name, since a command that fails early must not load torch for its error class
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        return "out of memory; choose a smaller --size, a shorter part (--start, --end) or --device cpu"
    if isinstance(error, ImportError):
        hint = next((hint for library, hint in _MISSING_LIBRARY_HINTS.items() if library in str(error)), None)
        return f"the installation is incomplete: {error}" + (f" ({hint})" if hint else "")
    return f"unexpected {name}: {error}"


def _print_traceback(verbose: bool) -> None:
    if verbose:
        traceback.print_exc()


def _fail(message: str, exit_code: int, prefix: str = "error: ") -> NoReturn:
    print(prefix + one_line(message), file=sys.stderr)
    raise typer.Exit(exit_code)
