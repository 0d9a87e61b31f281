"""A page with the packaged model, a real Chromium, and inputs that take a second."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.media.writer import VideoWriter
from megactor.ui.inputs import demo_folder
from megactor.ui.limits import Limits
from megactor.ui.server import Address, PageServer

LIMITS = Limits(upload_mb=2, seconds=6, jobs=2, results=2, grace=5)

CHROMIUM_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    """The page on a free port of this machine, with the packaged model."""
    from megactor.pipeline import MegActorPipeline

    page_server = PageServer(MegActorPipeline.from_preset("nano", device="cpu"), Address(port=0), LIMITS)
    thread = threading.Thread(target=page_server.run, daemon=True)
    thread.start()
    while not page_server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    yield page_server
    page_server.stop()
    thread.join(timeout=20)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium with an empty profile."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        pytest.skip("no Chromium on this machine: the page is not tested in a browser")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any, server: PageServer) -> Iterator[Callable[[], Any]]:
    """Opens the page for a new visitor; fails if a browser asked another host or logged an error."""
    tabs, requests, complaints = [], [], []

    def opened() -> Any:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(60_000)
        tab = context.new_page()
        tabs.append(tab)
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: complaints.append(message) if message.type == "error" else None)
        tab.on("pageerror", lambda error: complaints.append(error))
        tab.goto(server.url)
        tab.wait_for_selector("#driving .ma-thumbs")
        return tab

    yield opened
    for tab in tabs:
        tab.context.close()
    assert [url for url in requests if not url.startswith((server.url, "data:", "blob:"))] == []
    assert [str(complaint) for complaint in complaints if not _is_gradios_own(complaint)] == []


def _is_gradios_own(complaint: Any) -> bool:
    """Gradio 6.31 asks how far the upload of a webcam's picture is, without its number, and logs the answer."""
    place = getattr(complaint, "location", {}).get("url", "")
    return place.endswith("upload_progress?upload_id=") or str(complaint) == "Response"


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of the packaged talk, 128x128, 8 frames a second, with sound."""
    path = tmp_path_factory.mktemp("driving") / "short.mp4"
    reader = VideoReader(demo_folder() / "talk.mp4", 1, 1.5, 8)
    with VideoWriter(path, reader.fps, (128, 128), audio=reader.audio_track()) as writer:
        for frame in reader:
            writer.write(np.asarray(Image.fromarray(frame).resize((128, 128))))
    return path


@pytest.fixture(scope="session")
def couple(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of two people, the larger one on the left."""
    path = tmp_path_factory.mktemp("portrait") / "couple.png"
    left, right = load_image(demo_folder() / "photo.jpg"), Image.open(demo_folder() / "oil.jpg").resize((256, 512))
    Image.fromarray(np.concatenate([left, np.asarray(right)], axis=1)).save(path)
    return path
