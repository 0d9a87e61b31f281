"""What the Live tab asks for. Frames go in and pictures come out in two lines of small requests, so nothing has to be
installed for it, and a request that is late holds up nothing but itself.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from megactor.errors import InputError, MegActorError, explain
from megactor.options import AnimationOptions
from megactor.ui.live_room import LiveRoom

WAIT = 5.0
"""Seconds that a question for a picture is kept open."""
LARGEST = 4 * 1024 * 1024
"""Bytes of a frame."""
SCALES = ("motion_scale", "eyes_scale", "mouth_scale")
"""Options that a visitor may set."""

Key = Annotated[str, Header(alias="x-visit")]


def live_routes(room: LiveRoom, seat: Callable[[str], tuple[str, Path, dict[str, Any]]]) -> APIRouter:
    """The routes under `/live`.

    Args:
        room: where they sit.
        seat: key of a visit -> who it is, its portrait and the options that say which part of it; raises MegActorError
            where there is no such visit, or no portrait.
    """
    router = APIRouter(prefix="/live")

    async def answered(act: Callable[[], Any]) -> Response:
        try:
            value = await run_in_threadpool(act)
        except MegActorError as error:
            return JSONResponse({"error": explain(error)}, 422)
        return value if isinstance(value, Response) else JSONResponse({})

    @router.post("")
    async def begin(key: Key, values: Annotated[dict[str, float], Body()]) -> Response:
        def act() -> None:
            who, portrait, part = seat(key)
            if not values.keys() <= set(SCALES):
                raise InputError("there are no such settings")
            asked = AnimationOptions(speed="realtime", **part, **values)  # type: ignore[arg-type]
            wanted = {name: getattr(asked, name) for name in (*part, "speed", *SCALES)}
            room.begin(who, portrait, wanted)

        return await answered(act)

    @router.post("/frame/{number}")
    async def frame(number: int, request: Request, key: Key) -> Response:
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST:
                return JSONResponse({"error": "that frame is too large"}, 413)
        return await answered(lambda: room.frame(seat(key)[0], number, bytes(body)))

    @router.get("/picture")
    async def picture(key: Key) -> Response:
        def act() -> Response:
            newest = room.picture(seat(key)[0], WAIT)
            if newest is None:
                return Response(status_code=204)
            number, jpeg, measured = newest
            headers = {"x-frame": str(number), "x-measured": json.dumps(measured), "cache-control": "no-store"}
            return Response(jpeg, media_type="image/jpeg", headers=headers)

        return await answered(act)

    @router.post("/again")
    async def again(key: Key) -> Response:
        return await answered(lambda: room.begin_again(seat(key)[0]))

    @router.post("/record")
    async def record(key: Key) -> Response:
        return await answered(lambda: room.record(seat(key)[0]))

    @router.post("/recorded")
    async def recorded(key: Key) -> Response:
        return await answered(lambda: Response(room.recorded(seat(key)[0]), media_type="video/mp4"))

    @router.delete("")
    async def leave(key: Key) -> Response:
        return await answered(lambda: room.leave(seat(key)[0]))

    return router
