"""What happens when the page is used: each method answers one event of one visitor."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from megactor.errors import InputError
from megactor.ui import markup
from megactor.ui.inputs import InputReader, data_url, demo_folder, take_upload
from megactor.ui.jobs import Job, JobQueue, Request
from megactor.ui.limits import Limits
from megactor.ui.presets import PageSettings, preset
from megactor.ui.sessions import Result, Session, Sessions

PORTRAITS = {
    "photo.jpg": "Photo",
    "oil.jpg": "Oil painting",
    "watercolor.jpg": "Watercolor",
    "pencil.jpg": "Pencil",
    "cartoon.jpg": "Comic",
    "avatar.jpg": "3-D avatar",
}
DRIVERS = {"talk.mp4": "Talking", "faces.mp4": "Making faces"}
"""Packaged examples, rendered by this project: file and name."""

WATCH_INTERVAL = 0.3
"""Seconds between two looks at a running job."""

Updates = tuple[Any, ...]


class Actions:
    """Answers to the page's events.

    Args:
        sessions: who is there.
        queue: where animations are made.
        reader: looks at uploads.
        limits: what a visitor may ask for.
    """

    def __init__(self, sessions: Sessions, queue: JobQueue, reader: InputReader, limits: Limits) -> None:
        self.sessions, self.queue, self.reader, self.limits = sessions, queue, reader, limits

    def upload_portrait(self, payload: dict[str, Any] | None, request: gr.Request) -> Updates:
        """A picture was uploaded or taken."""
        session = self.sessions.get(request.session_hash)
        try:
            return self._use_portrait(session, self._taken(session, payload))
        except Exception as error:
            return self._portrait(session, session.words(error))

    def example_portrait(self, event: gr.EventData, request: gr.Request) -> Updates:
        """An example was clicked."""
        session = self.sessions.get(request.session_hash)
        try:
            return self._use_portrait(session, _example(PORTRAITS, event))
        except Exception as error:
            return self._portrait(session, session.words(error))

    def choose_face(self, event: gr.EventData, request: gr.Request) -> Updates:
        """A face of the portrait was clicked."""
        session = self.sessions.get(request.session_hash)
        view = session.portrait_view
        if view is not None and any(face.index == event.index for face in view.faces):
            session.face = event.index
        return self._portrait(session)

    def drop_portrait(self, request: gr.Request) -> Updates:
        """Another portrait is wanted."""
        session = self.sessions.get(request.session_hash)
        return self._use_portrait(session, None)

    def upload_driving(self, payload: dict[str, Any] | None, request: gr.Request) -> Updates:
        """A video was uploaded or recorded."""
        session = self.sessions.get(request.session_hash)
        try:
            if payload is not None and "video" in payload:
                payload = payload["video"]
            return self._use_driving(session, self._taken(session, payload))
        except Exception as error:
            return self._driving(session, session.words(error))

    def example_driving(self, event: gr.EventData, request: gr.Request) -> Updates:
        """An example was clicked."""
        session = self.sessions.get(request.session_hash)
        try:
            return self._use_driving(session, _example(DRIVERS, event))
        except Exception as error:
            return self._driving(session, session.words(error))

    def drop_driving(self, request: gr.Request) -> Updates:
        """Another video is wanted."""
        session = self.sessions.get(request.session_hash)
        return self._use_driving(session, None)

    def choose_preset(self, name: str) -> Updates:
        """Sets all settings to those of a preset."""
        chosen = preset(name)
        return f'<p class="ma-note">{chosen.words}</p>', *chosen.settings.to_form()

    def animate(self, request: gr.Request, *values: Any) -> Iterator[Updates]:
        """Runs a job and shows how it gets on; `values` are as in `PageSettings.from_form`."""
        session = self.sessions.get(request.session_hash)
        try:
            job = self._submit(session, PageSettings.from_form(*values))
        except Exception as error:
            yield self._stage(session, markup.failed(session.words(error)))
            return
        try:
            while not job.ended:
                shown = markup.waiting(self.queue.ahead_of(job)) if job.state == "waiting" else markup.running(job)
                yield self._stage(session, shown)
                job.wait(WATCH_INTERVAL)
        finally:
            job.cancel()  # nobody watches any more; without effect on one that has ended
        yield self._stage(session, self._finish(session, job))

    def cancel(self, request: gr.Request) -> None:
        """Stops the visitor's job."""
        session = self.sessions.get(request.session_hash)
        if session.job is not None:
            session.job.cancel()

    def choose_result(self, event: gr.EventData, request: gr.Request) -> str:
        """An earlier result was clicked."""
        session = self.sessions.get(request.session_hash)
        results = session.results
        return markup.result(results[event.index]) if event.index in range(len(results)) else markup.EMPTY_RESULT

    def leave(self, request: gr.Request) -> None:
        """The browser is gone."""
        self.sessions.leave(request.session_hash)

    def _taken(self, session: Session, payload: dict[str, Any] | None) -> Path | None:
        upload = take_upload(payload, Path(get_upload_folder()), self.limits.upload_mb)
        return None if upload is None else self.sessions.adopt(session, upload)

    def _use_portrait(self, session: Session, path: Path | None) -> Updates:
        view = None
        if path is not None:
            try:
                view = self.reader.portrait(path)
            except Exception:
                session.forget(path)
                raise
        session.forget(session.portrait)
        session.portrait, session.portrait_view = path, view
        session.face = view.faces[0].index if view else 0
        return self._portrait(session)

    def _use_driving(self, session: Session, path: Path | None) -> Updates:
        view = None
        if path is not None:
            try:
                view = self.reader.driving(path)
            except Exception:
                session.forget(path)
                raise
        session.forget(session.driving)
        session.driving, session.driving_view = path, view
        return self._driving(session)

    def _portrait(self, session: Session, error: str = "") -> Updates:
        """Updates of: upload control, view, change button, alert, animate button."""
        view = session.portrait_view
        shown = "" if view is None else markup.portrait(view, session.face)
        return self._input(session, shown, error)

    def _driving(self, session: Session, error: str = "") -> Updates:
        """Updates of the same parts of the other card."""
        view, path = session.driving_view, session.driving
        shown = "" if view is None or path is None else markup.driving(view, session.url(path), path.name)
        return self._input(session, shown, error)

    def _input(self, session: Session, shown: str, error: str) -> Updates:
        ready = session.portrait is not None and session.driving is not None
        return (
            gr.update(value=None, visible=not shown),
            gr.update(value=shown, visible=bool(shown)),
            gr.update(visible=bool(shown)),
            markup.alert(error),
            gr.update(interactive=ready),
        )

    def _submit(self, session: Session, settings: PageSettings) -> Job:
        if session.portrait is None or session.driving is None or session.driving_view is None:
            raise InputError("choose a portrait and a driving video first")
        if session.busy:
            raise InputError("your last animation is still running: cancel it first")
        options = settings.options(session.face, session.driving_view.seconds, self.limits.seconds)
        output = session.new_file(f"{session.portrait.stem}-{session.driving.stem}.mp4")
        session.job = self.queue.submit(Request(session.portrait, session.driving, output, options, settings.audio))
        return session.job

    def _finish(self, session: Session, job: Job) -> str:
        if job.state == "canceled":
            return markup.canceled()
        if job.state == "failed":
            return markup.failed(job.error)
        assert job.preview is not None
        output = job.request.output
        note = f"{job.frames} frames · {job.size[0]}x{job.size[1]} · {job.fps:g} frames/s · made in {job.seconds:.1f} s"
        done = Result(output, session.url(output), data_url(job.preview, 144), note)
        session.results.insert(0, done)
        for old in session.results[self.limits.results :]:
            session.forget(old.path)
        del session.results[self.limits.results :]
        return markup.result(done) + "".join(markup.alert(warning) for warning in job.warnings)

    def _stage(self, session: Session, shown: str) -> Updates:
        """Updates of: result, history, animate button, cancel button."""
        return (
            shown,
            markup.history(session.results),
            gr.update(visible=not session.busy),
            gr.update(visible=session.busy),
        )


def _example(names: dict[str, str], event: gr.EventData) -> Path:
    if event.index not in range(len(names)):
        raise InputError("there is no such example")
    return demo_folder() / list(names)[event.index]
