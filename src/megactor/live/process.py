"""A live session in a process of its own: frames go in and pictures come out as JPEGs, by a pipe.

What a server's visitors drive must neither hold up its answers nor end it, and the model's memory goes with it:

    python -m megactor.live.process FACTORY ARGUMENTS

It ends when its standard input does: also when the server was killed.
"""

import contextlib
import importlib
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import cv2
import numpy as np

from megactor.errors import MegActorError, explain
from megactor.lean_imports import uncollected
from megactor.live.latest import Latest
from megactor.live.recorder import LiveRecorder

if TYPE_CHECKING:
    from megactor.live.session import LivePicture, LiveSession

QUALITY = 85
"""Of the JPEGs that go out."""
_LEAVE = 3.0
"""Seconds that a process has to end by itself."""

log = logging.getLogger(__name__)


class LiveProcess:
    """The server's end.

    Args:
        factory: "module:function" of what makes the pipeline there.
        arguments: of the function, as JSON can hold them.

    Attributes:
        pictures: the newest one: number of its frame, JPEG, and what was measured.
        alive: whether it answers.
        failure: why pictures stopped, in one line, or "".
    """

    def __init__(self, factory: str, arguments: dict[str, Any]) -> None:
        command = [sys.executable, "-m", "megactor.live.process", factory, json.dumps(arguments)]
        paths = os.pathsep.join(filter(None, sys.path))  # the factory's module is found where this process finds it
        environment = os.environ | {"PYTHONPATH": paths}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.pictures: Latest[tuple[int, bytes, dict[str, Any]]] = Latest()
        self._answers: Latest[tuple[str, Any]] = Latest()
        self._sending, self._asking = threading.Lock(), threading.Lock()
        self.alive, self.failure = True, ""
        self._reader = threading.Thread(target=self._read, name="megactor-live", daemon=True)
        self._reader.start()

    def ask(self, what: str, *values: Any) -> Any:
        """Waits for the answer to "begin", "record", "stop" or "end"; the first one waits until the model is loaded.

        Raises:
            MegActorError: it was refused, in one line; or the process is gone.
        """
        with self._asking:
            self.failure = ""
            self._send(what, *values)
            answer = self._answers.take()
        if answer is None:
            raise MegActorError("the live session ended: begin again")
        kind, value = answer
        if kind == "refused":
            raise MegActorError(value)
        if what == "begin":
            self.pictures.take(0)  # of whoever was here before
        return value

    def offer(self, number: int, jpeg: bytes) -> None:
        """A frame of the camera; nobody answers."""
        self._send("frame", number, jpeg)

    def begin_again(self) -> None:
        """See `LiveSession.begin_again`."""
        self._send("again")

    def close(self) -> None:
        """Ends it."""
        with contextlib.suppress(MegActorError):
            self._send("close")
        try:
            self._process.wait(_LEAVE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()

    def _send(self, *message: Any) -> None:
        try:
            with self._sending:
                _put(self._process.stdin, message)
        except (OSError, ValueError) as error:
            raise MegActorError("the live session ended: begin again") from error

    def _read(self) -> None:
        with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                kind, *values = _take(self._process.stdout)
                if kind == "picture":
                    self.pictures.put(tuple(values))
                elif kind == "failed":
                    self.failure = values[0]
                else:
                    self._answers.put((kind, values[0]))
        self.alive = False
        self.pictures.close()
        self._answers.close()


def _put(pipe: IO[bytes] | None, message: tuple[Any, ...]) -> None:
    assert pipe is not None
    pickle.dump(message, pipe)
    pipe.flush()


def _take(pipe: IO[bytes] | None) -> Any:
    assert pipe is not None
    return pickle.load(pipe)


def serve(told: IO[bytes], answers: IO[bytes], factory: str, arguments: dict[str, Any]) -> None:
    """The process: makes the pipeline, then does what it is told until it is closed or the server is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this
    module, _, function = factory.partition(":")
    try:
        pipeline = getattr(importlib.import_module(module), function)(**arguments)
        failure = ""
    except Exception as error:
        log.debug("making the pipeline", exc_info=error)
        pipeline, failure = None, explain(error)
    with _Desk(answers, pipeline, failure) as desk, contextlib.suppress(EOFError, OSError):
        while True:
            what, *values = _take(told)
            if what == "close":
                return
            desk.do(what, values)


class _Desk:
    """What messages do; one session at a time."""

    def __init__(self, answers: IO[bytes], pipeline: Any, failure: str) -> None:
        self._answers, self._pipeline, self._failure = answers, pipeline, failure
        self._sending = threading.Lock()
        self._recorder: LiveRecorder | None = None
        self._session: LiveSession | None = None
        self._recording = threading.Lock()

    def __enter__(self) -> "_Desk":
        return self

    def __exit__(self, *failure: object) -> None:
        self._end()

    def do(self, what: str, values: list[Any]) -> None:
        """One message; what is refused is told, and what goes wrong with a frame ends the session."""
        try:
            if what == "frame":
                self._frame(*values)
            elif what == "again":
                if self._session is not None:
                    self._session.begin_again()
            else:
                self._answer("done", getattr(self, f"_{what}")(*values))
        except Exception as error:
            log.debug("live: %s", what, exc_info=error)
            if what == "frame":
                self._tell("failed", explain(error))
                self._end()
            elif what != "again":
                self._answer("refused", explain(error))

    def _frame(self, number: int, jpeg: bytes) -> None:
        if self._session is None:
            return
        frame = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        if frame is not None:
            self._session.offer(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), number)

    def _begin(self, portrait: str, options: dict[str, Any]) -> None:
        self._end()
        if self._failure:
            raise MegActorError(self._failure)
        from megactor.live.session import LiveSession  # brings PyTorch, which a server does without

        self._session = LiveSession(self._pipeline, Path(portrait), self._show, **options)

    def _record(self, path: str) -> None:
        side = int(self._pipeline.config.output_size)
        with self._recording:
            if self._recorder is None:
                self._recorder = LiveRecorder(path, (side, side), force=True).__enter__()

    def _stop(self) -> int:
        with self._recording:
            recorder, self._recorder = self._recorder, None
            if recorder is None:
                raise MegActorError("nothing is being recorded")
            recorder.__exit__(None, None, None)
            return recorder.frames

    def _end(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
        with self._recording:
            recorder, self._recorder = self._recorder, None
            if recorder is not None:  # nobody asked for its file
                recorder.__exit__(EOFError, EOFError(), None)

    def _show(self, live: "LivePicture") -> None:
        with self._recording:
            if self._recorder is not None:
                self._recorder.add(live.picture, time.monotonic())
        session = self._session
        measured = {} if session is None else vars(session.measured)
        encoded, jpeg = cv2.imencode(
            ".jpg", cv2.cvtColor(live.picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        )
        if encoded:
            self._tell("picture", live.number, jpeg.tobytes(), measured)

    def _answer(self, kind: str, value: Any) -> None:
        self._tell(kind, value)

    def _tell(self, *message: Any) -> None:
        with self._sending, contextlib.suppress(OSError):
            _put(self._answers, message)


def load(model: str, device: str = "auto", dtype: str = "auto") -> Any:
    """The factory of the packaged pipeline; arguments as of `MegActorPipeline.from_preset`.

    Raises:
        ModelError: the model cannot be loaded.
    """
    with uncollected():
        from megactor.pipeline import MegActorPipeline

        return MegActorPipeline.from_preset(model, device=device, dtype=dtype)


def main() -> None:
    """See above."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    serve(sys.stdin.buffer, answers, sys.argv[1], json.loads(sys.argv[2]))


if __name__ == "__main__":
    main()
