"""The web server around the page: where it listens, how it begins and ends."""

import logging
import socket
import threading
import webbrowser
from urllib.parse import quote

import gradio as gr
import uvicorn
from fastapi import FastAPI

from megactor.errors import ModelError
from megactor.jobs import Engine, RunnerSpec
from megactor.ui.actions import Actions
from megactor.ui.address import Address, listen
from megactor.ui.gate import Gate
from megactor.ui.inputs import InputReader
from megactor.ui.invitation import reachable_host
from megactor.ui.limits import Limits
from megactor.ui.live_room import LiveRoom
from megactor.ui.live_routes import live_routes
from megactor.ui.page import HEAD, build_page
from megactor.ui.routes import file_routes, visit_routes
from megactor.ui.theme import page_css, page_theme, static


class PageServer:
    """One page, served until it is closed.

    Args:
        engine: makes the animations; it is closed with the page.
        address: where.
        limits: what a visitor may ask for.
        listening: a socket that listens there already, or None.
        model: name of what animates, for the head of the page.
        live: what makes the pipeline of the Live tab, in a process of its own; None for a page without that tab.

    Attributes:
        url: where a browser finds the page, with the token.
        engine: as given.

    Raises:
        InputError: the address cannot be used.
    """

    def __init__(
        self,
        engine: Engine,
        address: Address,
        limits: Limits,
        listening: socket.socket | None = None,
        *,
        model: str = "nano",
        live: RunnerSpec | None = None,
    ) -> None:
        self._socket = listening or listen(address)
        self.engine = engine
        self._stop = threading.Event()
        actions = Actions(engine, InputReader(), limits)
        app = FastAPI(openapi_url=None)
        app.include_router(visit_routes(actions))
        app.include_router(file_routes(actions))
        self._room = None if live is None else LiveRoom(live.factory, live.arguments)
        if self._room is not None:
            app.include_router(live_routes(self._room, actions.seat))
        gr.mount_gradio_app(
            app,
            build_page(limits, model, live is not None),
            path="/",
            theme=page_theme(),
            css=page_css(),
            head=HEAD,
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            enable_monitoring=False,
            mcp_server=False,
            pwa=False,
            favicon_path=str(static("icon.svg")),
        )
        self._server = _Server(Gate(app, address.token, address.local, address.framed_by))
        port = self._socket.getsockname()[1]
        shown = "localhost" if address.local else reachable_host(address.host)
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
        if address.token is not None:
            self.url += f"?token={quote(address.token)}"

    def run(self, open_browser: bool = False) -> None:
        """Serves until Ctrl-C, SIGTERM or `stop`.

        Raises:
            ModelError: the model cannot be loaded.
        """
        threading.Thread(target=self._watch, daemon=True).start()
        if open_browser:
            threading.Thread(target=self._open_browser, daemon=True).start()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.close()
        if self.engine.failure:
            raise ModelError(self.engine.failure)

    def stop(self) -> None:
        """Makes `run` return."""
        self._server.should_exit = True

    @property
    def started(self) -> bool:
        """It answers."""
        return self._server.started

    def close(self) -> None:
        """Ends the workers; what visitors have stays in the engine's folder."""
        self._stop.set()
        self._socket.close()
        if self._room is not None:
            self._room.close()
        self.engine.close()

    def _open_browser(self) -> None:
        while not self.started and not self._stop.wait(0.1):
            pass
        webbrowser.open(self.url)

    def _watch(self) -> None:
        """Ends a page that could never animate anything."""
        while not self._stop.wait(0.2):
            if self.engine.failure:
                self.stop()


class _Server(uvicorn.Server):
    def __init__(self, gate: Gate) -> None:
        super().__init__(uvicorn.Config(gate, log_level="warning", timeout_graceful_shutdown=5))
        self._gate = gate

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # it would call every connection that we end an error
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._gate.close()
        await super().shutdown(sockets)
