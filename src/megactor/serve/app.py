"""The routes: animations that are asked for, followed, fetched and deleted, and how the server is."""

import re
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from megactor import __version__
from megactor.jobs.animation import FORMATS
from megactor.jobs.engine import Engine
from megactor.jobs.job import Job
from megactor.options import SPEEDS
from megactor.serve import problems
from megactor.serve.examples import EVENTS, JOB, MODELS, problem_responses
from megactor.serve.metrics import MEDIA_TYPE, RequestMetrics
from megactor.serve.observe import Observer
from megactor.serve.problems import Problem
from megactor.serve.requests import EXAMPLE, asked_for, checked_job, option_properties
from megactor.serve.tokens import Tokens
from megactor.serve.uploads import check_files_sent, form_schema, read_form
from megactor.serve.views import MEDIA_TYPES, job_events, job_view

_BEARER = HTTPBearer(auto_error=False, description="A token of `megactor serve --new-token NAME`.")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

_FORM = form_schema(option_properties(), EXAMPLE)


def create_app(engine: Engine, tokens: Tokens, model: str) -> FastAPI:
    """The interface around an engine whose runner is `megactor.jobs.animation:load`.

    Args:
        engine: at work.
        tokens: who may come in.
        model: what the engine animates with, as clients may know it.
    """
    app = FastAPI(
        title="MegActor",
        version=__version__,
        description="One portrait and one driving video in, a video of the portrait performing the drive out.",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
    )
    problems.install(app)
    counted = RequestMetrics()
    app.add_middleware(Observer, metrics=counted)
    queue, contents = engine.queue, engine.contents

    def caller(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> str:
        owner = tokens.owner(given.credentials) if given is not None else None
        if owner is None:
            words = "send Authorization: Bearer TOKEN" if given is None else "there is no such token, or no longer"
            raise Problem(401, words, "NotAuthorized", {"WWW-Authenticate": "Bearer"})
        return owner

    Caller = Annotated[str, Depends(caller)]

    def own(identity: str, who: str) -> Job:
        job = queue.get(identity)
        if job is None or job.caller != who:  # others' jobs are none of a caller's business
            raise Problem(404, "there is no such animation, or no longer", "NotFound")
        return job

    @app.post(
        "/v1/animations",
        status_code=202,
        tags=["animations"],
        summary="Ask for an animation",
        responses={
            202: {"description": "It waits.", **JOB},
            **problem_responses(400, 401, 413, 415, 422, 429, 503, 507),
        },
        openapi_extra=_FORM,
    )
    async def create(
        request: Request,
        who: Caller,
        idempotency_key: Annotated[
            str | None,
            Header(description="Your own name for this request: sent again, it gives the same animation."),
        ] = None,
    ) -> JSONResponse:
        """What it accepts is on disk before it answers, and will be made.

        After a lost connection send the same key again: it gives the job that there is.
        """
        if idempotency_key is not None and _KEY.fullmatch(idempotency_key) is None:
            raise Problem(400, "Idempotency-Key must be 1 to 255 printable ASCII characters")
        if engine.state == "failed":
            raise Problem(503, f"the model cannot be loaded: {engine.failure}", "ModelError")
        files, words = await read_form(request, queue.limits.bytes)
        check_files_sent(files)
        options = asked_for(words)

        def submit() -> Job:
            inputs = {role: contents.add(file.file, file.filename or role) for role, file in files.items()}
            checked = checked_job(contents, queue.limits, inputs, options)
            return queue.submit(inputs, checked, caller=who, key=idempotency_key)

        try:
            job = await run_in_threadpool(submit)
        finally:
            for file in files.values():
                await file.close()
        return JSONResponse(job_view(queue, job), 202, {"Location": f"/v1/animations/{job.id}"})

    @app.get(
        "/v1/animations/{identity}",
        tags=["animations"],
        summary="How it stands",
        responses={200: {"description": "The animation.", **JOB}, **problem_responses(401, 404)},
    )
    def show(identity: str, who: Caller) -> JSONResponse:
        """State, progress by measured speed, why it failed, and where the result is."""
        return JSONResponse(job_view(queue, own(identity, who)))

    @app.get(
        "/v1/animations/{identity}/events",
        tags=["animations"],
        summary="Follow it",
        response_class=StreamingResponse,
        responses={200: {"description": "Server-sent events.", **EVENTS}, **problem_responses(401, 404)},
    )
    async def events(identity: str, who: Caller) -> StreamingResponse:
        """`progress` at every change, and last `done`, `failed`, `canceled` or `deleted`; then the stream ends."""
        own(identity, who)
        return StreamingResponse(
            job_events(queue, identity), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    @app.get(
        "/v1/animations/{identity}/result",
        tags=["animations"],
        summary="Fetch the result",
        response_class=FileResponse,
        responses={
            200: {"description": "The file; parts of it by Range.", "content": {"video/mp4": {}}},
            206: {"description": "A part."},
            **problem_responses(401, 404, 409, 416),
        },
    )
    def result(identity: str, who: Caller) -> FileResponse:
        """The whole file, or the part that a Range header asks for."""
        job = own(identity, who)
        if job.state != "done" or job.result is None:
            words = f"it is {job.state}" + (f": {job.error}" if job.error else ", so there is no result yet")
            raise Problem(409, words, "NotDone")
        if not job.result.is_file():
            raise Problem(404, "the result was deleted", "NotFound")
        kind = MEDIA_TYPES.get(job.result.suffix, "application/octet-stream")
        return FileResponse(job.result, media_type=kind, filename=job.result.name)

    @app.delete(
        "/v1/animations/{identity}",
        status_code=204,
        tags=["animations"],
        summary="Cancel or forget it",
        responses=problem_responses(401, 404),
    )
    def delete(identity: str, who: Caller) -> Response:
        """Stops it where it is not over, and deletes its result."""
        queue.delete(own(identity, who).id)
        return Response(status_code=204)

    @app.get(
        "/v1/models",
        tags=["server"],
        responses={200: {"description": "What there is.", **MODELS}, **problem_responses(401)},
    )
    def models(who: Caller) -> dict[str, Any]:
        """The model that this server animates with, and its limits."""
        limits = {name: value or None for name, value in vars(queue.limits).items()}
        told = {"id": model, "state": engine.state, "formats": list(FORMATS), "speeds": list(SPEEDS), "limits": limits}
        return {"models": [told]}

    @app.get("/healthz", tags=["server"])
    def healthy() -> dict[str, str]:
        """It answers."""
        return {"status": "ok", "version": __version__}

    @app.get("/readyz", tags=["server"], responses=problem_responses(503))
    def ready() -> dict[str, str]:
        """Whether the model is loaded; jobs are accepted before."""
        if engine.state != "ready":
            raise Problem(503, engine.failure or "the model is being loaded", "ModelError", {"Retry-After": "5"})
        return {"status": "ready"}

    @app.get("/metrics", tags=["server"], response_class=PlainTextResponse, responses=problem_responses(401))
    def measured(who: Caller) -> Response:
        """Counters in Prometheus' format, for its `authorization` setting."""
        return Response(counted.text(queue.counts(), engine.state == "ready", engine.processes), media_type=MEDIA_TYPE)

    return app
