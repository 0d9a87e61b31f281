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
