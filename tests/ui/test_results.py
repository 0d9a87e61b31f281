"""What can be done with a result, and the part of a video that is animated, in a real Chromium."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_visitor import Site, Visitor
from patience import wait_until
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


def _square(tab: Any) -> list[float]:
    """x, y and side of the square on the portrait, in screen pixels."""
    look = """() => {
        const box = document.querySelector("#portrait .ma-crop").getBoundingClientRect();
        return [box.x, box.y, box.width];
    }"""
    return [float(value) for value in tab.evaluate(look)]  # at once: news of the visit replaces the square


def _rested(tab: Any) -> list[float]:
    """The square, once nothing moves it: pictures that come in move the cards."""
    seen = [_square(tab)]
    while len(seen) < 6 or len({tuple(square) for square in seen[-6:]}) > 1:
        tab.wait_for_timeout(100)
        seen.append(_square(tab))
    return seen[-1]


def _settles(tab: Any, expected: list[float], abs: float = 3) -> None:
    """The square comes to a place, however busy the machine is."""
    wait_until(lambda: _square(tab) == pytest.approx(expected, abs=abs), pause=0.1)


def _drag(tab: Any, start: tuple[float, float], way: tuple[float, float]) -> None:
    with tab.expect_response(lambda answer: answer.url.endswith("/visit/crop")) as answer:
        tab.mouse.move(*start)
        tab.mouse.down()
        tab.mouse.move(start[0] + way[0] / 2, start[1] + way[1] / 2)
        tab.mouse.move(start[0] + way[0], start[1] + way[1])
        tab.mouse.up()
    assert answer.value.status == 200


def test_the_part_of_the_portrait_is_chosen_with_handles(visitor: Visitor, site: Site, short: Path) -> None:
    tab = visitor.tab
    tab.set_viewport_size({"width": 1280, "height": 1000})
    visitor.give(demo_folder() / "photo.jpg", short)
    x, y, side = usual = _rested(tab)
    assert tab.query_selector("[data-do=crop-reset]") is None
    # a corner: the one across stays
    _drag(tab, (x + side - 5, y + side - 5), (-30, -30))
    _settles(tab, [x, y, side - 30])
    x, y, side = _square(tab)
    # the middle
    _drag(tab, (x + side / 2, y + side / 2), (0, 9))
    _settles(tab, [x, y + 9, side])
    # no farther than the face lets it, and never out of the picture
    face, picture = (
        tab.evaluate("place => document.querySelector(place).getBoundingClientRect().toJSON()", f"#portrait {place}")
        for place in (".ma-face", ".ma-faces > img")
    )
    _drag(tab, (x + side / 2, y + side / 2), (350, 350))
    x, y, side = _square(tab)
    assert x <= face["x"] + 2 and y <= face["y"] + 2
    assert x + side <= picture["right"] + 2 and y + side <= picture["bottom"] + 2
    _drag(tab, (x + 5, y + 5), (350, 350))
    x, y, side = _square(tab)
    assert side == pytest.approx(max(face["width"], face["height"]), abs=3)
    # keys
    tab.locator("#portrait .ma-crop").focus()
    for key in ("+", "+", "Shift++", "ArrowLeft"):
        tab.keyboard.press(key)
    step = 0.02 * picture["width"]
    _settles(tab, [x - 4.5 * step, y - 3.5 * step, side + 7 * step])
    tab.wait_for_selector("[data-do=crop-reset]")
    assert tab.evaluate("document.activeElement.className") == "ma-crop", "who is at it stays at it"
    before = _square(tab)
    tab.set_viewport_size({"width": 1280, "height": 720})
    box = tab.query_selector("#animate").bounding_box()
    assert box["y"] + box["height"] <= 720, "above the fold"
    tab.set_viewport_size({"width": 1280, "height": 1000})

    # the visit remembers it, and so does the job
    tab.wait_for_timeout(600)
    tab.reload(wait_until="commit")
    tab.wait_for_selector("#portrait .ma-crop")
    _settles(tab, before)
    visitor.animate()
    tab.wait_for_selector("#result .ma-history button >> text=own square")
    visits = site.server.engine.visits
    job = visits.jobs(visits.of_key(tab.evaluate("localStorage['megactor.visit']")))[0]
    left, _, pixels = job.options["portrait_crop"]
    assert pixels == pytest.approx(512 * before[2] / picture["width"], abs=4)
    assert left == pytest.approx(512 * (before[0] - picture["x"]) / picture["width"], abs=4)

    tab.click("[data-do=crop-reset]")
    tab.wait_for_selector("[data-do=crop-reset]", state="detached")
    _settles(tab, usual)
    assert visitor.complaints == []


def test_the_square_follows_a_finger(visitor: Visitor) -> None:
    tab = visitor.tab
    tab.set_viewport_size({"width": 1280, "height": 1000})
    visitor.give(demo_folder() / "photo.jpg", None)
    x, y, side = _rested(tab)
    touch = """([kind, x, y]) => document.elementFromPoint(x, y).dispatchEvent(new PointerEvent(kind, {
        pointerId: 1, pointerType: "touch", isPrimary: true, bubbles: true, cancelable: true,
        clientX: x, clientY: y}))"""
    tab.evaluate("() => { Element.prototype.setPointerCapture = () => {}; }")  # there is no real finger
    for _ in range(5):  # pictures that come in move the card, and a busy machine lets them come late
        x, y, side = _rested(tab)
        tab.evaluate(touch, ["pointerdown", x + 6, y + 6])
        if tab.evaluate("document.activeElement.className") == "ma-crop":
            break
    with tab.expect_response(lambda answer: answer.url.endswith("/visit/crop")):
        for kind, away in (("pointermove", 12), ("pointermove", 24), ("pointerup", 24)):
            tab.evaluate(touch, [kind, x + 6 + away, y + 6 + away])
    _settles(tab, [x + 24, y + 24, side - 24])
    assert tab.locator("#portrait .ma-crop").evaluate("square => getComputedStyle(square).touchAction") == "none"


def test_news_do_not_take_the_square_out_of_a_hand(visitor: Visitor) -> None:
    """The answer to one change comes while the next one is made: by pointer, and by keys."""
    tab = visitor.tab
    tab.set_viewport_size({"width": 1280, "height": 1000})
    tab.evaluate("""() => {
        const real = window.fetch;
        const held = [];
        window.fetch = async (address, asked) => {
            const answer = await real(address, asked);
            await new Promise(resolve => held.push(resolve));
            return answer;
        };
        window.release = () => { for (const go of held.splice(0)) go(); };
    }""")
    with tab.expect_request("**/visit?known=*"):  # the news that are asked for from now on are held back
        visitor.give(demo_folder() / "photo.jpg", None)
    x, y, side = _rested(tab)
    _drag(tab, (x + side - 5, y + side - 5), (-40, -40))
    side -= 40
    tab.mouse.move(x + side / 2, y + side / 2)
    tab.mouse.down()
    tab.mouse.move(x + side / 2 + 6, y + side / 2 + 8)
    _news(tab)
    assert _square(tab) == pytest.approx([x + 6, y + 8, side], abs=3)
    tab.mouse.move(x + side / 2 + 10, y + side / 2 + 12)
    assert _square(tab) == pytest.approx([x + 10, y + 12, side], abs=3)
    tab.mouse.up()
    tab.locator("#portrait .ma-crop").focus()
    tab.keyboard.press("ArrowLeft")  # before the answer
    moved = _square(tab)
    assert moved[0] < x + 9
    _news(tab)
    assert _square(tab) == pytest.approx(moved, abs=3)
    tab.keyboard.press("ArrowLeft")
    moved = [2 * moved[0] - x - 10, *moved[1:]]
    assert _square(tab) == pytest.approx(moved, abs=3)
    _news(tab)
    assert _square(tab) == pytest.approx(moved, abs=3)
    assert visitor.complaints == []


def _news(tab: Any) -> None:
    """News that were held back come, until the square is replaced."""
    tab.evaluate("document.querySelector('#portrait .ma-crop').isOld = true")
    replaced = "() => { window.release(); return !document.querySelector('#portrait .ma-crop').isOld; }"
    tab.wait_for_function(replaced, polling=50)
