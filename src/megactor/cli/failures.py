"""How commands fail: one line on stderr, a meaningful exit code, a traceback only when asked for."""

import functools
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn, ParamSpec

import typer

from megactor.cli.terminal import READER_GONE, finish_stdout, nobody_reads
from megactor.errors import MegActorError, explain, one_line

P = ParamSpec("P")

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells expect."""


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
            finish_stdout()
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED, prefix="")
        except MegActorError as error:
            _print_traceback(verbose)
            _fail(explain(error), error.exit_code)
        except Exception as error:
            if isinstance(error, BrokenPipeError) and nobody_reads():
                raise typer.Exit(READER_GONE) from None
            _print_traceback(verbose)
            hint = "" if verbose or "verbose" not in kwargs else "; run again with --verbose for details"
            _fail(explain(error) + hint, 1)

    return guarded


def warn(message: str) -> None:
    """Prints something that the user should know but that does not stop the job."""
    print(f"note: {one_line(message)}", file=sys.stderr)


def _print_traceback(verbose: bool) -> None:
    if verbose:
        traceback.print_exc()


def _fail(message: str, exit_code: int, prefix: str = "error: ") -> NoReturn:
    print(prefix + one_line(message), file=sys.stderr)
    raise typer.Exit(exit_code)
