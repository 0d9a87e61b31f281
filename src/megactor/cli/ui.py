"""`megactor ui`: the main job in a browser."""

import contextlib
import logging
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from megactor.cli.animate import Device, Model, Verbose
from megactor.cli.failures import one_line_errors, warn
from megactor.cli.quiet import library_messages
from megactor.cli.terminal import tell

_WHO = "Who may use it"
_LIMITS = "Limits of a visitor"
_RUN = "Machine"


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
        typer.Option(metavar="N", help="Jobs that may run and wait.", min=1, rich_help_panel=_LIMITS),
    ] = 8,
    keep: Annotated[
        float,
        typer.Option(
            metavar="HOURS",
            help="Files stay so long after a visitor was last seen; 0: until the server ends.",
            min=0,
            rich_help_panel=_LIMITS,
        ),
    ] = 24,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where visits are kept; by default a folder of yours, one for each port.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(metavar="N", help="Animations at a time; each loads the model.", min=1, rich_help_panel=_RUN),
    ] = 1,
    model: Model = "nano",
    device: Device = "auto",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option(help="Number format of the networks.", rich_help_panel=_RUN),
    ] = "auto",
    verbose: Verbose = False,
) -> None:
    """Open a web page that animates portraits. Works offline; nothing leaves this machine.

    Ctrl-C ends it. A visitor's files stay until they press Clear or --keep is over; the next start brings them back.
    """
    _require_extra()
    if verbose:
        logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s")
        logging.getLogger("megactor").setLevel(logging.DEBUG)
    from megactor.ui.address import choose_address, listen
    from megactor.ui.limits import Limits

    address = choose_address(host, port, token, allow_public)
    limits = Limits(max_upload, max_seconds, max_jobs, keep_hours=keep)
    runner = {"model": model, "device": device, "dtype": dtype}
    with library_messages(verbose), listen(address) as listening, _folder(port, data, keep) as folder:
        from megactor.cli.progress import progress_display

        with progress_display() as progress:
            progress("page", 0, 1)
            from megactor.jobs import Engine, RunnerSpec

            seconds = keep * 3600 or math.inf
            spec = RunnerSpec("megactor.jobs.animation:load", runner)
            # the model is loaded beside and behind the page
            with Engine(folder, spec, workers=workers, limits=limits.of_jobs, keep=seconds, verbose=verbose) as engine:
                from megactor.ui.invitation import qr_code
                from megactor.ui.server import PageServer

                live = RunnerSpec("megactor.live.process:load", runner)
                server = PageServer(engine, address, limits, listening, model=model, live=live)
                progress("page", 1, 1)
                if not address.local:
                    warn("traffic is not encrypted: use it in a network that you trust, or behind HTTPS")
                print(f"{server.url}  (Ctrl-C ends it)", flush=True)
                if not address.local and sys.stdout.isatty() and (code := qr_code(server.url)):
                    print(code, flush=True)
                with contextlib.suppress(KeyboardInterrupt):
                    server.run(open_browser=not no_browser)


@contextlib.contextmanager
def _folder(port: int, data: Path | None, keep: float) -> Iterator[Path]:
    """Where visits are kept; says at the end what became of them.

    A browser's memory of its visit belongs to one address, so each port has a folder. That of a port which was taken by
    chance does not outlive the server, since nobody could find it again.
    """
    from megactor.jobs import state_folder, tidy

    if data is None and (port == 0 or not keep):
        with tempfile.TemporaryDirectory(prefix="megactor-ui-", ignore_cleanup_errors=True) as passing:
            yield Path(passing)
        tell("closed; uploads and results were deleted")
        return
    folder = data or state_folder(f"page-{port}")
    for other in folder.parent.glob("page-*") if data is None else ():
        tidy(other, keep * 3600)
    yield folder
    if not keep:
        tidy(folder, 0)
        tell("closed; uploads and results were deleted")
    else:
        tell(f"closed; visits of the last {keep:g} hours are kept in {folder}: delete it, or start the page to go on")


def _require_extra() -> None:
    """Fails with the remedy where the extra `ui` is not installed."""
    from importlib.util import find_spec

    from megactor.errors import InputError

    if find_spec("gradio") is None:
        raise InputError("the web page needs gradio: pip install 'megactor[ui]'")
