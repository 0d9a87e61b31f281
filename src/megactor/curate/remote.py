"""Files behind URLs, when the user allows it: copied whole before anything looks into them."""

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from megactor.errors import InputError

PROTOCOLS = frozenset({"http", "https", "s3", "gs", "gcs", "abfs", "az", "hf", "memory"})
"""Others, and chains of them (`zip://a::https://b`), are refused: a list of names must not reach what is not a file.

`memory` holds what this process put there."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PIECE = 2**20


def is_url(name: str) -> bool:
    """Whether this names something else than a local path."""
    return bool(_URL.match(name))


def check_url(url: str, allow_remote: bool) -> None:
    """Refuses what must not be read.

    Raises:
        InputError: remote files are not allowed, or not in this way.
    """
    protocol = urlsplit(url).scheme.lower()
    if "::" in url or protocol not in PROTOCOLS:
        raise InputError(f"{url} cannot be read: give paths, or URLs of {', '.join(sorted(PROTOCOLS - {'memory'}))}")
    if not allow_remote:
        raise InputError(f"{url} is remote: allow it with --allow-remote")


def url_name(url: str) -> str:
    """What a remote file is called: host and path, without user and password, and a short name for the query."""
    parts = urlsplit(url)
    query = f"?{hashlib.blake2b(parts.query.encode(), digest_size=4).hexdigest()}" if parts.query else ""
    return f"{parts.hostname or ''}{PurePosixPath('/', parts.path)}{query}"


@contextlib.contextmanager
def local_copy(url: str, most_bytes: int) -> Iterator[Path]:
    """A temporary file with the content of a URL that was checked.

    Raises:
        InputError: it cannot be read, or is larger than allowed.
    """
    import fsspec

    # from beginning to end: not every web server can give parts
    how = {"block_size": 0} if urlsplit(url).scheme.lower() in ("http", "https") else {}
    suffix = PurePosixPath(urlsplit(url).path).suffix
    with tempfile.TemporaryDirectory(prefix="megactor-") as folder:
        copy = Path(folder, "file" + (suffix if re.fullmatch(r"\.\w{1,8}", suffix) else ""))
        size = 0
        try:
            with fsspec.open(url, "rb", **how) as remote, copy.open("wb") as file:
                while piece := remote.read(_PIECE):
                    size += len(piece)
                    if size > most_bytes:
                        raise InputError(f"{url} is larger than {most_bytes / 2**30:g} GB")
                    file.write(piece)
        except InputError:
            raise
        except ImportError as error:
            raise InputError(f"{url} needs another package: {error}") from None
        except Exception as error:  # every protocol has its own
            raise InputError(f"{url} cannot be read ({type(error).__name__}: {error})") from None
        yield copy
