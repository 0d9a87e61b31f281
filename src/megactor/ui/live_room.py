"""One place in front of the camera: who sits in it drives a portrait until they leave or are not heard any more."""

import contextlib
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from megactor.errors import InputError, MegActorError
from megactor.live.process import LiveProcess

SILENCE = 10.0
"""Seconds without a frame after which a place is free again: a tab that was closed says nothing."""
IDLE = 120.0
"""Seconds that the model stays loaded when nobody is live."""
LONGEST = 600.0
"""Seconds of a recording."""


class LiveRoom:
    """Who is live, and the process that animates them; for threads.

    Args:
        factory: "module:function" of what makes the pipeline, in its own process.
        arguments: of the function.
    """

    def __init__(self, factory: str, arguments: dict[str, Any]) -> None:
        self._factory, self._arguments = factory, arguments
        self._lock, self._changing = threading.Lock(), threading.Lock()
        self._process: LiveProcess | None = None
        self._who: str | None = None
        self._heard = self._left = 0.0
        self._recording: float | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="megactor-live-", ignore_cleanup_errors=True)
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="live-room", daemon=True).start()

    def begin(self, who: str, portrait: Path, options: dict[str, Any]) -> None:
        """Sits down; waits for the model. Who sat there already begins again, with this portrait.

        Raises:
            InputError: somebody else is live.
            MegActorError: the portrait or an option cannot be used, or the model cannot be loaded.
        """
        with self._lock:
            if self._who not in (None, who):
                raise InputError("somebody else is live on this server: try again when they have left")
            self._who, self._heard = who, time.monotonic() + 300  # loading a model takes as long as it takes
        try:
            with self._changing:
                if self._process is None or not self._process.alive:
                    self._process = LiveProcess(self._factory, self._arguments)
                self._recording = None
                self._process.ask("begin", str(portrait), options)
        except BaseException:
            self.leave(who)
            raise
        self._heard = time.monotonic()

    def frame(self, who: str, number: int, jpeg: bytes) -> None:
        """A picture of the camera.

        Raises:
            MegActorError: the session ended.
        """
        self._of(who).offer(number, jpeg)

    def picture(self, who: str, wait: float) -> tuple[int, bytes, dict[str, Any]] | None:
        """The newest picture that was not given yet: its frame's number, a JPEG, and what was measured.

        Args:
            who: sits there.
            wait: seconds at most; then None.

        Raises:
            MegActorError: the session ended.
        """
        return self._of(who).pictures.take(wait)

    def begin_again(self, who: str) -> None:
        """The next face is the new start."""
        self._of(who).begin_again()

    def record(self, who: str) -> None:
        """What is shown from now on is recorded, `LONGEST` at most."""
        self._of(who).ask("record", str(self._file))
        self._recording = time.monotonic()

    def recorded(self, who: str) -> bytes:
        """Ends the recording: an MP4.

        Raises:
            MegActorError: there is none.
        """
        process, self._recording = self._of(who), None
        process.ask("stop")
        try:
            return self._file.read_bytes()
        finally:
            self._file.unlink(missing_ok=True)

    def leave(self, who: str) -> None:
        """Frees the place."""
        with self._lock:
            if self._who != who:
                return
            self._who, self._left, self._recording = None, time.monotonic(), None
        process = self._process
        if process is not None and process.alive:
            with contextlib.suppress(MegActorError):
                process.ask("end")
        self._file.unlink(missing_ok=True)

    def close(self) -> None:
        """Ends the process."""
        self._closed.set()
        self._end()
        self._folder.cleanup()

    @property
    def _file(self) -> Path:
        return Path(self._folder.name) / "live.mp4"

    def _of(self, who: str) -> LiveProcess:
        process = self._process
        if self._who != who or process is None or not process.alive:
            raise MegActorError("the live session ended: begin again")
        if process.failure:
            failure = process.failure
            self.leave(who)
            raise MegActorError(failure)
        self._heard = time.monotonic()
        return process

    def _end(self) -> None:
        with self._changing:
            process, self._process = self._process, None
            if process is not None:
                process.close()

    def _watch(self) -> None:
        while not self._closed.wait(1.0):
            now, who = time.monotonic(), self._who
            if who is not None and now - self._heard > SILENCE:
                self.leave(who)
            elif who is None and self._process is not None and now - self._left > IDLE:
                self._end()
            elif self._recording is not None and now - self._recording > LONGEST and who is not None:
                self.leave(who)
