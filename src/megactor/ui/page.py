"""The page's parts and which action each of them calls."""

from dataclasses import fields
from typing import Any

import gradio as gr

from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.ui import markup
from megactor.ui.actions import DRIVERS, PORTRAITS, Actions
from megactor.ui.inputs import data_url, demo_folder
from megactor.ui.presets import PRESETS, SHOWS, PageSettings

THUMBNAIL = 112
"""Pixels of an example's picture: 56 on screens with two pixels a point."""

SHOW_RESULT_JS = """(...inputs) => {
    const card = document.getElementById('result');
    if (card && card.getBoundingClientRect().top > window.innerHeight - 120) card.scrollIntoView({behavior: 'smooth'});
    return inputs;
}"""
"""On a phone the result lies below the button."""

HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
"""Of every event: the page shows progress itself, and nothing of it is a programming interface."""


def build_page(actions: Actions) -> gr.Blocks:
    """The page with its events."""
    with gr.Blocks(title="MegActor", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        _html(markup.HEADER)
        with gr.Row(elem_id="stage"):
            portrait = _portrait_card()
            driving = _driving_card()
            with gr.Column(elem_id="controls", elem_classes="ma-card", min_width=0):
                settings, presets, words, animate, cancel = _controls()
            with gr.Column(elem_id="result", elem_classes="ma-card", min_width=0):
                _html(markup.title("Result"))
                result = _html(markup.EMPTY_RESULT)
                history = _html("", js_on_load=markup.CHOOSE_JS)
        _html(markup.FOOTER)

        for (upload, view, change, alert, examples), on_upload, on_example, on_drop in (
            (portrait, actions.upload_portrait, actions.example_portrait, actions.drop_portrait),
            (driving, actions.upload_driving, actions.example_driving, actions.drop_driving),
        ):
            parts = [upload, view, change, alert, animate]
            # without preprocessing, which would answer damaged files with a message of its own
            upload.input(on_upload, upload, parts, preprocess=False, **HIDDEN)
            examples.select(on_example, None, parts, **HIDDEN)
            change.click(on_drop, None, parts, **HIDDEN)
        upload, view, change, alert, _ = portrait
        view.select(actions.choose_face, None, [upload, view, change, alert, animate], **HIDDEN)

        presets.input(actions.choose_preset, presets, [words, *settings], **HIDDEN)
        animate.click(
            actions.animate,
            settings,
            [result, history, animate, cancel],
            js=SHOW_RESULT_JS,
            trigger_mode="once",
            **HIDDEN,
        )
        cancel.click(actions.cancel, None, None, **HIDDEN)
        history.select(actions.choose_result, None, result, **HIDDEN)
        page.unload(actions.leave)
    # visitors wait in our own line, which says how long it is; this one only carries messages
    page.queue(default_concurrency_limit=None, max_size=200, api_open=False)
    return page


Card = tuple[Any, gr.HTML, gr.Button, gr.HTML, gr.HTML]
"""Upload control, view, button that goes back to the upload, alert, examples."""


def _html(value: str, **options: Any) -> gr.HTML:
    """A piece of `markup`; the style sheet alone says how it looks."""
    return gr.HTML(value, apply_default_css=False, **options)


def _portrait_card() -> Card:
    with gr.Column(elem_id="portrait", elem_classes="ma-card", min_width=0):
        _html(markup.title("Portrait", "photo, painting, comic, avatar"))
        upload = gr.Image(
            sources=["upload", "webcam", "clipboard"],
            type="filepath",
            image_mode=None,
            show_label=False,
            buttons=[],
            height=236,
            elem_classes="ma-upload",
        )
        view = _html("", visible=False, js_on_load=markup.CHOOSE_JS)
        alert = _html("")
        change = gr.Button("Choose another portrait", visible=False, size="sm")
        pictures = [(data_url(load_image(demo_folder() / file), THUMBNAIL), name) for file, name in PORTRAITS.items()]
        examples = _html(markup.thumbnails(pictures, "Examples"), js_on_load=markup.CHOOSE_JS)
    return upload, view, change, alert, examples


def _driving_card() -> Card:
    with gr.Column(elem_id="driving", elem_classes="ma-card", min_width=0):
        _html(markup.title("Driving video", "what the portrait performs"))
        upload = gr.Video(
            sources=["upload", "webcam"], show_label=False, buttons=[], height=236, elem_classes="ma-upload"
        )
        view = _html("", visible=False)
        alert = _html("")
        change = gr.Button("Choose another video", visible=False, size="sm")
        pictures = [
            (data_url(next(iter(VideoReader(demo_folder() / file))), THUMBNAIL), name) for file, name in DRIVERS.items()
        ]
        examples = _html(markup.thumbnails(pictures, "Examples"), js_on_load=markup.CHOOSE_JS)
    return upload, view, change, alert, examples


def _controls() -> tuple[list[Any], gr.Radio, gr.HTML, gr.Button, gr.Button]:
    presets = gr.Radio(
        [known.name for known in PRESETS], value=PRESETS[0].name, show_label=False, container=False, elem_id="presets"
    )
    words = _html(f'<p class="ma-note">{PRESETS[0].words}</p>')
    animate = gr.Button("Animate", variant="primary", size="lg", interactive=False, elem_id="animate")
    cancel = gr.Button("Cancel", variant="secondary", size="lg", visible=False, elem_id="cancel")
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        return _settings(), presets, words, animate, cancel


def _settings() -> list[Any]:
    """One control for each field of `PageSettings`, in their order."""
    standard = PageSettings()
    with gr.Row():
        start = _number("Start (s)", "its beginning")
        end = _number("End (s)", "its end")
        fps = _number("Frames/s", "the video's")
    motion = gr.Slider(
        0,
        2,
        standard.motion_scale,
        step=0.05,
        label="Head motion",
        info="0 keeps the head still, 1 is the driver's own",
    )
    contour = gr.Checkbox(
        standard.contour_preserve, label="Keep the portrait's face shape", info="only eyes, brows, nose and mouth drive"
    )
    show = gr.Radio(list(SHOWS), value=standard.show, label="Show")
    audio = gr.Checkbox(standard.audio, label="Keep the video's sound")
    with gr.Row():
        steps = _number("Steps", "the model's")
        guidance = _number("Guidance", "the model's")
        size = _number("Size (pixels)", "the model's")
        seed = _number("Seed", "0")
    controls = [start, end, fps, motion, contour, show, audio, steps, guidance, size, seed]
    assert len(controls) == len(fields(PageSettings))
    return controls


def _number(label: str, otherwise: str) -> gr.Textbox:
    """A number that may be left out; `gr.Number` makes 0 of an empty field."""
    return gr.Textbox("", label=label, placeholder=otherwise, max_lines=1, min_width=90)
