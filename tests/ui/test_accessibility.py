"""Rules of accessibility, by axe-core, on what the page shows in its states, light and dark."""

from collections.abc import Iterator
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from page_visitor import Visitor

from megactor.ui.inputs import demo_folder

pytestmark = pytest.mark.skipif(
    find_spec("axe_playwright_python") is None, reason="axe-playwright-python, of the extra `dev`, is not installed"
)

COMPLAINTS = """async rules => {
    const found = await axe.run(document, {preload: false, resultTypes: ["violations"], ...rules});
    const words = rule => rule.nodes.map(node => `${rule.id}: ${node.target}: ${node.failureSummary}`);
    return found.violations.flatMap(words);
}"""

TURNED = """dark => !document.querySelector(".gradio-container") || document.body.classList.contains("dark") === dark"""
"""Gradio changes its colors a moment after the system does."""

SETTLE = "document.getAnimations().filter(moving => moving instanceof CSSTransition).forEach(moving => moving.finish())"
"""Some of them change bit by bit: nobody waits for that, least of all where no frames are drawn."""


@pytest.fixture
def tab(visitor: Visitor) -> Iterator[Any]:
    """A tab that stands still: what moves is not judged by its color of the moment."""
    visitor.tab.emulate_media(reduced_motion="reduce")
    yield visitor.tab
    visitor.tab.emulate_media(color_scheme="null", reduced_motion="null")


def complaints(tab: Any) -> list[str]:
    """What axe-core finds wrong in light, and in dark where that differs: in its colors."""
    if not tab.evaluate("typeof axe === 'object'"):
        tab.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found: list[str] = []
    for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        tab.emulate_media(color_scheme=scheme)
        tab.screenshot()  # the page hears of other colors when a frame is drawn, which a busy machine puts off
        tab.wait_for_function(TURNED, arg=scheme == "dark", polling=100)
        tab.evaluate(SETTLE)
        found += [f"{scheme}: {complaint}" for complaint in tab.evaluate(COMPLAINTS, rules)]
    return found


def test_every_state_of_the_page_is_for_everybody(visitor: Visitor, tab: Any, short: Path) -> None:
    assert complaints(tab) == [], "empty"
    visitor.give(demo_folder() / "photo.jpg", short)
    visitor.slowly()
    visitor.animate()
    tab.wait_for_selector("[role=progressbar]")
    assert complaints(tab) == [], "running, settings open"
    tab.wait_for_selector("#result video.ma-result")
    visitor.setting("Steps", "none")
    visitor.animate()
    visitor.alert("#result")
    assert complaints(tab) == [], "result and error"
    tab.click("[role=tab]:has-text('Live')")
    tab.wait_for_selector("#live-slot #portrait")
    assert complaints(tab) == [], "live"
    tab.click("[role=tab]:has-text('Animate')")
    tab.wait_for_selector("#stage #portrait")


def test_the_page_about_responsible_use_is_for_everybody(visitor: Visitor, tab: Any) -> None:
    tab.goto(f"{visitor.url}responsible-use", wait_until="commit")
    tab.wait_for_selector("text=Back")
    assert complaints(tab) == []
    tab.go_back(wait_until="commit")
    tab.wait_for_selector("#portrait .ma-drop")
