"""Errors that a user can act on.

Every message is one line: what was wrong, with which file, and what to do about it. The command line prints it
and exits with `exit_code`; library callers catch `MegActorError`. Mistakes of the calling code stay ValueError.
"""


class MegActorError(Exception):
    """Base of all errors caused by the user's input, files or machine."""

    exit_code = 1


class InputError(MegActorError):
    """A portrait, driving video or option cannot be used."""


class FaceError(InputError):
    """No usable face was found."""


class ModelError(MegActorError):
    """Weights are missing, damaged or made for another architecture."""


class OutputError(MegActorError):
    """The result cannot be written where it was asked for."""


_MISSING_LIBRARY_HINTS = {"libGL.so.1": "install it, e.g. apt install libgl1 libglib2.0-0"}


def one_line(text: str) -> str:
    """`text` without line breaks and terminal control characters (file names may hold both)."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def explain(error: Exception) -> str:
    """What the command line and the web page say of a failed job: one line, whoever caused it."""
    if isinstance(error, MegActorError):
        return one_line(str(error))
    name = type(error).__name__
    # by name, since a command that fails early must not load torch for its error class
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        return "out of memory; choose a smaller --size, a shorter part (--start, --end) or --device cpu"
    if isinstance(error, ImportError):
        hint = next((hint for library, hint in _MISSING_LIBRARY_HINTS.items() if library in str(error)), None)
        return one_line(f"the installation is incomplete: {error}" + (f" ({hint})" if hint else ""))
    return one_line(f"unexpected {name}: {error}")
