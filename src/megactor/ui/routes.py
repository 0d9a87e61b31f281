"""The page's own addresses: a visit is read and changed with its key, its files are read at its address.

Every answer about a visit is `Actions.state`. The browser asks for the next one with the fingerprint of the last, and
is answered when there is something new: whoever was away, however long, sees all of it at the next answer.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from megactor.errors import MegActorError, explain
from megactor.jobs import TooLarge, Visit
from megactor.jobs.animation import DRIVING, PORTRAIT
from megactor.ui.actions import DRIVERS, Actions, log
from megactor.ui.inputs import demo_folder
from megactor.ui.theme import static

WAIT = 20.0
"""Seconds that a question for news is kept open."""
LOOK = 0.1
"""Seconds between two looks for news."""

SCRIPTS = ("page.js", "visit.js", "files.js", "camera.js", "live.js", "result.js", "examples.js", "crop.js")
"""Files of `static/` that the page loads."""

RESULT_TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
"""All that is ever sent as a result."""

FILE_HEADERS = {"cache-control": "private, no-store", "content-security-policy": "default-src 'none'; sandbox"}
"""Of visitors' files: whatever is in them, it is not a page."""

PICTURE_HEADERS = FILE_HEADERS | {"content-disposition": 'attachment; filename="preview.jpg"'}

Key = Annotated[str, Header(alias="x-visit")]


def visit_routes(actions: Actions) -> APIRouter:
    """What visitors read and change."""
    router = APIRouter()
    visits = actions.engine.visits

    def answer(visit: Visit, **more: Any) -> JSONResponse:
        read = time.time_ns() // 1000  # answers overtake each other: the page keeps the one that was read last
        now = visits.of_address(visit.address)
        return _no() if now is None else _json({**actions.state(now), **more, "read": read})

    def change(act: Callable[..., object]) -> Callable[..., JSONResponse]:
        """An action on a visit: refusals are one line, anything unforeseen is logged too."""

        def changed(key: str, *values: Any) -> JSONResponse:
            visit = visits.of_key(key)
            if visit is None:
                return _no()
            try:
                act(visit, *values)
            except MegActorError as error:
                log.debug("refused", exc_info=error)
                return _json({"error": explain(error)}, 422)
            except Exception as error:
                log.exception("%s", act)
                return _json({"error": explain(error)}, 500)
            return answer(visit)

        return changed

    @router.post("/visit")
    def begin() -> JSONResponse:
        key, visit = visits.begin()
        return answer(visit, key=key)

    @router.get("/visit")
    async def news(key: Key, known: str = "") -> JSONResponse:
        end = time.monotonic() + WAIT
        while True:
            visit = await run_in_threadpool(visits.of_key, key)
            if visit is None:
                return _no()
            if await run_in_threadpool(actions.fingerprint, visit) != known or time.monotonic() > end:
                return await run_in_threadpool(answer, visit)
            await asyncio.sleep(LOOK)

    @router.delete("/visit")
    def clear(key: Key) -> JSONResponse:
        visit = visits.of_key(key)
        if visit is not None:
            actions.clear(visit)
        return _json({})

    @router.put("/visit/{role}")
    async def upload(role: str, request: Request, key: Key, name: str = "file") -> JSONResponse:
        visit = await run_in_threadpool(visits.of_key, key)
        if visit is None or role not in (PORTRAIT, DRIVING):
            return _no()
        limit = actions.limits.of_jobs.bytes
        try:
            with actions.engine.contents.receive(name) as arriving:
                if int(request.headers.get("content-length", 0)) > limit:
                    raise TooLarge(
                        f"{name} has {int(request.headers['content-length']) / 1e6:.0f} MB, this page takes up to "
                        f"{actions.limits.upload_mb} MB"
                    )
                async for piece in request.stream():
                    arriving.write(piece)
                given = arriving.finish()
        except MegActorError as error:
            return _json({"error": explain(error)}, 413 if isinstance(error, TooLarge) else 422)
        return await run_in_threadpool(change(functools.partial(actions.use, role=role, given=given)), key)

    @router.delete("/visit/{role}")
    def drop(role: str, key: Key) -> JSONResponse:
        return change(actions.drop)(key, role) if role in (PORTRAIT, DRIVING) else _no()

    @router.post("/visit/{role}/example/{index}")
    def example(role: str, index: int, key: Key) -> JSONResponse:
        return change(actions.use_example)(key, role, index) if role in (PORTRAIT, DRIVING) else _no()

    @router.post("/visit/face/{index}")
    def face(index: int, key: Key) -> JSONResponse:
        return change(actions.choose_face)(key, index)

    @router.post("/visit/crop")
    def crop(key: Key, square: Annotated[list[float] | None, Body()] = None) -> JSONResponse:
        return change(actions.choose_crop)(key, square)

    @router.post("/visit/animate")
    def animate(values: Annotated[list[Any], Body()], key: Key) -> JSONResponse:
        return change(actions.animate)(key, values)

    @router.post("/visit/cancel")
    def cancel(key: Key) -> JSONResponse:
        return change(actions.cancel)(key)

    @router.post("/visit/show/{job}")
    def show(job: str, key: Key) -> JSONResponse:
        return change(actions.show)(key, job)

    return router


