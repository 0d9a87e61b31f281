"""A job as clients see it, and as it goes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from megactor.jobs.job import Job
from megactor.jobs.queue import Queue

LOOK = 0.25
"""Seconds between two looks at a job that a client follows."""
HEARTBEAT = 15.0
"""Seconds after which a silent stream says that it lives."""

MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".gif": "image/gif",
    ".webp": "image/webp",
}


def job_view(queue: Queue, job: Job) -> dict[str, Any]:
    """A job as JSON holds it."""
    place, progress = f"/v1/animations/{job.id}", job.progress
    view: dict[str, Any] = {
        "id": job.id,
        "state": job.state,
        "submitted": _moment(job.submitted),
        "started": _moment(job.started),
        "ended": _moment(job.ended),
        "files": {role: given.name for role, given in job.inputs.items()},
        "options": job.options,
        "progress": {
            "share": 1.0 if job.state == "done" else round(progress.share, 4),
            "stage": progress.stage,
            "done": progress.done,
            "total": progress.total,
            "seconds_left": 0.0 if job.over else None if progress.left is None else round(progress.left, 1),
            "jobs_before": queue.ahead_of(job) if job.state == "waiting" else 0,
        },
        "error": {"type": f"urn:megactor:problem:{job.error_kind}", "detail": job.error} if job.error else None,
        "result": None,
        "links": {"self": place, "events": f"{place}/events"},
    }
    if job.state == "done" and job.result is not None:
        media_type = MEDIA_TYPES.get(job.result.suffix, "application/octet-stream")
        view["result"] = {"href": f"{place}/result", "name": job.result.name, "media_type": media_type, **job.facts}
    return view


async def job_events(queue: Queue, identity: str) -> AsyncIterator[str]:
    """Server-sent events: `progress` whenever something changed, and last one that is named after how the job ended.

    Whoever connects again hears first how the job stands; nothing else has to be caught up on.
    """
    seen, spoke = -1, time.monotonic()
    while True:
        job = queue.get(identity)
        if job is None:
            yield "event: deleted\ndata: {}\n\n"
            return
        if job.version != seen:
            seen, spoke = job.version, time.monotonic()
            name = job.state if job.over else "progress"
            yield f"id: {job.version}\nevent: {name}\ndata: {json.dumps(job_view(queue, job))}\n\n"
        elif time.monotonic() - spoke > HEARTBEAT:
            spoke = time.monotonic()
            yield ": still there\n\n"
        if job.over:
            return
        await asyncio.sleep(LOOK)


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
