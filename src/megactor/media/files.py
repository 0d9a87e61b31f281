"""Checks that a path the user gave can be read at all, in words for the user."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from megactor.errors import InputError


def readable_file(path: str | os.PathLike[str], kind: str) -> Path:
    """Return `path` as an absolute Path after checking that it is a readable, non-empty file.

    Args:
        path: what the user gave; `~` is expanded, and file:// addresses are paths.
        kind: how the error message calls it, e.g. "image" or "video".

    Raises:
        InputError: the file is missing, a folder, a device, empty, or not readable.
    """
    try:
        file = Path(_local_path(path)).expanduser().absolute()
        status = file.stat()
    except FileNotFoundError:
        raise InputError(f"{kind} not found: {path}; check the path") from None
    except TypeError:
        raise InputError(f"{kind} is of type {type(path).__name__}; give the path of a file") from None
    except (OSError, ValueError, RuntimeError) as error:  # too long, null byte, loop, unknown ~user
        raise InputError(f"{kind} cannot be opened: {path} ({error})") from None
    if file.is_dir():
        raise InputError(f"{kind} is a folder: {path}; give a file")
    if not file.is_file():
        raise InputError(f"{kind} is not a regular file: {path}; save it to a file first")
    if status.st_size == 0:
        raise InputError(f"{kind} is empty (0 bytes): {path}; copy or download it again")
    if not os.access(file, os.R_OK):
        raise InputError(f"{kind} is not readable: {path}; check its permissions")
    return file


def _local_path(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """The path behind a file:// address; other addresses would be looked for in vain, since nothing is downloaded."""
    if not isinstance(path, str) or "://" not in path:
        return path
    address = urlsplit(path)
    if address.scheme == "file" and address.netloc in ("", "localhost"):
        return url2pathname(address.path)
    return path
