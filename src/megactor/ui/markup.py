"""Pieces of the page as HTML. Everything that comes from a user is escaped here and nowhere else.

Buttons say what they do in `data-do`; `static/page.js` acts on it.
"""

import json
import time
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from megactor.drive.crop import MOST_SCALE
from megactor.jobs import Job, Visit
from megactor.jobs.animation import DRIVING, PORTRAIT
from megactor.ui.presets import PageSettings

STAGE_WORDS = {"faces": "Following the driver's face", "write": "Drawing"}

MODELS = {
    "nano": "nano: a quick, small model",
    "sd15": "sd15: full quality, needs a GPU",
}
"""What the packaged names mean; others say themselves what they are."""

LONGEST_PICTURE = 30.0
"""Seconds of a result that is offered as GIF and WebP: longer ones are too large to be of use."""

_HEADER = """
<header class="ma-header">
  <span class="ma-mark" aria-hidden="true"><i></i><i></i></span>
  <div><h1>MegActor</h1><p>One portrait performs your video. <span class="ma-model">{}</span></p></div>
  <button type="button" class="ma-quiet" data-do="clear">Clear</button>
</header>
<p id="connection" class="ma-alert" role="status" hidden></p>
<p id="say" class="ma-unseen" role="status"></p>
"""

_FOOTER = """
<footer class="ma-footer">
  <p><b>Results are marked as generated</b>: each file says so in its metadata. Animate people who agreed, and say that
  it was generated. <a href="/responsible-use" target="_blank" rel="noopener">Responsible use</a></p>
  <p>Everything is computed on the machine that runs this page. {}</p>
</footer>
"""

EMPTY_RESULT = """
<div class="ma-empty">
<button type="button" class="ma-example" data-do="example-pause" aria-label="Pause or play the example">
<video src="/page/example.mp4" autoplay muted loop playsinline aria-hidden="true"></video></button>
<p>An example: an oil painting performs what the man on the left does. Choose a portrait and a driving video, then press
Animate.</p>
</div>
"""

_UPLOAD = """
<div class="ma-drop">
  <button type="button" data-do="pick" data-role="{role}"><b>Choose a {kind}</b></button>
  <p>or drop {paste} it here</p>
  <button type="button" class="ma-quiet" data-do="camera" data-role="{role}">{camera}</button>
</div>
"""

ACCEPT = {
    PORTRAIT: "image/*,.heic,.heif,.avif,.psd,.tga,.jp2",
    DRIVING: "video/*,image/gif,image/webp,.mkv,.mov,.avi,.ts,.mts,.m2ts,.wmv,.flv,.heics,.avifs",
}


def header(model: str) -> str:
    """The head of the page; `model` is what animates."""
    return _HEADER.format(escape(MODELS.get(model, model.rstrip("/").rsplit("/", 1)[-1])))


def footer(keep: str) -> str:
    """The foot of the page; `keep` says when files go."""
    return _FOOTER.format(escape(keep))


def title(words: str, hint: str = "") -> str:
    """The head of a card."""
    return f'<div class="ma-title"><h2>{escape(words)}</h2><span>{escape(hint)}</span></div>'


def card(role: str, examples: str) -> str:
    """What a card for an input holds: the part that changes, the file chooser, the examples."""
    name = "Portrait file" if role == PORTRAIT else "Driving video file"
    return (
        f'<div data-part="{role}"></div><div class="ma-camera" data-camera="{role}" hidden></div>'
        f'<p class="ma-alert" role="alert" data-alert="{role}" hidden></p>'
        f'<input type="file" class="ma-unseen" tabindex="-1" aria-label="{name}" data-role="{role}" '
        f'accept="{ACCEPT[role]}">{examples}'
    )


def alert(words: str) -> str:
    """An error, or nothing."""
    return f'<p class="ma-alert" role="alert">{escape(words)}</p>' if words else ""


