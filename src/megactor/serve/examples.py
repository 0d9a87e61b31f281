"""Examples for the description of the interface (OpenAPI)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from megactor.serve.problems import MEDIA_TYPE

_JOB = {
    "id": "u9v0VhH2w0mJm4yY3yq3tA",
    "state": "done",
    "submitted": "2026-11-29T15:00:00.000+00:00",
    "started": "2026-11-29T15:00:00.100+00:00",
    "ended": "2026-11-29T15:00:09.300+00:00",
    "files": {"portrait": "me.jpg", "driving": "talk.mp4"},
    "options": {"size": 256, "start": 3.0, "end": 8.0, "seed": 0, "audio": True, "format": "mp4"},
    "progress": {"share": 1.0, "stage": "write", "done": 125, "total": 125, "seconds_left": 0.0, "jobs_before": 0},
    "error": None,
    "result": {
        "href": "/v1/animations/u9v0VhH2w0mJm4yY3yq3tA/result",
        "name": "me-talk.mp4",
        "media_type": "video/mp4",
        "frames": 125,
        "width": 256,
        "height": 256,
        "fps": 25.0,
        "warnings": [],
    },
    "links": {
        "self": "/v1/animations/u9v0VhH2w0mJm4yY3yq3tA",
        "events": "/v1/animations/u9v0VhH2w0mJm4yY3yq3tA/events",
    },
}
_MODEL = {
    "id": "nano",
    "state": "ready",
    "formats": ["mp4", "mov", "mkv", "gif", "webp"],
    "speeds": ["exact", "balanced", "realtime"],
    "limits": {"bytes": 500_000_000, "seconds": 300, "pixels": 64_000_000, "jobs": 100, "jobs_of_caller": 20},
}
_DETAILS = {
    400: "the request is no proper multipart/form-data, or ended early",
    401: "send Authorization: Bearer TOKEN",
    404: "there is no such animation, or no longer",
    409: "it is running, so there is no result yet",
    413: "a file is larger than the 500 MB that are taken here",
    415: "send multipart/form-data with the files portrait and driving",
    416: "the range lies behind the file's end",
    422: "size 100 is not divisible by 8: try 104",
    429: "20 animations of yours are running or waiting already: cancel one or wait",
    503: "100 animations are running or waiting already: try again in a moment",
    507: "the server cannot keep it: its disk is full or cannot be written",
}

JOB = {"content": {"application/json": {"example": _JOB}}}
MODELS = {"content": {"application/json": {"example": {"models": [_MODEL]}}}}
EVENTS = {
    "content": {
        "text/event-stream": {
            "example": 'id: 7\nevent: progress\ndata: {"state": "running", "progress": {"share": 0.41}}\n\n'
            'id: 9\nevent: done\ndata: {"state": "done"}\n\n'
        }
    }
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's description of the errors of a route."""
    described: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        phrase = HTTPStatus(status).phrase
        example = {"type": "about:blank", "title": phrase, "status": status, "detail": _DETAILS[status]}
        described[status] = {"description": phrase, "content": {MEDIA_TYPE: {"example": example}}}
    return described
