"""`megactor bench`: measurements of this machine."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from megactor.cli.failures import one_line_errors

bench = typer.Typer(help="Measure speed and memory on this machine.", no_args_is_help=True)


@bench.callback()
def _bench() -> None:
    """Keeps `memory` a sub-command while it is the only one."""


@bench.command("memory")
@one_line_errors
def memory(
    frames: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Length of a driving video; may be given several times.")
    ] = None,
    model: Annotated[str, typer.Option(metavar="nano|PATH", help="Model to run, on the CPU.")] = "nano",
    steps: Annotated[int | None, typer.Option(metavar="N", help="Denoising steps.")] = None,
    output: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures here.")] = None,
) -> None:
    """Peak memory of `animate` for driving videos of different length: it should not grow.

    Each length runs in a process of its own. Without --frames: 300 and 3000 frames, which takes minutes.
    """
    from megactor.bench.memory import measure

    runs = []
    print(f"{'frames':>8} {'peak MB':>9} {'against first':>14} {'seconds':>9}")
    for run in measure(frames or (300, 3000), model, steps):
        runs.append(run)
        growth = 100 * (run.peak_mb / runs[0].peak_mb - 1)
        print(f"{run.frames:>8} {run.peak_mb:>9.0f} {growth:>+13.1f}% {run.seconds:>9.1f}", flush=True)
    if output is not None:
        output.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n", encoding="utf-8")