def examples(pictures: Iterable[tuple[str, str]], role: str) -> str:
    """A row of small buttons: (data URL, name) each; those of videos play when they are looked at."""
    film = 'data-film="/page/drivers/{}"' if role == DRIVING else ""
    buttons = "".join(
        f'<button type="button" data-do="example" data-role="{role}" data-index="{index}" title="{escape(name)}" '
        f'aria-label="{escape(name)}" {film.format(index)}><img src="{picture}" alt=""></button>'
        for index, (picture, name) in enumerate(pictures)
    )
    return f'<div class="ma-thumbs" role="group" aria-label="Examples"><span>Examples</span>{buttons}</div>'


def portrait(visit: Visit) -> str:
    """The picture with a button on every face, and the square that will be animated; else the way to choose one."""
    if PORTRAIT not in visit.inputs:
        return _UPLOAD.format(role=PORTRAIT, kind="picture", paste="or paste", camera="Take a picture")
    faces, chosen = visit.facts[PORTRAIT]["faces"], visit.state.get("face", 0)
    parts = [f'<img src="{file_url(visit, f"{PORTRAIT} picture")}" alt="The portrait">']
    for number, face in enumerate(faces, start=1):
        name = f"Face {number}, the one that is animated" if face["index"] == chosen else f"Animate face {number}"
        if face["index"] == chosen:
            parts.insert(1, _square(visit.facts[PORTRAIT], face, visit.state.get("crop")))  # below all faces
        small = "ma-small" if face["box"][2] < 0.12 else ""
        parts.append(
            f'<button type="button" class="ma-face {small}" data-do="face" data-index="{face["index"]}" '
            f'style="{_place(face["box"])}" aria-pressed="{str(face["index"] == chosen).lower()}" '
            f'aria-label="{name}"><b>{number}</b></button>'
        )
    several = "ma-several" if len(faces) > 1 else ""
    hint = f"{len(faces)} faces: click the one to animate. " if several else ""
    hint = f"<span>{hint}Drag the bright square or its corners.</span>"
    if visit.state.get("crop"):
        hint += (
            '<button type="button" class="ma-quiet" data-do="crop-reset" aria-label="Reset the square">Reset</button>'
        )
    return f'<div class="ma-faces {several}">{"".join(parts)}</div><p class="ma-note">{hint}</p>' + _change(
        PORTRAIT, "Choose another portrait"
    )


def _square(facts: dict[str, Any], face: dict[str, Any], asked: Sequence[float] | None) -> str:
    """What is animated, with four corners; `static/crop.js` moves them, within what `AnimationOptions` takes."""
    width, height = facts["width"], facts["height"]
    left, top, across, down = face["box"]
    box = [max(left, 0) * width, max(top, 0) * height, min(left + across, 1) * width, min(top + down, 1) * height]
    most = int(min(width, height, MOST_SCALE * max(across * width, down * height)))
    place = face["crop"]
    if asked:
        x, y, side = asked
        place = [x / width, y / height, side / width, side / height]
    now = [place[0] * width, place[1] * height, place[2] * width]
    known = escape(json.dumps({"now": now, "picture": [width, height], "face": box, "most": most}))
    corners = "".join(f'<i data-corner="{corner}"></i>' for corner in ("nw", "ne", "sw", "se"))
    return (
        f'<div class="ma-crop" role="slider" tabindex="0" data-do="crop" data-square="{known}" '
        f'style="{_place(place)}" aria-label="The part that is animated: arrow keys move it, plus and minus change its '
        f'size" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{100 * now[2] / min(width, height):.0f}">'
        f"{corners}</div>"
    )


