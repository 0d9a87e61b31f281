"""A page behind a proxy that can be cut, and what people do on it."""

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any

import page_runner
from patience import PATIENCE

from megactor.jobs import Engine, RunnerSpec
from megactor.ui.address import Address
from megactor.ui.limits import Limits
from megactor.ui.server import PageServer

LIMITS = Limits(upload_mb=2, seconds=6, jobs=2, results=3)


class Site:
    """A server that can be restarted on its folder, behind an address that stays and whose connections can be cut."""

    def __init__(self, folder: Path, runner: RunnerSpec = page_runner.SPEC) -> None:
        self.folder, self._runner = folder, runner
        self._front = socket.create_server(("127.0.0.1", 0))
        self._cut = threading.Event()
        self._pipes: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()
        self.url = f"http://localhost:{self._front.getsockname()[1]}/"
        self.start()

    def start(self) -> None:
        engine = Engine(self.folder, self._runner, limits=LIMITS.of_jobs)
        self.server = PageServer(engine, Address(port=0), LIMITS, live=RunnerSpec("live_factory:load"))
        self._port = int(self.server.url.rstrip("/").rsplit(":", 1)[1])
        self._thread = threading.Thread(target=self.server.run, daemon=True)
        self._thread.start()
        while not self.server.started:
            assert self._thread.is_alive()
            time.sleep(0.02)

    def stop(self) -> None:
        self.server.stop()
        self._thread.join(timeout=PATIENCE)
        assert not self._thread.is_alive()

    def close(self) -> None:
        self.stop()
        self._front.close()

    def cut(self) -> None:
        """Ends all connections and answers no more."""
        self._cut.set()
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.shutdown(socket.SHUT_RDWR)
        self._pipes.clear()

    def mend(self) -> None:
        self._cut.clear()

    def _accept(self) -> None:
        while True:
            try:
                browser, _ = self._front.accept()
            except OSError:
                return
            try:
                if self._cut.is_set():
                    raise OSError
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                browser.close()
                continue
            self._pipes += [browser, server]
            for source, target in ((browser, server), (server, browser)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
    except OSError:
        pass
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


_TYPED = 250
"""Milliseconds after which the page knows what was typed: nobody clicks sooner."""


class Visitor:
    """A tab of the page, with what people do on it.

    complaints: errors that its console showed.
    requests: addresses that it asked for.
    """

    def __init__(self, browser: Any, url: str) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._cleared: set[str] = set()  # files of a visit that is over may be asked for, and gone, a moment later
        context = browser.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True)
        context.set_default_timeout(PATIENCE * 1000)
        self.tab = context.new_page()
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("console", self._hear)
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("dialog", lambda dialog: dialog.accept())
        self.tab.goto(url, wait_until="commit")
        self.tab.wait_for_selector("#driving .ma-drop")

    def _hear(self, told: Any) -> None:
        address = told.location.get("url")
        is_gone = told.text.startswith("Failed to load resource") and address in self._cleared
        if told.type == "error" and not is_gone:
            self.complaints.append(f"{told.text} ({address})")

    def clear(self) -> None:
        """A new visit in the same tab; loading the page anew costs more than most tests."""
        self.tab.set_viewport_size({"width": 1280, "height": 720})
        self.tab.click("text=Clear")
        self.tab.wait_for_selector("#driving .ma-drop")
        self.tab.wait_for_selector("#portrait .ma-drop")
        self.tab.wait_for_selector("#result .ma-empty")
        for preset in ("Quick look", "Standard"):  # a chosen one that is clicked again changes nothing
            self.tab.click(f"#presets >> text={preset}")
        self._cleared = set(self.requests)
        self.complaints.clear()

    def give(self, portrait: Path | None, driving: Path | None) -> None:
        for card, path in (("#portrait", portrait), ("#driving", driving)):
            if path is not None:
                self.tab.set_input_files(f"{card} input[type=file]", path)
                self.tab.wait_for_selector(f"{card} .ma-change")

    def setting(self, name: str, value: str) -> None:
        if not self.tab.get_by_label(name).is_visible():
            self.tab.click("#settings button")
        self.tab.get_by_label(name).fill(value)
        self.tab.wait_for_timeout(_TYPED)

    def animate(self) -> None:
        self.tab.click("#animate")

    def slowly(self) -> None:
        """Makes the stub take its time."""
        if not self.tab.get_by_label("Seed").is_visible():
            self.tab.click("#settings button")
        self.tab.locator("#settings input[type=number]").first.fill("2")
        self.tab.wait_for_timeout(_TYPED)

    def alert(self, card: str) -> str:
        return str(self.tab.wait_for_selector(f"{card} .ma-alert:not([hidden])").inner_text())

    def results(self) -> int:
        return len(self.tab.query_selector_all("#result .ma-history button"))
