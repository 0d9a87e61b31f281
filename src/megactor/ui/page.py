"""The page's layout. What changes on it is `data-part`s, filled by `static/page.js` with what `Actions.state` says.

Gradio lays out, and holds the settings; no event goes through its server. A tab is a function that builds its content
inside of `gr.Tab`, added to `TABS`.
"""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import gradio as gr
import numpy as np

from megactor.jobs.animation import DRIVING, PORTRAIT
from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.options import SPEEDS
from megactor.ui import markup
from megactor.ui.actions import DRIVERS, PORTRAITS
from megactor.ui.inputs import data_url, demo_folder
from megactor.ui.limits import Limits
from megactor.ui.live_tab import live_tab
from megactor.ui.presets import PRESETS, SHOWS, PageSettings, preset_table

THUMBNAIL = 112
"""Pixels of an example's picture: 56 on screens with two pixels a point."""

HEAD = '<script type="module" src="/page/page.js"></script><meta name="color-scheme" content="light dark">'
"""For Gradio's page, which has no way to name a script of ours otherwise."""

_LAST_SETTINGS = """async () => {
    while (!window.megactorSettings) await new Promise(later => setTimeout(later, 20));
    return await window.megactorSettings;
}"""
"""Whichever of the two scripts comes first."""

SCRIPT_ONLY: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
"""Of every event: it stays in the browser."""


def build_page(limits: Limits, model: str, live: bool) -> gr.Blocks:
    """The page; give its `launch` or mounting `head=HEAD`.

    Args:
        limits: of a visitor.
        model: name of what animates.
        live: whether there is a Live tab.
    """
    with gr.Blocks(title="MegActor", analytics_enabled=False) as page:
        html(markup.header(model))
        if live:
            with gr.Tabs(elem_id="tabs"):
                for name, build in TABS.items():
                    with gr.Tab(name):
                        build(page)
        else:
            animate_tab(page)
        html(markup.footer(limits.keep_words))
    return page


def animate_tab(page: gr.Blocks) -> None:
    """Files in, a result out."""
    with gr.Row(elem_id="stage"):
        with gr.Column(elem_id="portrait", elem_classes="ma-card", min_width=0):
            html(markup.title("Portrait", "photo, painting, comic, avatar"))
            _card(PORTRAIT, [(load_image(demo_folder() / file), name) for file, name in PORTRAITS.items()])
        with gr.Column(elem_id="driving", elem_classes="ma-card", min_width=0):
            html(markup.title("Driving video", "what is performed"))
            _card(DRIVING, [(next(iter(VideoReader(demo_folder() / file))), name) for file, name in DRIVERS.items()])
        with gr.Column(elem_id="controls", elem_classes="ma-card", min_width=0):
            _controls(page)
        with gr.Column(elem_id="result", elem_classes="ma-card", min_width=0):
            html(markup.title("Result"))
            html('<div data-part="message"></div><div data-part="result"></div><div data-part="history"></div>')


TABS: dict[str, Callable[[gr.Blocks], None]] = {"Animate": animate_tab, "Live": live_tab}
"""Tabs by name, in their order."""


def html(value: str, **options: Any) -> gr.HTML:
    """A piece of `markup`; the style sheet alone says how it looks."""
    return gr.HTML(value, apply_default_css=False, **options)


def _card(role: str, examples: list[tuple[np.ndarray, str]]) -> None:
    pictures = [(data_url(picture, THUMBNAIL), name) for picture, name in examples]
    html(markup.card(role, markup.examples(pictures, role)))


def _controls(page: gr.Blocks) -> None:
    """Presets, the button, and the settings that both of them mean."""
    presets = gr.Radio(
        [known.name for known in PRESETS], value=PRESETS[0].name, show_label=False, container=False, elem_id="presets"
    )
    html(f'<p class="ma-note" id="preset-words" data-presets="{_attribute(preset_table())}">{PRESETS[0].words}</p>')
    with gr.Column(elem_id="action", min_width=0):
        html('<div data-part="progress"></div>')
        animate = gr.Button("Animate", variant="primary", size="lg", elem_id="animate")
        html('<button type="button" id="cancel" data-do="cancel" hidden>Cancel</button>')
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        settings = _settings()
    animate.click(None, settings, None, js="(...values) => window.megactor.animate(values)", **SCRIPT_ONLY)
    # nobody sees these two: `static/result.js` presses them, which sets controls whether or not they are open
    for name, controls in (("again", settings), ("part", settings[:2])):
        gr.Button(name, elem_id=name).click(None, None, controls, js=f"() => window.megactor.{name}", **SCRIPT_ONLY)
    presets.input(None, presets, settings, js="name => window.megactor.preset(name)", **SCRIPT_ONLY)
    page.load(None, None, settings, js=_LAST_SETTINGS, **SCRIPT_ONLY)


def _settings() -> list[Any]:
    """One control for each field of `PageSettings`, in their order."""
    standard = PageSettings()
    with gr.Row():
        start = _number("Start (s)", "its beginning", "start")
        end = _number("End (s)", "its end", "end")
        fps = _number("Frames/s", "the video's")
    motion = _scale("Head motion", standard.motion_scale, "0 keeps the head still, 1 is the driver's own")
    with gr.Row():
        eyes = _scale("Eyes", standard.eyes_scale, "0 keeps the portrait's (nano only)")
        mouth = _scale("Mouth", standard.mouth_scale, "0 keeps the portrait's (nano only)")
    contour = gr.Checkbox(
        standard.contour_preserve, label="Keep the portrait's face shape", info="only eyes, brows, nose and mouth drive"
    )
    show = gr.Radio(list(SHOWS), value=standard.show, label="Show")
    speed = gr.Radio(
        list(SPEEDS),
        value=standard.speed,
        label="Speed",
        info="exact: the model's own way; the others are quicker and coarser",
    )
    audio = gr.Checkbox(standard.audio, label="Keep the video's sound")
    with gr.Row():
        steps = _number("Steps", "the model's")
        guidance = _number("Guidance", "the model's")
        size = _number("Size (pixels)", "the model's")
        seed = _number("Seed", "0")
    controls = [start, end, fps, motion, contour, show, audio, steps, guidance, size, seed, eyes, mouth, speed]
    assert len(controls) == len(fields(PageSettings))
    return controls


def _scale(label: str, value: float, words: str) -> gr.Slider:
    """Strength of a motion."""
    return gr.Slider(0, 2, value, step=0.05, label=label, info=words, min_width=160)


def _number(label: str, otherwise: str, name: str | None = None) -> gr.Textbox:
    """A number that may be left out; `gr.Number` makes 0 of an empty field."""
    return gr.Textbox("", label=label, placeholder=otherwise, max_lines=1, min_width=90, elem_id=name)


def _attribute(value: Any) -> str:
    return json.dumps(value).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
