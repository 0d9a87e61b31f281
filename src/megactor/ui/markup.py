"""Pieces of the page as HTML. Everything that comes from a user is escaped here and nowhere else."""

import time
from collections.abc import Iterable, Sequence
from html import escape

from megactor.ui.inputs import DrivingView, PortraitView, data_url
from megactor.ui.jobs import Job
from megactor.ui.sessions import Result

CHOOSE_JS = """
element.addEventListener('click', event => {
    const chosen = event.target.closest('button[data-index]');
    if (chosen) trigger('select', {index: Number(chosen.dataset.index)});
});
"""
"""Makes every button with data-index tell its number; stays attached when the content is replaced."""

STAGE_WORDS = {"faces": "Following the driver's face", "denoise": "Drawing", "write": "Drawing"}

HEADER = """
<header class="ma-header">
  <span class="ma-mark" aria-hidden="true"><i></i><i></i></span>
  <div><h1>MegActor</h1><p>One portrait performs your video.</p></div>
</header>
"""

FOOTER = """
<footer class="ma-footer">
  <p><b>Results are marked as generated</b>: each file says so in its metadata. Animate people who agreed, and say that
  it was generated. <a href="/responsible-use" target="_blank">Responsible use</a></p>
  <p>Everything is computed on the machine that runs this page. Your files are deleted when you close it.</p>
</footer>
"""

EMPTY_RESULT = """
<div class="ma-screen ma-empty">
<svg viewBox="0 0 48 48" aria-hidden="true"><rect x="5" y="9" width="38" height="30" rx="6"/>
<path d="M20 18v12l10-6z"/></svg>
<p>Choose a portrait and a driving video,<br>then press Animate.</p>
</div>
"""


def title(words: str, hint: str = "") -> str:
    """The head of a card."""
    return f'<div class="ma-title"><h2>{escape(words)}</h2><span>{escape(hint)}</span></div>'


def alert(words: str) -> str:
    """An error, or nothing."""
    return f'<p class="ma-alert" role="alert">{escape(words)}</p>' if words else ""


def thumbnails(pictures: Iterable[tuple[str, str]], label: str) -> str:
    """A row of small buttons: (data URL, name) each."""
    buttons = "".join(
        f'<button type="button" data-index="{index}" title="{escape(name)}" aria-label="{escape(name)}">'
        f'<img src="{picture}" alt=""></button>'
        for index, (picture, name) in enumerate(pictures)
    )
    return (
        f'<div class="ma-thumbs" role="group" aria-label="{escape(label)}"><span>{escape(label)}</span>{buttons}</div>'
    )


def portrait(view: PortraitView, chosen: int) -> str:
    """The picture with a button on every face, and the square that will be animated."""
    parts = [f'<img src="{view.picture}" alt="The portrait">']
    for number, face in enumerate(view.faces, start=1):
        name = f"Face {number}, the one that is animated" if face.index == chosen else f"Animate face {number}"
        if face.index == chosen:
            parts.append(f'<span class="ma-crop" style="{_place(face.crop)}"></span>')
        parts.append(
            f'<button type="button" class="ma-face" data-index="{face.index}" style="{_place(face.box)}" '
            f'aria-pressed="{str(face.index == chosen).lower()}" aria-label="{name}"><b>{number}</b></button>'
        )
    several = "ma-several" if len(view.faces) > 1 else ""
    hint = f"{len(view.faces)} faces: click the one to animate" if several else "The bright square is what moves."
    return f'<div class="ma-faces {several}">{"".join(parts)}</div><p class="ma-note">{hint}</p>'


def driving(view: DrivingView, url: str, name: str) -> str:
    """The driving video and what is known of it."""
    face = "" if view.face is None else f'<img src="{view.face}" alt="The driver was found">'
    warning = "" if view.face else '<p class="ma-note ma-warn">No face in its first seconds.</p>'
    return (
        f'<video class="ma-video" src="{escape(url)}" poster="{view.poster}" controls loop playsinline '
        f'preload="metadata" aria-label="{escape(name)}"></video>'
        f'<p class="ma-note ma-driver">{face}<span>{escape(view.note)}</span></p>{warning}'
    )


def waiting(ahead: int) -> str:
    """A job in line."""
    words = "Starting" if ahead == 0 else f"Waiting for {ahead} other animation{'s' if ahead > 1 else ''}"
    return f'<div class="ma-screen ma-empty"><p>{words} ...</p></div>{_bar(None, "")}'


def running(job: Job) -> str:
    """A job at work: its newest frame, how far it is, how long it will take."""
    if job.preview is None:
        screen = '<div class="ma-screen ma-empty"><p>The first frames come in a moment.</p></div>'
    else:
        picture = data_url(job.preview, 512)
        screen = f'<div class="ma-screen"><img src="{picture}" alt="A frame of the result"></div>'
    stage, (done, total) = next(reversed(job.stages.items()), ("faces", (0, None)))
    if job.stages.get("write"):
        stage, (done, total) = "write", job.stages["write"]
    share = progress(job)
    words = STAGE_WORDS.get(stage, stage)
    if total:
        words += f", frame {done} of {total}" if stage != "denoise" else ""
    return screen + _bar(share, words, _left(job, share))


def progress(job: Job) -> float:
    """How much of a job is done, 0 to 1: following the face and drawing the frames count half each."""
    shares = []
    for stage in ("faces", "write"):
        done, total = job.stages.get(stage, (0, None))
        shares.append(min(done / total, 1) if total else 0)
    return sum(shares) / 2


def result(media: Result) -> str:
    """A finished animation."""
    url = escape(media.url)
    return (
        f'<video class="ma-video ma-result" src="{url}" controls autoplay loop playsinline '
        'aria-label="The result"></video>'
        f'<p class="ma-note">{escape(media.note)}</p>'
        f'<a class="ma-download" href="{url}" download="{escape(media.path.name)}">Download</a>'
    )


def failed(words: str) -> str:
    """A job that ended badly."""
    return f'<div class="ma-screen ma-empty">{alert(words)}</div>'


def canceled() -> str:
    """A job that the user stopped."""
    return '<div class="ma-screen ma-empty"><p>Canceled. Nothing was kept.</p></div>'


def history(results: Sequence[Result]) -> str:
    """Earlier results of this visit; nothing while there is at most one."""
    if len(results) < 2:
        return ""
    return thumbnails([(media.picture, media.path.name) for media in results], "Earlier results")


def _place(box: tuple[float, float, float, float]) -> str:
    x, y, width, height = (100 * part for part in box)
    return f"left:{x:.2f}%;top:{y:.2f}%;width:{width:.2f}%;height:{height:.2f}%"


def _bar(share: float | None, words: str, left: str = "") -> str:
    percent = 0 if share is None else round(100 * share)
    return (
        f'<div class="ma-bar" role="progressbar" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
        f'<p class="ma-note"><span>{escape(words)}</span><span>{escape(left)}</span></p>'
    )


def _left(job: Job, share: float) -> str:
    elapsed = time.monotonic() - job.started
    if share < 0.05 or elapsed < 1:
        return ""
    seconds = elapsed * (1 - share) / share
    return f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"
