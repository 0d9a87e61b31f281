"""The web server around the page: files, limits, beginning and end."""

import contextlib
import logging
import os
import secrets
import shutil
import socket
import tempfile
import threading
import webbrowser
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import quote

import gradio as gr
import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response

from megactor.errors import InputError
from megactor.ui.actions import DRIVERS, Actions
from megactor.ui.gate import LOCAL_NAMES, Gate
from megactor.ui.inputs import InputReader, demo_folder
from megactor.ui.jobs import Animator, JobQueue
from megactor.ui.limits import Limits
from megactor.ui.page import build_page
from megactor.ui.sessions import Sessions
from megactor.ui.theme import page_css, page_theme

SWEEP_INTERVAL = 1.0
MIN_TOKEN = 8


@dataclass(frozen=True)
class Address:
    """Where the page is served.

    host: name or address to listen at.
    port: number; 0 takes a free one.
    token: what visitors must know, or None.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    token: str | None = None

    @property
    def local(self) -> bool:
        """Only this machine can reach it."""
        return self.host in LOCAL_NAMES


def choose_address(host: str | None, port: int, token: str | None, allow_public: bool) -> Address:
    """Settles who may come in.

    Raises:
        InputError: the options contradict each other, or the token is too short to be one.
    """
    if token is not None and allow_public:
        raise InputError("--token and --allow-public contradict each other: choose one")
    if token is not None and len(token) < MIN_TOKEN:
        raise InputError(f"the token has {len(token)} characters, at least {MIN_TOKEN} are needed")
    address = Address(host or "127.0.0.1", port, token)
    if not address.local and token is None and not allow_public:
        return Address(address.host, port, secrets.token_urlsafe(16))
    return address


class PageServer:
    """One page, served until it is closed.

    Args:
        animator: makes the animations, usually a `MegActorPipeline`.
        address: where.
        limits: what a visitor may ask for.

    Attributes:
        url: where a browser finds the page, with the token.
        folder: holds all files of all visitors.

    Raises:
        InputError: the address cannot be used.
    """

    def __init__(self, animator: Animator, address: Address, limits: Limits) -> None:
        self._socket = _listen(address)
        self.folder = Path(tempfile.mkdtemp(prefix="megactor-ui-"))
        self._sessions = Sessions(_made(self.folder / "sessions"), limits.grace)
        self._queue = JobQueue(animator, limits.jobs)
        self._stop = threading.Event()
        # read by Gradio when its parts are made and when files come in
        os.environ["GRADIO_TEMP_DIR"] = str(_made(self.folder / "uploads"))
        actions = Actions(self._sessions, self._queue, InputReader(), limits)
        app = _routes(self._sessions)
        gr.mount_gradio_app(
            app,
            build_page(actions),
            path="/",
            theme=page_theme(),
            css=page_css(),
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            enable_monitoring=False,
            mcp_server=False,
            pwa=False,
            favicon_path=str(_static("icon.svg")),
            max_file_size=limits.upload_mb * 1_000_000,
        )
        self._server = _Server(Gate(app, address.token, address.local))
        host, port = self._socket.getsockname()[:2]
        shown = "localhost" if address.local else socket.gethostname() if host in ("0.0.0.0", "::") else address.host
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
        if address.token is not None:
            self.url += f"?token={quote(address.token)}"

    def run(self, open_browser: bool = False) -> None:
        """Serves until Ctrl-C, SIGTERM or `stop`."""
        threading.Thread(target=self._sweep, daemon=True).start()
        if open_browser:
            threading.Thread(target=self._open_browser, daemon=True).start()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.close()

    def stop(self) -> None:
        """Makes `run` return."""
        self._server.should_exit = True

    @property
    def started(self) -> bool:
        """It answers."""
        return self._server.started

    def close(self) -> None:
        """Ends all jobs and deletes all files."""
        self._stop.set()
        self._queue.close()
        self._socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _open_browser(self) -> None:
        while not self.started and not self._stop.wait(0.1):
            pass
        webbrowser.open(self.url)

    def _sweep(self) -> None:
        while not self._stop.wait(SWEEP_INTERVAL):
            self._sessions.sweep()


class _Server(uvicorn.Server):
    def __init__(self, gate: Gate) -> None:
        super().__init__(uvicorn.Config(gate, log_level="warning", timeout_graceful_shutdown=5))
        self._gate = gate

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # it would call every connection that we end an error
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._gate.close()
        await super().shutdown(sockets)


def _listen(address: Address) -> socket.socket:
    with contextlib.ExitStack() as stack:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen()  # who comes before the server is ready waits
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"cannot listen at {address.host}, port {address.port} ({reason}): try another --port or --host"
            ) from error
        stack.pop_all()
        return listener


def _routes(sessions: Sessions) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/media/{key}/{folder}/{name}")
    def media(key: str, folder: str, name: str) -> Response:
        path = sessions.file(key, folder, name)
        return Response(status_code=404) if path is None else FileResponse(path, headers={"cache-control": "no-store"})

    @app.get("/examples/{name}")
    def example(name: str) -> Response:
        return FileResponse(demo_folder() / name) if name in DRIVERS else Response(status_code=404)

    @app.get("/responsible-use")
    def responsible_use() -> Response:
        return HTMLResponse(_static("responsible-use.html").read_text(encoding="utf-8"))

    return app


def _static(name: str) -> Path:
    return Path(str(resources.files("megactor") / "ui" / "static" / name))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