def driving(visit: Visit, limit: float) -> str:
    """The driving video and what is known of it; else the way to choose one."""
    if DRIVING not in visit.inputs:
        return _UPLOAD.format(role=DRIVING, kind="video", paste="", camera="Record a video")
    facts, name = visit.facts[DRIVING], escape(visit.inputs[DRIVING].name)
    poster = file_url(visit, f"{DRIVING} poster")
    played = file_url(visit, "driving copy")
    if played:
        picture = (
            f'<video class="ma-video" src="{played}" poster="{poster}" controls muted loop playsinline '
            f'preload="metadata" aria-label="{name}"></video>'
        )
    else:
        picture = f'<img class="ma-video" src="{poster}" alt="{name}">'
    face = file_url(visit, f"{DRIVING} face")
    notes = [f'<img src="{face}" alt="The driver was found">'] if face else []
    trim = _trim(facts["seconds"]) if played and facts["seconds"] else ""
    note = f'<p class="ma-note ma-driver">{"".join(notes)}<span>{escape(facts["note"])}</span></p>'
    if not face:
        note += '<p class="ma-note ma-warn">No face in its first seconds.</p>'
    if facts["seconds"] is not None and facts["seconds"] > limit:
        note += (
            f'<p class="ma-note ma-warn">Longer than the {limit:g} s that this page animates: choose a part with the '
            "handles, or with Start and End in the settings.</p>"
        )
    return picture + trim + note + _change(DRIVING, "Choose another video")


def _trim(seconds: float) -> str:
    """Two handles: where the part that is animated begins and ends."""
    handles = "".join(
        f'<input type="range" min="0" max="{seconds:.1f}" step="0.1" value="{value:.1f}" data-trim="{name}" '
        f'aria-label="{words}">'
        for name, words, value in (("start", "Begin at this second", 0.0), ("end", "End at this second", seconds))
    )
    return f'<div class="ma-trim"><span>{handles}</span><output>all of it</output></div>'


def progress_words(job: Job, ahead: int, engine: str) -> tuple[str, str]:
    """What a job is doing, and how long it will take; the second is empty while nobody knows."""
    progress = job.progress
    if job.state == "waiting":
        if ahead:
            return f"Waiting for {ahead} other animation{'s' if ahead > 1 else ''}", ""
        return ("Loading the model" if engine == "loading" else "Starting"), ""
    words = STAGE_WORDS.get(progress.stage, "Starting")
    if progress.total:
        words += f", frame {progress.done} of {progress.total}"
    seconds = progress.left
    if seconds is None or not progress.total:
        return words, ""
    return words, f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"


def message(job: Job) -> str:
    """How the newest job ended, where that is not to be seen from the result."""
    if job.state == "failed":
        return alert(job.error)
    if job.state == "canceled":
        return '<p class="ma-note" role="status">Canceled. Nothing of it was kept.</p>'
    return "".join(f'<p class="ma-note ma-warn">{escape(words)}</p>' for words in job.facts.get("warnings", ()))


def result(visit: Visit, job: Job) -> str:
    """A finished animation; it starts when it is asked to, with sound."""
    assert job.result is not None
    url, facts = result_url(visit, job), job.facts
    seconds = (job.ended or 0) - (job.started or 0)
    note = (
        f"{facts['frames']} frames · {facts['width']}x{facts['height']} · {facts['fps']:g} frames/s · "
        f"made in {seconds:.1f} s"
    )
    others = "".join(
        f'<a href="{url.removesuffix("result")}as/{kind}" download>{words}</a>' for kind, words in looks(job).items()
    )
    again = escape(json.dumps(PageSettings.of_job(job.options).to_form()))
    return (
        f'<div class="ma-together">{_driver_beside(visit, job)}'
        f'<video class="ma-video ma-result" src="{url}" poster="{preview_url(visit, job)}" controls playsinline '
        f'preload="metadata" aria-label="The result"></video></div>'
        f'<p class="ma-note">{escape(note)}</p>'
        f'<a class="ma-download" href="{url}" download="{escape(job.result.name)}">Download</a>'
        f'<p class="ma-more">{others}<button type="button" class="ma-quiet" data-do="again" data-settings="{again}">'
        "Use these settings again</button></p>"
    )


