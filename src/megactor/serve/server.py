"""The process around the interface: its address, its engine, its end."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import uvicorn

from megactor.errors import InputError
from megactor.jobs.engine import Engine
from megactor.jobs.limits import JobLimits
from megactor.jobs.runner import RunnerSpec
from megactor.serve.app import create_app
from megactor.serve.tokens import Tokens

_PATIENCE = 5
"""Seconds that open connections have at the end."""
_IDLE = 75
"""Seconds that a silent connection stays: a client that follows a job uses its others again only after it."""


class Server:
    """Serves until it is told to stop; jobs that are not done then go on at the next start in the same folder.

    Args:
        folder: for tokens, jobs, uploads and results.
        host: name or address to listen at.
        port: number; 0 takes a free one.
        runner: what does the jobs.
        model: as clients may know it.
        limits: what callers may ask for.
        workers: processes that animate.
        keep: seconds that results stay.
        verbose: workers print the trace of what fails.

    Attributes:
        url: where it is.

    Raises:
        InputError: the address cannot be used, or another server is at work in the folder.
    """

    def __init__(
        self,
        folder: Path,
        host: str,
        port: int,
        runner: RunnerSpec,
        model: str,
        limits: JobLimits,
        workers: int = 1,
        keep: float = 86400,
        verbose: bool = False,
    ) -> None:
        with contextlib.ExitStack() as stack:
            self._socket = stack.enter_context(_listen(host, port))
            tokens = Tokens(folder)
            engine = Engine(folder / "jobs", runner, workers=workers, limits=limits, keep=keep, verbose=verbose)
            self.engine = stack.enter_context(engine)
            app = create_app(engine, tokens, model)
            config = uvicorn.Config(
                app, log_level="warning", timeout_graceful_shutdown=_PATIENCE, timeout_keep_alive=_IDLE
            )
            self._server = uvicorn.Server(config)
            self._resources = stack.pop_all()
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"

    def run(self) -> None:
        """Serves until Ctrl-C, SIGTERM or `stop`."""
        with self._resources:
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Makes `run` return."""
        self._server.should_exit = True

    @property
    def started(self) -> bool:
        """It answers."""
        return self._server.started


def _listen(host: str, port: int) -> socket.socket:
    listener = None
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(256)  # who comes before the server is ready waits
        return listener
    except OSError as error:
        if listener is not None:
            listener.close()
        reason = error.strerror or str(error)
        raise InputError(f"cannot listen at {host}, port {port} ({reason}): try another --port or --host") from error
