"""The Live tab in a real Chromium, whose camera shows the packaged talk; the pictures are a stub's."""

from pathlib import Path

import av
from page_visitor import Visitor

from megactor.media.reader import VideoReader

PIXEL = """(() => {
    const canvas = document.getElementById("live-picture");
    return canvas.getContext("2d").getImageData(0, 0, 1, 1).data;
})()"""
"""A pixel of the result: the stub's pictures are as bright as the camera's, and lose their green by beginning again."""


def test_the_camera_drives_the_portrait_and_what_is_shown_can_be_saved(visitor: Visitor, tmp_path: Path) -> None:
    tab = visitor.tab
    tab.click("[role=tab]:has-text('Live')")
    tab.wait_for_selector("#live-slot #portrait .ma-drop")
    tab.click("#live-start")
    assert tab.wait_for_selector("#live-alert:not([hidden])").inner_text() == "Choose a portrait first."
    tab.click("#portrait .ma-thumbs button")
    tab.wait_for_selector("#portrait .ma-faces")

    tab.click("#live-start")
    tab.wait_for_selector("#live-screen.ma-shown")
    tab.wait_for_function("/frames.s, .* ms behind you/.test(document.getElementById('live-measured').textContent)")
    tab.wait_for_function(f"{PIXEL}[1] > 60")
    assert tab.query_selector("#live-alert").is_hidden()

    tab.click("#live-record")
    tab.click("#live-again")
    tab.wait_for_function(f"{PIXEL}[0] > 60 && {PIXEL}[1] < 30")
    with tab.expect_download() as download:
        tab.click("#live-record")
    assert download.value.suggested_filename == "live.mp4"
    clip = tmp_path / "live.mp4"
    download.value.save_as(clip)
    assert next(iter(VideoReader(clip))).shape == (64, 64, 3)
    with av.open(str(clip)) as container:
        assert "MegActor" in container.metadata["comment"]

    tab.locator("#live-eyes").fill("0")  # takes effect while it runs, and begins with the first face again
    tab.wait_for_function(f"{PIXEL}[0] < 8")

    tab.click("[role=tab]:has-text('Animate')")
    tab.wait_for_selector("#stage #portrait .ma-faces")
    tab.wait_for_function("document.getElementById('live-camera').srcObject === null")
    assert visitor.complaints == []
