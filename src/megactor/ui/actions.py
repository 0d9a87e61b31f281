"""What a visitor can do, and what the page shows after it. Gradio and HTTP know nothing of this, nor this of them."""

import logging
import tempfile
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from megactor.drive.crop import asked_crop
from megactor.errors import InputError, explain
from megactor.jobs import Engine, Input, Job, Visit
from megactor.jobs.animation import DRIVING, PORTRAIT, job_options
from megactor.options import checked_square
from megactor.ui import markup
from megactor.ui.inputs import InputReader, Look, demo_folder
from megactor.ui.limits import Limits
from megactor.ui.looks import as_picture, in_whole_picture
from megactor.ui.playable import make_copy, media_type
from megactor.ui.presets import PageSettings

log = logging.getLogger(__name__)

PORTRAITS = {
    "photo.jpg": "Photo",
    "oil.jpg": "Oil painting",
    "watercolor.jpg": "Watercolor",
    "pencil.jpg": "Pencil",
    "cartoon.jpg": "Comic",
    "avatar.jpg": "3-D avatar",
}
DRIVERS = {
    "talk.mp4": "Talking",
    "faces.mp4": "Making faces",
    "speech.mp4": "Speaking calmly",
    "smile.mp4": "Laugh and surprise",
    "turn.mp4": "Turning and nodding",
    "wink.mp4": "Glances and winks",
}
"""Packaged examples, rendered by this project: file and name."""

EXAMPLES = {PORTRAIT: PORTRAITS, DRIVING: DRIVERS}

PLAYED = "driving copy"
"""Role of what the browser plays of the driving video."""
PICTURES = {PORTRAIT: ("picture",), DRIVING: ("poster", "face")}
"""Pictures of an input; each is a file of the visit with the role "ROLE NAME"."""


