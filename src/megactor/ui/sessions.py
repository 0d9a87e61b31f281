"""What belongs to one visitor: a folder that goes when they go."""

import contextlib
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from megactor.errors import InputError, explain
from megactor.ui.inputs import DrivingView, PortraitView
from megactor.ui.jobs import Job


@dataclass(frozen=True)
class Result:
    """A finished animation.

    path: the file.
    url: where the browser finds it.
    picture: a small JPEG of it as a data URL.
    note: a line about it.
    """

    path: Path
    url: str
    picture: str
    note: str


@dataclass
class Session:
    """One browser tab.

    Attributes:
        folder: holds all its files.
        key: unguessable part of the addresses of its files.
        portrait, portrait_view: the picture in use and what was found in it, or None.
        face: which of the portrait's faces.
        driving, driving_view: the video in use and what was found in it, or None.
        results: finished animations, the newest first.
        job: the newest job.
        left: when the browser was last seen leaving, on the monotonic clock; None while it is there.
    """

    folder: Path
    key: str
    portrait: Path | None = None
    portrait_view: PortraitView | None = None
    face: int = 0
    driving: Path | None = None
    driving_view: DrivingView | None = None
    results: list[Result] = field(default_factory=list)
    job: Job | None = None
    left: float | None = None

    @property
    def busy(self) -> bool:
        """Its job waits or runs."""
        return self.job is not None and not self.job.ended

    def new_file(self, name: str) -> Path:
        """A path of this name in a new folder of the session: names stay the user's and never collide."""
        folder = self.folder / secrets.token_urlsafe(8)
        folder.mkdir()
        return folder / name

    def url(self, path: Path) -> str:
        """Where the browser finds a file of this session, or a packaged example."""
        if not path.is_relative_to(self.folder):
            return f"/examples/{quote(path.name)}"
        return f"/media/{self.key}/{path.parent.name}/{quote(path.name)}"

    def words(self, error: Exception) -> str:
        """The command line's reason for a failure, without the folders of this machine."""
        return re.sub(rf"{re.escape(str(self.folder))}/[^/\s]+/", "", explain(error))

    def forget(self, path: Path | None) -> None:
        """Deletes a file of this session; examples stay, and so does what a job still reads."""
        if path is not None and path.is_relative_to(self.folder) and not self.busy:
            shutil.rmtree(path.parent, ignore_errors=True)


class Sessions:
    """All visitors; deletes the files of those who left.

    Args:
        folder: existing folder for all their files.
        grace: seconds that a file stays when nobody needs it any more.
        clock: seconds, monotonic.
    """

    def __init__(self, folder: Path, grace: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._grace, self._clock = folder, grace, clock
        self._sessions: dict[str, Session] = {}
        self._uploads: dict[Path, tuple[float, int]] = {}  # since when nobody needs it, and which file it was
        self._lock = threading.Lock()

    def get(self, name: str | None) -> Session:
        """The session of a browser tab, made at its first visit.

        Raises:
            InputError: the request does not say which.
        """
        if not name:
            raise InputError("the browser sent no session: reload the page")
        with self._lock:
            session = self._sessions.get(name)
            if session is None:
                key = secrets.token_urlsafe(16)
                session = self._sessions[name] = Session(self._folder / key, key)
                session.folder.mkdir(mode=0o700)
            session.left = None
            return session

    def adopt(self, session: Session, upload: Path) -> Path:
        """Gives an upload to a session and returns its new place.

        The browser may be loading it from its old place, so that one is deleted by `sweep`, after the grace.

        Raises:
            InputError: it is gone.
        """
        target = session.new_file(upload.name)
        try:
            number = upload.stat().st_ino
            try:
                os.link(upload, target)
            except FileNotFoundError:
                raise
            except OSError:  # a file system without hard links
                shutil.copyfile(upload, target)
        except FileNotFoundError:
            raise InputError("the upload did not arrive: choose the file again") from None
        with self._lock:
            self._uploads[upload] = self._clock(), number
        return target

    def leave(self, name: str | None) -> None:
        """Notes that a browser is gone and stops its job; `sweep` deletes its files after the grace."""
        with self._lock:
            session = self._sessions.get(name or "")
            if session is not None:
                session.left = self._clock()
                if session.job is not None:
                    session.job.cancel()

    def sweep(self) -> None:
        """Deletes what nobody has needed for longer than the grace."""
        with self._lock:
            now = self._clock()
            for upload, (since, number) in list(self._uploads.items()):
                if now - since < self._grace:
                    continue
                try:
                    current = upload.stat().st_ino
                except FileNotFoundError:
                    current = number
                if current == number:
                    del self._uploads[upload]
                    upload.unlink(missing_ok=True)
                else:  # somebody just uploaded the same picture: uploads lie where their content says
                    self._uploads[upload] = now, current
            gone = [
                name
                for name, session in self._sessions.items()
                if session.left is not None and now - session.left >= self._grace
            ]
            for name in gone:
                shutil.rmtree(self._sessions.pop(name).folder, ignore_errors=True)

    def file(self, key: str, folder: str, name: str) -> Path | None:
        """The file behind an address made by `Session.url`, or None."""
        with self._lock:
            session = next(
                (s for s in self._sessions.values() if secrets.compare_digest(s.key.encode(), key.encode())), None
            )
        if session is None:
            return None
        with contextlib.suppress(OSError, ValueError):
            path = (session.folder / folder / name).resolve()
            if path.is_file() and path.parent.parent == session.folder.resolve():
                return path
        return None
