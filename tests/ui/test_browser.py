"""The page as people use it, in a real Chromium."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from media_samples import Clip, write_clip
from PIL import Image

from megactor.errors import FaceError
from megactor.media.writer import VideoWriter
from megactor.pipeline import MegActorPipeline
from megactor.ui.inputs import demo_folder
from megactor.ui.server import PageServer

PHOTO = demo_folder() / "photo.jpg"


def give(tab: Any, portrait: Path, driving: Path) -> None:
    tab.set_input_files("#portrait input[type=file]", portrait)
    tab.wait_for_selector("#portrait .ma-faces img")
    tab.set_input_files("#driving input[type=file]", driving)
    tab.wait_for_selector("#driving video.ma-video")


def examples(tab: Any) -> None:
    """The packaged clip has 100 frames: enough to see a job at work."""
    tab.click("#portrait button[aria-label='3-D avatar']")
    tab.click("#driving button[aria-label='Talking']")
    tab.wait_for_selector("#portrait .ma-faces img")
    tab.wait_for_selector("#driving video.ma-video")


def animate(tab: Any) -> None:
    tab.wait_for_selector("#animate:not([disabled])")
    tab.click("#animate")


def alert_of(tab: Any, card: str) -> str:
    return tab.wait_for_selector(f"{card} .ma-alert").inner_text()


def files_go(tab: Any, server: PageServer) -> bool:
    """Waits until the server holds no file of anybody."""
    for _ in range(300):
        if not any(path.is_file() for path in server.folder.rglob("*")):
            return True
        tab.wait_for_timeout(100)
    return False


def test_upload_animate_play_download(visit: Callable[[], Any], short: Path, couple: Path) -> None:
    tab = visit()
    give(tab, couple, short)
    faces = tab.query_selector_all("#portrait .ma-face")
    assert [face.get_attribute("aria-pressed") for face in faces] == ["true", "false"]
    faces[1].click()
    tab.wait_for_selector("#portrait .ma-face[data-index='1'][aria-pressed='true']")

    animate(tab)
    tab.wait_for_selector("#result video.ma-result")
    tab.wait_for_function("document.querySelector('video.ma-result').currentTime > 0.1")
    video = tab.query_selector("video.ma-result")
    assert video.evaluate("video => [video.readyState >= 2, video.videoWidth, video.error]") == [True, 512, None]

    with tab.expect_download() as download:
        tab.click("a.ma-download")
    assert download.value.suggested_filename == "couple-short.mp4"
    with av.open(io.BytesIO(Path(download.value.path()).read_bytes())) as container:
        assert container.streams.video[0].frames == 4
        assert container.streams.audio
        assert "MegActor" in container.metadata["comment"]
        frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    # the second face is the one in the oil painting
    pictures = [np.asarray(Image.open(demo_folder() / name)) for name in ("oil.jpg", "photo.jpg")]
    oil, photo = (np.abs(frame.mean((0, 1)) - picture.mean((0, 1))).mean() for picture in pictures)
    assert oil < photo


def test_progress_cancel_and_the_next_job(visit: Callable[[], Any], server: PageServer) -> None:
    tab = visit()
    examples(tab)
    animate(tab)
    tab.wait_for_selector("#result .ma-bar")
    tab.wait_for_function("parseInt(document.querySelector('#result .ma-bar').getAttribute('aria-valuenow')) > 0")
    tab.click("#cancel")
    tab.wait_for_selector("text=Canceled. Nothing was kept.")
    tab.wait_for_selector("#animate")
    assert files_go(tab, server)

    tab.click("text=Quick look")
    tab.click("#settings button")
    tab.get_by_label("End (s)").fill("0.3")
    animate(tab)
    tab.wait_for_selector("#result video.ma-result")
    assert "4 frames" in tab.inner_text("#result .ma-note")


def test_bad_files_are_explained(visit: Callable[[], Any], tmp_path: Path, server: PageServer) -> None:
    tab = visit()
    Image.fromarray(np.full((90, 90, 3), 90, np.uint8)).save(tmp_path / "gray.png")
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "text.mp4").write_text("not a video")
    tab.set_input_files("#portrait input[type=file]", tmp_path / "gray.png")
    assert alert_of(tab, "#portrait").startswith("no face found in the 90x90 portrait")
    tab.set_input_files("#portrait input[type=file]", tmp_path / "text.png")
    tab.wait_for_selector("#portrait .ma-alert:has-text('text.png')")
    assert alert_of(tab, "#portrait") == "not a picture that can be read: text.png; convert it to PNG or JPEG"
    tab.set_input_files("#driving input[type=file]", tmp_path / "text.mp4")
    assert alert_of(tab, "#driving").startswith("not a video that can be read: text.mp4")
    assert tab.query_selector("#animate").is_disabled()
    assert files_go(tab, server)


def test_a_failed_job_says_what_the_command_line_says(
    visit: Callable[[], Any], server: PageServer, tmp_path: Path, short: Path
) -> None:
    empty = write_clip(tmp_path / "empty.mp4", Clip(frames=5))
    with pytest.raises(FaceError) as failure:
        MegActorPipeline.from_preset("nano", device="cpu")(str(PHOTO), str(empty))
    tab = visit()
    give(tab, PHOTO, empty)
    assert "No face in its first seconds." in tab.inner_text("#driving")
    animate(tab)
    assert alert_of(tab, "#result") == str(failure.value).replace(f"{tmp_path}/", "")

    # and the server is well
    tab.click("text=Choose another video")
    tab.set_input_files("#driving input[type=file]", short)
    tab.wait_for_selector("#driving video.ma-video")
    animate(tab)
    tab.wait_for_selector("#result video.ma-result")


def test_limits(visit: Callable[[], Any], tmp_path: Path, server: PageServer) -> None:
    tab = visit()
    long = tmp_path / "long.mp4"
    with VideoWriter(long, 2, (64, 64)) as writer:
        for _ in range(14):
            writer.write(np.zeros((64, 64, 3), np.uint8))
    give(tab, PHOTO, long)
    animate(tab)
    assert alert_of(tab, "#result").startswith("the driving video is 7 s long and this page animates up to 6 s")
    large = {"name": "large.mp4", "mimeType": "video/mp4", "buffer": bytes(2_100_000)}
    assert tab.request.post(f"{server.url}gradio_api/upload", multipart={"files": large}).status == 413


def test_two_visitors_at_once(visit: Callable[[], Any], server: PageServer, short: Path) -> None:
    first, second, third = visit(), visit(), visit()
    examples(first)
    give(second, PHOTO, short)
    give(third, PHOTO, short)
    animate(first)
    first.wait_for_selector("#result .ma-bar")
    animate(second)
    second.wait_for_selector("text=Waiting for 1 other animation")
    animate(third)
    assert alert_of(third, "#result").startswith("2 animations are running or waiting already")
    first.click("#cancel")
    second.wait_for_selector("#result video.ma-result")
    assert first.query_selector("#result video") is None
    assert first.query_selector("#portrait img[alt='The portrait']") is not None


def test_earlier_results_come_back(visit: Callable[[], Any], short: Path) -> None:
    tab = visit()
    give(tab, PHOTO, short)
    for name, size in (("Standard", "512x512"), ("Compare", "1536x512")):
        tab.click(f"#presets >> text={name}")
        animate(tab)
        tab.wait_for_selector(f"#result .ma-note:has-text('{size}')")
    tab.click("#result .ma-thumbs button >> nth=1")
    tab.wait_for_selector("#result .ma-note:has-text('512x512')")


def test_everything_fits_on_a_phone(visit: Callable[[], Any], couple: Path, short: Path) -> None:
    tab = visit()
    tab.set_viewport_size({"width": 360, "height": 740})
    give(tab, couple, short)
    tab.click("#settings button")
    animate(tab)
    tab.wait_for_selector("#result video.ma-result")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    boxes = [tab.query_selector(card).bounding_box() for card in ("#portrait", "#driving", "#controls", "#result")]
    assert all(box["width"] > 320 for box in boxes)
    tops = [box["y"] for box in boxes]
    assert tops == sorted(tops)


def test_webcam(visit: Callable[[], Any]) -> None:
    """Chromium's test camera shows no face; that its picture is read is what counts."""
    tab = visit()
    tab.click("#portrait button[aria-label='Capture from camera']")
    tab.click("#portrait [title='grant webcam access'] button")
    tab.wait_for_function("document.querySelector('#portrait video').videoWidth > 0")
    tab.click("#portrait button[aria-label='capture photo']")
    assert alert_of(tab, "#portrait").startswith("no face found")


def test_responsible_use_is_linked(visit: Callable[[], Any]) -> None:
    tab = visit()
    assert "marked as generated" in tab.inner_text(".ma-footer")
    with tab.context.expect_page() as opened:
        tab.click("text=Responsible use")
    opened.value.wait_for_selector("h1")
    assert "Ask first" in opened.value.inner_text("body")
    opened.value.close()


def test_files_go_with_the_visitor(visit: Callable[[], Any], server: PageServer, short: Path) -> None:
    tab = visit()
    give(tab, PHOTO, short)
    animate(tab)
    tab.wait_for_selector("#result video.ma-result")
    url = tab.get_attribute("video.ma-result", "src")
    assert tab.request.get(server.url.rstrip("/") + url).status == 200
    other = visit()
    tab.context.close()
    assert files_go(other, server)
    assert other.request.get(server.url.rstrip("/") + url).status == 404