class Actions:
    """The answers of the page.

    Args:
        engine: runs the jobs and keeps visits and files.
        reader: looks at uploads.
        limits: what a visitor may ask for.
    """

    def __init__(self, engine: Engine, reader: InputReader, limits: Limits) -> None:
        self.engine, self.reader, self.limits = engine, reader, limits
        self._converting = threading.Lock()

    def use(self, visit: Visit, role: str, given: Input) -> None:
        """Takes an upload as portrait or driving video.

        Raises:
            InputError: it cannot be used, in words that name it as its owner does.
        """
        path = self.engine.contents.path(given.content)
        try:
            look = self.reader.portrait(path) if role == PORTRAIT else self.reader.driving(path)
        except Exception as error:
            log.debug("looking at %s", given.name, exc_info=error)
            raise InputError(explain(error).replace(str(path), given.name)) from error
        files: dict[str, tuple[Input, dict[str, Any]] | None] = {role: (given, look.facts), **self._kept(role, look)}
        kind = None
        if role == DRIVING:
            kind = media_type(path)
            files[PLAYED] = None if kind is None else (given, {"type": kind})
        self.engine.visits.put(visit, files)
        if role == PORTRAIT:
            self._remember(visit, face=look.facts["faces"][0]["index"], crop=None)
        if role == DRIVING and kind is None:
            threading.Thread(target=self._copy, args=(visit, given), name="preview", daemon=True).start()

    def use_example(self, visit: Visit, role: str, index: int) -> None:
        """Takes a packaged example.

        Raises:
            InputError: there is none of this number.
        """
        names = list(EXAMPLES[role])
        if index not in range(len(names)):
            raise InputError("there is no such example")
        self.use(visit, role, self.engine.contents.add(demo_folder() / names[index], names[index]))

    def drop(self, visit: Visit, role: str) -> None:
        """Another file is wanted."""
        names = [role, *(f"{role} {name}" for name in PICTURES[role]), *([PLAYED] if role == DRIVING else [])]
        self.engine.visits.put(visit, dict.fromkeys(names))

    def choose_face(self, visit: Visit, index: int) -> None:
        """A face of the portrait was clicked."""
        faces = visit.facts.get(PORTRAIT, {}).get("faces", [])
        if any(face["index"] == index for face in faces):
            self._remember(visit, face=index, crop=None)

    def choose_crop(self, visit: Visit, square: list[float] | None) -> None:
        """The square on the portrait was moved; None takes the usual one again.

        Raises:
            InputError: it reaches out of the portrait.
            FaceError: it does not hold the chosen face.
        """
        if square is not None and PORTRAIT in visit.inputs:
            facts = visit.facts[PORTRAIT]
            width, height = facts["width"], facts["height"]
            faces = []
            for left, top, across, down in (face["box"] for face in facts["faces"]):
                faces.append(np.array([left * width, top * height, (left + across) * width, (top + down) * height]))
            chosen = [face["index"] for face in facts["faces"]].index(visit.state.get("face", 0))
            asked_crop(checked_square(square), faces, chosen, (width, height))
        self._remember(visit, crop=square)

    def animate(self, visit: Visit, values: list[Any]) -> Job:
        """Puts a job in line.

        Args:
            visit: whose.
            values: as in `PageSettings.from_form`.

        Raises:
            InputError: something is missing, makes no sense, or is more than the limits.
        """
        if not {PORTRAIT, DRIVING} <= set(visit.inputs):
            raise InputError("choose a portrait and a driving video first")
        settings = PageSettings.from_form(*values)
        face = int(visit.state.get("face", 0))
        asked = settings.options(face, visit.facts[DRIVING]["seconds"], self.limits.seconds)
        asked = replace(asked, portrait_crop=visit.state.get("crop"))
        files = {role: visit.inputs[role] for role in (PORTRAIT, DRIVING)}
        job = self.engine.queue.submit(files, job_options(asked, settings.audio), caller=visit.caller)
        self._remember(visit, settings=asdict(settings), shown=None)
        self._forget_old(visit)
        return job

    def cancel(self, visit: Visit) -> None:
        """Ends what waits or runs."""
        for job in self.engine.visits.jobs(visit):
            self.engine.queue.cancel(job.id)

    def show(self, visit: Visit, job: str) -> None:
        """An earlier result was clicked."""
        self._remember(visit, shown=job)

    def clear(self, visit: Visit) -> None:
        """Deletes everything of a visit, now."""
        self.engine.visits.clear(visit)
        self.engine.contents.sweep()

    def fingerprint(self, visit: Visit) -> str:
        """Changes when `state` does; cheap enough to be asked for many times a second."""
        live = next((job for job in self.engine.visits.jobs(visit) if not job.over), None)
        ahead = self.engine.queue.ahead_of(live) if live is not None and live.state == "waiting" else 0
        return f"{self.engine.visits.fingerprint(visit)[:16]}-{ahead}-{self.engine.state}"

    def state(self, visit: Visit) -> dict[str, Any]:
        """Everything that the page shows of a visit, as JSON can hold it; pieces of HTML are from `markup`."""
        self._forget_old(visit)
        jobs = self.engine.visits.jobs(visit)
        results = [job for job in jobs if job.state == "done"]
        shown = next((job for job in results if job.id == visit.state.get("shown")), results[0] if results else None)
        newest = jobs[0] if jobs else None
        live = newest if newest is not None and not newest.over else None
        return {
            "fingerprint": self.fingerprint(visit),
            "portrait": markup.portrait(visit),
            "driving": markup.driving(visit, self.limits.seconds),
            "message": "" if newest is None else markup.message(newest),
            "result": markup.EMPTY_RESULT if shown is None else markup.result(visit, shown),
            "history": markup.history(visit, results, shown),
            "progress": None if live is None else self._progress(visit, live),
            "ready": {PORTRAIT, DRIVING} <= set(visit.inputs),
            "settings": PageSettings(**visit.state.get("settings", {})).to_form(),
            "engine": self.engine.state,
        }

    def seat(self, key: str) -> tuple[str, Path, dict[str, Any]]:
        """Who goes live: the visit, its portrait, and the options that say which face and part of it.

        Raises:
            InputError: there is no such visit, or no portrait.
        """
        visit = self.engine.visits.of_key(key)
        if visit is None:
            raise InputError("there is no such visit: load the page again")
        if PORTRAIT not in visit.inputs:
            raise InputError("choose a portrait first")
        part = {"face": int(visit.state.get("face", 0)), "portrait_crop": visit.state.get("crop")}
        return visit.caller, self.engine.contents.path(visit.inputs[PORTRAIT].content), part

    def file(self, address: str, role: str, content: str) -> tuple[Path, str, str] | None:
        """A file of a visit that the page shows: where it lies, its media type and its name; None for any other."""
        visit = self.engine.visits.of_address(address)
        given = None if visit is None else visit.inputs.get(role)
        if visit is None or given is None or given.content != content:
            return None
        pictures = {f"{role} {name}" for role, names in PICTURES.items() for name in names}
        kind = "image/jpeg" if role in pictures else visit.facts[role].get("type") if role == PLAYED else None
        return None if kind is None else (self.engine.contents.path(content), kind, given.name)

    def result(self, address: str, job: str) -> Job | None:
        """A job of the visit with this address."""
        visit, found = self.engine.visits.of_address(address), self.engine.queue.get(job)
        return found if visit is not None and found is not None and found.caller == visit.caller else None

    def converted(self, job: Job, kind: str) -> Path | None:
        """A result in another look, made when it is first asked for; None where `markup.looks` does not offer it."""
        if job.result is None or kind not in markup.looks(job):
            return None
        path = job.result.with_name(f"{job.result.stem}-{kind}.mp4" if kind == "whole" else f"{job.result.stem}.{kind}")
        with self._converting:
            if path.is_file():
                return path
            if kind == "whole":
                options, file = job.options, self.engine.contents.path(job.inputs[PORTRAIT].content)
                portrait = self.reader.cut(file, options["face"], options.get("portrait_crop"))
                in_whole_picture(job.result, portrait, path)
            else:
                as_picture(job.result, path)
        return path

    def _progress(self, visit: Visit, job: Job) -> dict[str, Any]:
        progress = job.progress
        words, left = markup.progress_words(job, self.engine.queue.ahead_of(job), self.engine.state)
        picture = markup.preview_url(visit, job) + f"?{progress.pictures}" if progress.pictures else None
        return {"job": job.id, "percent": round(100 * progress.share), "words": words, "left": left, "picture": picture}

    def _forget_old(self, visit: Visit) -> None:
        """Results beyond the limit, and what failed or was canceled before the newest job."""
        jobs = self.engine.visits.jobs(visit)
        results = [job for job in jobs if job.state == "done"]
        useless = [job for job in jobs[1:] if job.state in ("failed", "canceled")]
        for job in useless + results[self.limits.results :]:
            self.engine.queue.delete(job.id)

    def _remember(self, visit: Visit, **values: Any) -> None:
        self.engine.visits.remember(visit, visit.state | values)

    def _kept(self, role: str, look: Look) -> dict[str, tuple[Input, dict[str, Any]] | None]:
        """Keeps the pictures of an input; those that it does not have are dropped."""
        kept: dict[str, tuple[Input, dict[str, Any]] | None] = {}
        for name in PICTURES[role]:
            kept[f"{role} {name}"] = None
            if name in look.pictures:
                with self.engine.contents.receive(f"{name}.jpg") as upload:
                    upload.write(look.pictures[name])
                    kept[f"{role} {name}"] = upload.finish(), {}
        return kept

    def _copy(self, visit: Visit, given: Input) -> None:
        """Makes what the browser can play, behind the page; the video itself is animated all the same."""
        with tempfile.TemporaryDirectory(prefix="megactor-preview-") as folder:
            target = Path(folder) / "preview.mp4"
            try:
                make_copy(self.engine.contents.path(given.content), target, self.limits.seconds)
                copy = self.engine.contents.add(target, f"{Path(given.name).stem}.mp4")
                now = self.engine.visits.of_address(visit.address)
                if now is not None and now.inputs.get(DRIVING) == given:
                    self.engine.visits.put(now, {PLAYED: (copy, {"type": "video/mp4"})})
            except Exception as error:  # then the page shows the first picture instead
                log.warning("no preview of %s: %s", given.name, explain(error))
                log.debug("no preview", exc_info=error)
