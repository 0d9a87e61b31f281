"""The `megactor` command line: one sub-command a job."""

import platform
from importlib import metadata
from typing import Annotated

import typer

from megactor import __version__
from megactor.cli.animate import animate
from megactor.cli.batch import batch
from megactor.cli.bench import bench
from megactor.cli.curate import curate
from megactor.cli.demo import demo
from megactor.cli.eval import evaluate
from megactor.cli.inspect import inspect
from megactor.cli.live import live
from megactor.cli.serve import serve
from megactor.cli.synth import synth
from megactor.cli.terminal import prepare_streams, unwinding_on_signals
from megactor.cli.train import train
from megactor.cli.ui import ui
from megactor.cli.weights import weights

app = typer.Typer(
    name="megactor",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(animate)
app.command()(live)
app.command()(demo)
app.command()(batch)
app.command()(serve)
app.command()(ui)
app.command()(train)
app.command()(curate)
app.add_typer(synth, name="synth")
app.command("eval")(evaluate)
app.add_typer(weights, name="weights")
app.command()(inspect)
app.add_typer(bench, name="bench")


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    parts = [f"Python {platform.python_version()}"]
    parts += [f"{name} {metadata.version(name)}" for name in ("torch", "diffusers")]
    print(f"megactor {__version__} ({', '.join(parts)})")
    raise typer.Exit()


@app.callback()
def megactor(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print versions and exit."),
    ] = False,
) -> None:
    """Animate a portrait with the raw pixels of a driving video.

    Use it with portraits of people who agreed, and say that the result was generated; its metadata does.
    """


def main() -> None:
    """Runs the command line; the entry point of the `megactor` script."""
    prepare_streams()
    with unwinding_on_signals():
        app()
