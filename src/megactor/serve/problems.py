"""What a client is told that went wrong: `application/problem+json` (RFC 9457), with the line that the command says."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from megactor.errors import FaceError, InputError, MegActorError, ModelError, OutputError, explain, one_line
from megactor.jobs.limits import CallerBusy, KeyReused, QueueFull, TooLarge

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 10
"""Seconds that a client is asked to wait where there is no room for its job."""

_LATER = {"Retry-After": str(RETRY_AFTER)}
_STATUS: Sequence[tuple[type[Exception], int]] = (
    (TooLarge, 413),
    (CallerBusy, 429),
    (QueueFull, 503),
    (KeyReused, 422),
    (FaceError, 422),
    (InputError, 422),
    (ModelError, 503),
)
_WANTED = {"int": "a whole number", "float": "a number", "bool": "true or false"}


class Problem(Exception):
    """Ends a request.

    Args:
        status: HTTP's number.
        detail: one line for a person.
        kind: one word for a program.
        headers: of the answer.
    """

    def __init__(self, status: int, detail: str, kind: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.kind, self.headers = status, one_line(detail), kind, headers or {}

    @property
    def body(self) -> dict[str, Any]:
        """As JSON."""
        kind = f"urn:megactor:problem:{self.kind}" if self.kind else "about:blank"
        return {"type": kind, "title": HTTPStatus(self.status).phrase, "status": self.status, "detail": self.detail}


def problem_of(error: MegActorError) -> Problem:
    """The answer to a request that caused one of our errors."""
    if isinstance(error, OutputError):  # its words are about folders of the server
        if isinstance(error.__cause__, sqlite3.OperationalError) and "locked" in str(error.__cause__):
            return Problem(503, "the server is too busy to take it: try again in a moment", "Busy", _LATER)
        return Problem(507, "the server cannot keep it: its disk is full or cannot be written", "OutputError")
    status = next((number for kind, number in _STATUS if isinstance(error, kind)), 500)
    return Problem(status, explain(error), type(error).__name__, _LATER if status in (429, 503) else None)


def install(app: FastAPI) -> None:
    """Makes every error of an app a problem."""

    @app.exception_handler(Problem)
    async def told(request: Request, problem: Problem) -> JSONResponse:
        return _answer(problem)

    @app.exception_handler(MegActorError)
    async def ours(request: Request, error: MegActorError) -> JSONResponse:
        return _answer(problem_of(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return _answer(Problem(422, _sentence(error.errors()[0]), "InputError"))

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        return _answer(Problem(error.status_code, str(error.detail), headers=dict(error.headers or {})))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        return _answer(Problem(500, explain(error)))


def _answer(problem: Problem) -> JSONResponse:
    return JSONResponse(problem.body, problem.status, problem.headers, MEDIA_TYPE)


def _sentence(found: dict[str, Any]) -> str:
    name = str(found["loc"][-1])
    if found["type"] == "missing":
        return f"{name} is missing"
    if found["type"] == "literal_error":
        return f"unknown {name} {found['input']!r}: choose one of {found['ctx']['expected']}"
    wanted = _WANTED.get(found["type"].split("_")[0])
    if wanted is not None:
        return f"{name} is {found['input']!r}, but must be {wanted}"
    return f"{name}: {found['msg']}"