def file_routes(actions: Actions) -> APIRouter:
    """Files: visitors' at their unguessable addresses, and the page's own."""
    router = APIRouter()

    @router.get("/media/{address}/results/{job}/{what}")
    def result(address: str, job: str, what: str) -> Response:
        found = actions.result(address, job)
        if found is not None and what == "preview":
            with contextlib.suppress(OSError):
                # read at once: the worker replaces it while the job runs
                return Response(found.preview.read_bytes(), media_type="image/jpeg", headers=PICTURE_HEADERS)
        if found is None or found.result is None or what != "result":
            return Response(status_code=404)
        kind = RESULT_TYPES.get(found.result.suffix)
        return Response(status_code=404) if kind is None else _file(found.result, kind, found.result.name)

    @router.get("/media/{address}/{role}/{content}")
    def file(address: str, role: str, content: str) -> Response:
        found = actions.file(address, role, content)
        return Response(status_code=404) if found is None else _file(*found)

    @router.get("/media/{address}/results/{job}/as/{kind}")
    def converted(address: str, job: str, kind: str) -> Response:
        found = actions.result(address, job)
        path = None if found is None else actions.converted(found, kind)
        return Response(status_code=404) if path is None else _file(path, RESULT_TYPES[path.suffix], path.name)

    @router.get("/page/example.mp4")
    def example_film() -> Response:
        return FileResponse(demo_folder() / "example.mp4", media_type="video/mp4")

    @router.get("/page/drivers/{index}")
    def example_driver(index: int) -> Response:
        if index not in range(len(DRIVERS)):
            return Response(status_code=404)
        return FileResponse(demo_folder() / list(DRIVERS)[index], media_type="video/mp4")

    @router.get("/page/{name}")
    def script(name: str) -> Response:
        if name not in SCRIPTS:
            return Response(status_code=404)
        return FileResponse(static(name), media_type="text/javascript", headers={"cache-control": "no-cache"})

    @router.get("/responsible-use")
    def responsible_use() -> Response:
        return HTMLResponse(static("responsible-use.html").read_text(encoding="utf-8"))

    return router


def _file(path: Path, kind: str, name: str) -> Response:
    with contextlib.suppress(OSError):
        if path.is_file():
            return FileResponse(path, media_type=kind, filename=name, headers=FILE_HEADERS)
    return Response(status_code=404)


def _json(values: dict[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(values, status, {"cache-control": "no-store"})


def _no() -> JSONResponse:
    return _json({"error": "there is no such visit"}, 404)
