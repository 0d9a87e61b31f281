"""`megactor serve`: animations by HTTP."""

import contextlib
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from megactor.cli.animate import Device, Model, Verbose
from megactor.cli.failures import one_line_errors, warn
from megactor.cli.terminal import tell

_WHO = "Who may use it"
_LIMITS = "Limits; 0 turns one off"
_LOCAL = {"localhost", "127.0.0.1", "::1"}


@one_line_errors
def serve(
    port: Annotated[int, typer.Option(metavar="N", help="Port; 0 takes a free one.", min=0, max=65535)] = 8000,
    host: Annotated[
        str,
        typer.Option(metavar="NAME", help="Listen at this name or address, 0.0.0.0 for all.", rich_help_panel=_WHO),
    ] = "127.0.0.1",
    new_token: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Make a token for NAME, print it once, and end.", rich_help_panel=_WHO),
    ] = None,
    revoke: Annotated[
        str | None, typer.Option(metavar="NAME", help="Forget NAME's token, and end.", rich_help_panel=_WHO)
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="For tokens, jobs, uploads and results; by default megactor/serve in the user's state folder.",
        ),
    ] = None,
    max_upload: Annotated[int, typer.Option(metavar="MB", help="Largest file.", min=0, rich_help_panel=_LIMITS)] = 500,
    max_seconds: Annotated[
        float, typer.Option(metavar="SEC", help="Longest part of a video.", min=0, rich_help_panel=_LIMITS)
    ] = 300,
    max_jobs: Annotated[
        int, typer.Option(metavar="N", help="Jobs that run and wait together.", min=0, rich_help_panel=_LIMITS)
    ] = 100,
    max_jobs_each: Annotated[
        int, typer.Option(metavar="N", help="The same, of one token.", min=0, rich_help_panel=_LIMITS)
    ] = 20,
    keep: Annotated[
        float, typer.Option(metavar="HOURS", help="Results are deleted so long after their job.", min=0.01)
    ] = 24,
    workers: Annotated[int, typer.Option(metavar="W", help="Processes, each with its own model.", min=1)] = 1,
    model: Model = "nano",
    device: Device = "auto",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"], typer.Option(help="Number format of the networks.")
    ] = "auto",
    verbose: Verbose = False,
) -> None:
    """Serve animations by HTTP: POST a portrait and a driving video to /v1/animations. docs/serve.md has a client.

    Every request needs a bearer token; the first start prints one. What was accepted is done, also after kill -9 and a
    new start with the same folder.
    """
    _require_extra()
    from megactor.errors import InputError
    from megactor.serve.tokens import Tokens

    place = _state_folder() if folder is None else folder
    tokens = Tokens(place)
    if new_token is not None and revoke is not None:
        raise InputError("--new-token and --revoke are two commands: choose one")
    if new_token is not None:
        print(tokens.add(new_token))
        return
    if revoke is not None:
        tokens.revoke(revoke)
        tell(f"the token of {revoke} is refused from now on")
        return

    from megactor.jobs import JobLimits, RunnerSpec
    from megactor.serve.server import Server

    ours = Path(model).exists() and model not in ("nano", "sd15")  # its folder is nobody's business
    located, public = (str(Path(model).absolute()), "custom") if ours else (model, model)
    runner = RunnerSpec("megactor.jobs.animation:load", {"model": located, "device": device, "dtype": dtype})
    limits = JobLimits(max_upload * 1_000_000, max_seconds, jobs=max_jobs, jobs_of_caller=max_jobs_each)
    server = Server(place, host, port, runner, public, limits, workers, keep * 3600, verbose)
    if not tokens.names:
        print(f"token (shown this once): {tokens.add('first')}", flush=True)
    if host not in _LOCAL:
        warn("traffic is not encrypted: use it in a network that you trust, or behind a server that speaks HTTPS")
    print(f"{server.url}  (Ctrl-C ends it)", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    tell(f"closed; what is not done goes on at the next start with {place}")


def _state_folder() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "megactor" / "serve"


def _require_extra() -> None:
    """Fails with the remedy where the extra `serve` is not installed."""
    from importlib.util import find_spec

    from megactor.errors import InputError

    missing = [name for name in ("fastapi", "uvicorn", "python_multipart") if find_spec(name) is None]
    if missing:
        raise InputError(f"serving needs {', '.join(missing)}: pip install 'megactor[serve]'")
