"""`megactor ui`: the main job in a browser."""

import contextlib
from typing import Annotated, Literal

import typer

from megactor.cli.animate import Device, Model, Verbose
from megactor.cli.failures import one_line_errors, warn
from megactor.cli.quiet import library_messages
from megactor.cli.terminal import tell

_WHO = "Who may use it"
_LIMITS = "Limits of a visitor"


@one_line_errors
def ui(
    port: Annotated[int, typer.Option(metavar="N", help="Port; 0 takes a free one.", min=0, max=65535)] = 7860,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Listen at this name or address, 0.0.0.0 for all; by default this machine only. Visitors then need a "
            "token.",
            rich_help_panel=_WHO,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(metavar="WORD", help="The token; by default a new one, printed.", rich_help_panel=_WHO),
    ] = None,
    allow_public: Annotated[
        bool,
        typer.Option("--allow-public", help="With --host: whoever reaches it may use it.", rich_help_panel=_WHO),
    ] = False,
    max_upload: Annotated[int, typer.Option(metavar="MB", help="Largest file.", min=1, rich_help_panel=_LIMITS)] = 500,
    max_seconds: Annotated[
        float, typer.Option(metavar="SEC", help="Longest part of a video.", min=0.1, rich_help_panel=_LIMITS)
    ] = 300,
    max_jobs: Annotated[
        int,
        typer.Option(metavar="N", help="Jobs that may wait; one runs at a time.", min=1, rich_help_panel=_LIMITS),
    ] = 8,
    model: Model = "nano",
    device: Device = "auto",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option(help="Number format of the networks.", rich_help_panel="Machine"),
    ] = "auto",
    verbose: Verbose = False,
) -> None:
    """Open a web page that animates portraits. Works offline; nothing leaves this machine.

    Ctrl-C ends it and deletes all uploads and results that were not downloaded.
    """
    _require_extra()
    with library_messages(verbose):
        from megactor.cli.progress import progress_display

        with progress_display() as progress:
            progress("model", 0, 1)
            from megactor.pipeline import MegActorPipeline
            from megactor.ui.limits import Limits
            from megactor.ui.server import PageServer, choose_address

            address = choose_address(host, port, token, allow_public)
            pipeline = MegActorPipeline.from_preset(model, device=device, dtype=dtype)
            server = PageServer(pipeline, address, Limits(max_upload, max_seconds, max_jobs))
            progress("model", 1, 1)
        if not address.local:
            warn("traffic is not encrypted: use it in a network that you trust, or behind a server that speaks HTTPS")
        print(f"{server.url}  (Ctrl-C ends it)", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(open_browser=not no_browser)
        tell("closed; uploads and results were deleted")


def _require_extra() -> None:
    """Fails with the remedy where the extra `ui` is not installed."""
    from importlib.util import find_spec

    from megactor.errors import InputError

    if find_spec("gradio") is None:
        raise InputError("the web page needs gradio: pip install 'megactor[ui]'")
