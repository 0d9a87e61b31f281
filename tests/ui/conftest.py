"""A page that draws with a stub, a proxy that can be cut before it, a real Chromium with a face before its camera."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_visitor import Site, Visitor
from PIL import Image

from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.media.writer import VideoWriter
from megactor.ui.inputs import demo_folder

CHROMIUM_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.close()


@pytest.fixture(scope="module")  # its event loop stays in the way of others as long as it runs
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium with an empty profile, and the packaged talk before its camera."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        pytest.skip("no Chromium on this machine: the page is not tested in a browser")
    camera = _camera(tmp_path_factory.mktemp("camera") / "face.y4m")
    executable = _without_real_time(executable, tmp_path_factory.mktemp("chromium"))
    arguments = [*CHROMIUM_ARGUMENTS, f"--use-file-for-fake-video-capture={camera}"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=arguments)
        yield browser
        browser.close()


def _without_real_time(executable: str, folder: Path) -> str:
    """What starts the browser without the right to real-time threads, where that right can be given up.

    Started by root, Chromium gives the threads of its sound the policy SCHED_RR, and a machine of two cores that these
    threads keep busy runs nothing else: a whole suite has stood still for eighty minutes, with a hundred threads
    waiting and the kernel's "RT throttling activated".
    """
    drop = ["setpriv", "--bounding-set", "-sys_nice", "--inh-caps", "-sys_nice"]
    if shutil.which("setpriv") is None or subprocess.run([*drop, "true"], capture_output=True).returncode:
        return executable
    script = folder / "chromium"
    script.write_text(f'#!/bin/sh\nexec {" ".join(drop)} "{executable}" "$@"\n')
    script.chmod(0o755)
    return str(script)


def _camera(path: Path) -> Path:
    """Ten frames of the packaged talk as raw YUV 4:2:0."""
    reader = VideoReader(demo_folder() / "talk.mp4", 1, 2, 10)
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W320 H320 F10:1 Ip A1:1 C420jpeg\n")
        for frame in reader:
            planes = np.asarray(Image.fromarray(frame).resize((320, 320)).convert("YCbCr"))
            file.write(b"FRAME\n" + planes[..., 0].tobytes())
            for plane in (planes[..., 1], planes[..., 2]):
                file.write(plane[::2, ::2].tobytes())
    return path


@pytest.fixture(scope="module")
def tab_of_module(browser: Any, site: Site) -> Iterator[Visitor]:
    visitor = Visitor(browser, site.url)
    yield visitor
    assert [url for url in visitor.requests if not url.startswith((visitor.url, "data:", "blob:"))] == []
    visitor.tab.context.close()


@pytest.fixture
def visitor(tab_of_module: Visitor) -> Visitor:
    """The module's tab with a new visit."""
    tab_of_module.clear()
    return tab_of_module


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
