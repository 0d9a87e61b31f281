"""Files that come with a request, straight to where jobs keep them, and never more than a client may send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from megactor.jobs.animation import DRIVING, PORTRAIT
from megactor.jobs.limits import TooLarge
from megactor.serve.problems import Problem

_WORDS = 2**20
"""Bytes of a request beside its files."""


async def read_form(request: Request, most_bytes: int) -> tuple[dict[str, UploadFile], dict[str, str]]:
    """The files and the fields of a multipart request.

    Args:
        request: whose body was not read yet.
        most_bytes: of a file; two of them and some words are all that is read. 0 for any number.

    Raises:
        TooLarge: it is larger.
        Problem: it is no such request.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Problem(415, "send multipart/form-data with the files portrait and driving")
    most = 2 * most_bytes + _WORDS if most_bytes else 0
    told = request.headers.get("content-length", "")
    if most and told.isdigit() and int(told) > most:
        raise TooLarge(_too_large(most_bytes))
    body = Request(request.scope, _counted(request.receive, most, most_bytes)) if most else request
    try:
        form = await body.form(max_files=2, max_fields=40)
    except TooLarge:
        raise
    except HTTPException as error:
        raise Problem(400, f"the request is no proper multipart/form-data ({error.detail})") from error
    except Exception as error:
        raise Problem(400, "the request is no proper multipart/form-data, or ended early") from error
    files = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
    return files, {name: value for name, value in form.multi_items() if isinstance(value, str)}


def check_files_sent(files: Mapping[str, UploadFile]) -> None:
    """Whether a request has its two files and no other.

    Raises:
        Problem: it has not.
    """
    for role in (PORTRAIT, DRIVING):
        if role not in files:
            raise Problem(422, f"the file {role} is missing", "InputError")
    if len(files) > 2:
        raise Problem(422, f"send two files, {PORTRAIT} and {DRIVING}", "InputError")


def _counted(receive: Receive, most: int, most_bytes: int) -> Receive:
    count = 0

    async def counting() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > most:
            raise TooLarge(_too_large(most_bytes))
        return message

    return counting


def _too_large(most_bytes: int) -> str:
    return f"a file is larger than the {most_bytes / 1e6:.0f} MB that are taken here"


def form_schema(properties: Mapping[str, Any], example: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAPI's description of such a request."""
    file = {"type": "string", "format": "binary"}
    schema = {
        "type": "object",
        "required": ["portrait", "driving"],
        "properties": {"portrait": file, "driving": file, **properties},
    }
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema, "example": example}}}
    }
