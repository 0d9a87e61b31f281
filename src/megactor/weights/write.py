"""Folders of weights appear complete or not at all, and a full disk is called so."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from megactor.media.atomic import atomic_folder, os_errors_as_output_errors


@contextlib.contextmanager
def weights_folder(target: Path) -> Iterator[Path]:
    """`atomic_folder` for what torch and safetensors write, whose errors do not say what was to be written.

    Raises:
        OutputError: the disk is full, or the folder cannot be written.
    """
    with os_errors_as_output_errors(target):
        try:
            with atomic_folder(target) as unfinished:
                yield unfinished
        except (RuntimeError, SafetensorError) as error:
            cause = _os_error(error)
            if cause is None:
                raise
            raise cause from error


def _os_error(error: BaseException | None) -> OSError | None:
    """The system's error behind one of torch, which met it while writing, or of safetensors, which tells its number."""
    while error is not None:
        if isinstance(error, OSError):
            return error
        if told := re.search(r"\(os error (\d+)\)", str(error)):
            return OSError(int(told[1]), os.strerror(int(told[1])))
        error = error.__context__
    return None
