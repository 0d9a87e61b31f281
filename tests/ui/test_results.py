"""What can be done with a result, and the part of a video that is animated, in a real Chromium."""

from pathlib import Path

import numpy as np
import pytest
from page_visitor import Visitor
from PIL import Image

from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.ui.inputs import demo_folder


def test_an_example_plays_before_the_first_click(visitor: Visitor) -> None:
    film = visitor.tab.wait_for_selector("#result .ma-example video")
    visitor.tab.wait_for_function("document.querySelector('.ma-example video').currentTime > 0")
    box = film.bounding_box()
    assert box["y"] + box["height"] < 720, "above the fold"
    assert film.evaluate("film => film.muted")
    visitor.tab.click(".ma-example")
    visitor.tab.wait_for_function("document.querySelector('.ma-example video').paused")
    assert "nano: a quick, small model" in visitor.tab.inner_text(".ma-header")


def test_a_part_is_chosen_with_handles_and_the_result_plays_beside_its_driver(visitor: Visitor, tmp_path: Path) -> None:
    tab = visitor.tab
    tab.click("#portrait .ma-thumbs button")
    tab.wait_for_selector("#portrait .ma-faces")
    tab.click("#driving .ma-thumbs button")
    tab.wait_for_selector("#driving .ma-trim")
    tab.locator("[data-trim=start]").fill("1")
    tab.locator("[data-trim=end]").fill("1.8")
    assert tab.inner_text(".ma-trim output") == "1.0 to 1.8 s"
    box = tab.query_selector("#animate").bounding_box()
    assert box["y"] + box["height"] <= 720, "above the fold"
    visitor.animate()
    tab.wait_for_selector("#result video.ma-result")
    assert "20 frames" in tab.inner_text("#result [data-part=result]")

    # both play with the one control, the driver from where the part began
    tab.evaluate("document.querySelector('.ma-result').play()")
    tab.wait_for_function("document.querySelector('.ma-beside').currentTime > 1.2")
    tab.wait_for_function("document.querySelector('.ma-result').ended || document.querySelector('.ma-result').paused")
    tab.wait_for_function("document.querySelector('.ma-beside').paused")
    tab.evaluate("document.querySelector('.ma-result').currentTime = 0.4")
    tab.wait_for_function("Math.abs(document.querySelector('.ma-beside').currentTime - 1.4) < 0.15")

    for words, suffix in (("GIF", ".gif"), ("WebP", ".webp")):
        with tab.expect_download() as download:
            tab.click(f".ma-more a:has-text('{words}')")
        path = tmp_path / f"result{suffix}"
        download.value.save_as(path)
        assert Path(download.value.suggested_filename).suffix == suffix
        assert Image.open(path).n_frames == pytest.approx(20, abs=1)
        assert next(iter(VideoReader(path))).shape[:2] == (512, 512)

    with tab.expect_download() as download:
        tab.click(".ma-more a:has-text('Whole picture')")
    whole = tmp_path / "whole.mp4"
    download.value.save_as(whole)
    first = next(iter(VideoReader(whole)))
    photo = load_image(demo_folder() / "photo.jpg")
    assert first.shape == photo.shape
    changed = np.abs(first.astype(int) - photo).mean(2) > 30
    assert changed.any()
    assert not changed[:10].any(), "what lies around the face is as it was"

    # another preset forgets the part; the result's settings bring it back
    tab.click("#presets >> text=Whole picture")
    tab.wait_for_function("document.querySelector('.ma-trim output').textContent === 'all of it'")
    tab.click("[data-do=again]")
    tab.wait_for_function("document.querySelector('.ma-trim output').textContent === '1.0 to 1.8 s'")
    tab.click("#settings button")
    assert tab.locator("#start :is(input, textarea)").input_value() == "1"
    assert tab.get_by_label("Face", exact=True).is_checked()
    assert visitor.complaints == []


def test_example_videos_play_while_they_are_looked_at(visitor: Visitor) -> None:
    tab = visitor.tab
    buttons = tab.locator("#driving .ma-thumbs button")
    assert buttons.count() == 6
    winks = tab.get_by_label("Glances and winks")
    winks.hover()
    tab.wait_for_function("document.querySelector('#driving .ma-thumbs video')?.currentTime > 0.1")
    film = winks.locator("video")
    assert film.evaluate("film => [film.muted, film.loop, film.hidden]") == [True, True, False]
    assert not winks.locator("img").is_visible()
    tab.mouse.move(5, 5)
    film.wait_for(state="detached")
    assert winks.locator("img").is_visible()
    # the keyboard reaches them too
    tab.get_by_label("Laugh and surprise").focus()
    tab.keyboard.press("Tab")
    tab.wait_for_function("document.querySelector('[aria-label^=Turning] video')?.currentTime > 0")
    assert tab.locator("#driving .ma-thumbs video").count() == 1, "the one before stopped"
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#driving video[aria-label='turn.mp4']")
    tab.emulate_media(reduced_motion="reduce")
    winks.hover()
    tab.wait_for_timeout(300)
    assert winks.locator("video").count() == 0
    tab.emulate_media(reduced_motion="no-preference")
    assert tab.request.get(f"{visitor.url}page/drivers/6").status == 404
    assert visitor.complaints == []
