"""Who may use the interface: bearer tokens, of which only hashes are kept."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from pathlib import Path

from megactor.errors import InputError
from megactor.media.atomic import atomic_path, os_errors_as_output_errors

FILE = "tokens.json"
_PREFIX = "mga_"


class Tokens:
    """The tokens of a server's folder. The file is read again when it changes, so none needs a restart.

    A token is 256 random bits, which nobody guesses from their SHA-256; slow hashes are for words that people choose.

    Args:
        folder: made where it is missing.

    Raises:
        InputError: the file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        with os_errors_as_output_errors(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / FILE
        self._read_at = 0
        self._names: dict[str, str] = {}
        self._refresh()

    @property
    def names(self) -> list[str]:
        """Whose tokens there are."""
        self._refresh()
        return sorted(self._names.values())

    def add(self, name: str) -> str:
        """Makes a token and gives it: it is not kept, and cannot be shown again.

        Raises:
            InputError: the name is taken, or not one.
        """
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) is None:
            raise InputError(f"{name!r} names no token: use letters, digits, dots and dashes")
        if name in self.names:
            raise InputError(f"there is a token {name} already: revoke it first, or take another name")
        token = _PREFIX + secrets.token_urlsafe(32)
        self._write({**self._names, _hash(token): name})
        return token

    def revoke(self, name: str) -> None:
        """Forgets a token; requests with it are refused from now on.

        Raises:
            InputError: there is none of that name.
        """
        if name not in self.names:
            raise InputError(f"there is no token {name}: there are {', '.join(self.names) or 'none'}")
        self._write({digest: owner for digest, owner in self._names.items() if owner != name})

    def owner(self, token: str) -> str | None:
        """Whose token it is, or None."""
        self._refresh()
        return self._names.get(_hash(token))

    def _refresh(self) -> None:
        try:
            changed = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            self._names, self._read_at = {}, 0
            return
        if changed != self._read_at:
            try:
                self._names = {str(key): str(name) for key, name in json.loads(self._path.read_bytes()).items()}
            except (OSError, ValueError, AttributeError) as error:
                raise InputError(f"{self._path} is damaged ({error}): delete it and make new tokens") from error
            self._read_at = changed

    def _write(self, names: dict[str, str]) -> None:
        with atomic_path(self._path, force=True) as path:
            path.chmod(0o600)
            path.write_text(json.dumps(names, indent=1) + "\n", encoding="ascii")
        self._refresh()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