def looks(job: Job) -> dict[str, str]:
    """What a finished result can be turned into without animating it again: names and words."""
    found = {}
    if job.options.get("layout") != "side-by-side" and not job.options.get("paste_back"):
        found["whole"] = "Whole picture"
    if job.facts["frames"] <= LONGEST_PICTURE * job.facts["fps"]:
        found |= {"gif": "GIF", "webp": "WebP"}
    return found


def _driver_beside(visit: Visit, job: Job) -> str:
    """What drove a result, for as long as it is the visit's driving video and a browser can play it."""
    played = file_url(visit, "driving copy")
    given = visit.inputs.get(DRIVING)
    if not played or given is None or job.inputs[DRIVING].content != given.content:
        return ""
    if job.options.get("layout") == "side-by-side":  # it is there already
        return ""
    return (
        f'<video class="ma-video ma-beside" src="{played}" data-start="{job.options.get("start") or 0:g}" muted '
        'playsinline preload="auto" tabindex="-1" aria-label="What drove it"></video>'
    )


def history(visit: Visit, results: Sequence[Job], shown: Job | None) -> str:
    """The results of this visit, the newest first; nothing while there is none."""
    if not results:
        return ""
    buttons = []
    for job in results:
        name = f"{_differs(job)}, {time.strftime('%H:%M:%S', time.localtime(job.ended))}"
        buttons.append(
            f'<button type="button" data-do="show" data-index="{job.id}" title="{escape(name)}" '
            f'aria-label="{escape(name)}" aria-pressed="{str(shown is not None and job.id == shown.id).lower()}">'
            f'<img src="{preview_url(visit, job)}" alt=""><small>{escape(_differs(job))}</small></button>'
        )
    label = "Results of this visit"
    return (
        f'<div class="ma-thumbs ma-history" role="group" aria-label="{label}"><span>{label}</span>'
        f"{''.join(buttons)}</div>"
    )


def file_url(visit: Visit, role: str) -> str:
    """Where the browser finds a file of a visit, or "" if there is none of that role."""
    given = visit.inputs.get(role)
    return "" if given is None else f"/media/{visit.address}/{quote(role)}/{quote(given.content)}"


def result_url(visit: Visit, job: Job) -> str:
    """Where the browser finds a result."""
    return f"/media/{visit.address}/results/{job.id}/result"


def preview_url(visit: Visit, job: Job) -> str:
    """Where the browser finds a frame of a job."""
    return f"/media/{visit.address}/results/{job.id}/preview"


def _differs(job: Job) -> str:
    """What sets a result apart from others of the same pair, in a few words."""
    options: dict[str, Any] = job.options
    words = ["whole" if options.get("paste_back") else "compare" if options.get("layout") == "side-by-side" else "face"]
    if options.get("start") is not None or options.get("end") is not None:
        words.append(f"{options.get('start') or 0:g}-{options['end']:g} s" if options.get("end") else "part")
    if options.get("portrait_crop"):
        words.append("own square")
    if options.get("contour_preserve"):
        words.append("own shape")
    for part in ("motion", "eyes", "mouth"):
        if options.get(f"{part}_scale", 1.0) != 1.0:
            words.append(f"{part} {options[f'{part}_scale']:g}")
    if options.get("speed", "exact") != "exact":
        words.append(options["speed"])
    if options.get("seed"):
        words.append(f"seed {options['seed']}")
    return ", ".join(words)


def _change(role: str, words: str) -> str:
    return f'<button type="button" class="ma-quiet ma-change" data-do="drop" data-role="{role}">{words}</button>'


def _place(box: Sequence[float]) -> str:
    x, y, width, height = (100 * part for part in box)
    return f"left:{x:.2f}%;top:{y:.2f}%;width:{width:.2f}%;height:{height:.2f}%"
