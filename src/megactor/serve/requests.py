"""What a client may ask for, in the words of `megactor animate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from megactor.batch.pairs import checked_options
from megactor.errors import MegActorError
from megactor.jobs.animation import DRIVING, FORMATS, PORTRAIT, check_files, job_options
from megactor.jobs.contents import Contents
from megactor.jobs.job import Input
from megactor.jobs.limits import JobLimits
from megactor.options import LAYOUTS, MOTIONS, SPEEDS, AnimationOptions
from megactor.serve.problems import Problem

_CHOICES = {"layout": LAYOUTS, "motion": MOTIONS, "speed": tuple(SPEEDS)}
_KINDS = {int: "integer", float: "number", bool: "boolean", str: "string"}
EXAMPLE = {"portrait": "me.jpg", "driving": "talk.mp4", "size": 256, "start": 3, "end": 8, "format": "mp4"}


def option_properties() -> dict[str, Any]:
    """OpenAPI's description of the options: name, type, default and choices."""
    described: dict[str, Any] = {
        "audio": {"type": "boolean", "default": True, "description": "Keep the driving video's sound."},
        "format": {"type": "string", "default": "mp4", "enum": list(FORMATS)},
    }
    for field in fields(AnimationOptions):
        if field.name == "portrait_crop":
            described[field.name] = {"type": "string", "description": "X,Y,SIDE in pixels of the portrait."}
            continue
        kinds = [kind for kind in _KINDS if kind.__name__ in str(field.type).replace("'>", "").split(" | ")[0]]
        about: dict[str, Any] = {"type": _KINDS[kinds[0]]}
        if field.default is not None:
            about["default"] = field.default
        if field.name in _CHOICES:
            about["enum"] = list(_CHOICES[field.name])
        described[field.name] = about
    return described


def asked_for(words: Mapping[str, str]) -> dict[str, Any]:
    """Options of a job, from the fields of a form.

    Raises:
        Problem: a field means nothing.
        InputError: a value makes no sense.
    """
    known = option_properties()
    if unknown := [name for name in words if name not in known]:
        raise Problem(422, f"there is no option {unknown[0]}: there are {', '.join(sorted(known))}", "InputError")
    given = {name: value for name, value in words.items() if value != ""}
    result = given.pop("format", "mp4")
    options, audio = checked_options(given)
    return job_options(options, audio, result)


def checked_job(
    contents: Contents, limits: JobLimits, inputs: Mapping[str, Input], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Looks into the files before the job waits.

    Returns:
        The options, which end at the server's limit where the video does not say how long it is.

    Raises:
        InputError: a file is damaged, or more than the limits; with the file's own name.
    """
    beside = {name: options[name] for name in ("audio", "format")}
    asked = AnimationOptions(**{name: value for name, value in options.items() if name not in beside})
    paths = {role: contents.path(given.content) for role, given in inputs.items()}
    try:
        asked = check_files(limits, paths[PORTRAIT], paths[DRIVING], asked)
        return job_options(asked, beside["audio"], beside["format"])
    except MegActorError as error:
        raise type(error)(_own_names(str(error), paths, inputs)) from error


def _own_names(text: str, paths: Mapping[str, Path], inputs: Mapping[str, Input]) -> str:
    for role, path in paths.items():
        text = text.replace(str(path), inputs[role].name)
    return text
