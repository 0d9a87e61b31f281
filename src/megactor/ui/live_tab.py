"""The Live tab: portrait, camera and result side by side. `static/live.js` does the rest."""

import gradio as gr

from megactor.ui import markup

_SCALES = (("motion", "Head"), ("eyes", "Eyes"), ("mouth", "Mouth"))
"""Parts whose motion can be scaled, and their words."""

_CAMERA = """
<div class="ma-screen"><video id="live-camera" autoplay muted playsinline aria-label="Your camera"></video></div>
<div class="ma-pair">
  <button type="button" id="live-start" class="ma-main" data-do="live">Go live</button>
  <button type="button" id="live-again" data-do="live" hidden>Start from this face</button>
  <button type="button" id="live-record" data-do="live" aria-pressed="false" hidden>Record</button>
  <button type="button" id="live-stop" data-do="live" class="ma-quiet" hidden>Stop</button>
</div>
<p class="ma-alert" role="alert" id="live-alert" hidden></p>
<fieldset id="live-scales"><legend>Motion, from the portrait's own (0) to yours (1)</legend>{}</fieldset>
"""

_RESULT = """
<div class="ma-screen" id="live-screen"><canvas id="live-picture" width="512" height="512" role="img"
aria-label="The portrait, driven by your camera"></canvas><p>The portrait does what you do.</p></div>
<p class="ma-note" id="live-measured"></p>
<p class="ma-note">Frames that come while one is drawn are skipped, so the delay does not grow. Nothing is kept but what
you record, and that goes to your downloads.</p>
"""


def live_tab(page: gr.Blocks) -> None:
    """See above."""
    scales = "".join(
        f'<label>{words}<input type="range" id="live-{name}" min="0" max="1.5" step="0.1" value="1"></label>'
        for name, words in _SCALES
    )
    with gr.Row(elem_id="live-stage"):
        with gr.Column(min_width=0):
            _html('<div id="live-slot"></div>')
        with gr.Column(elem_classes="ma-card", min_width=0):
            _html(markup.title("Camera", "sit as you will stay") + _CAMERA.format(scales))
        with gr.Column(elem_classes="ma-card", min_width=0):
            _html(markup.title("Result") + _RESULT)


def _html(value: str) -> gr.HTML:
    return gr.HTML(value, apply_default_css=False)
