"""`megactor curate`: from raw videos to training shards."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from megactor.cli.failures import one_line, one_line_errors, warn
from megactor.cli.terminal import tell

if TYPE_CHECKING:
    from megactor.curate.run import Outcome, Outlook

_STREAM_BACKENDS = {"swapped": "mesh-swap", "styled": "styles"}
"""What makes a stream when only the stream is named: the backends that need no weights."""


@one_line_errors
def curate(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Folders, videos, zips of pictures (VFHQ), lists (.txt), CelebV annotations (.json), URLs.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the shards.")],
    size: Annotated[int, typer.Option(metavar="S", help="Side of the pictures in pixels.")] = 512,
    fps: Annotated[float, typer.Option(metavar="R", help="Frames a second.")] = 25.0,
    twins: Annotated[
        str, typer.Option(metavar="NAMES", help="Streams or backends, with commas between them; none for no twins.")
    ] = "swapped,styled",
    donors: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of portraits that lend their faces to swapped twins.")
    ] = None,
    videos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the videos that annotations (.json) speak of.")
    ] = None,
    workers: Annotated[int, typer.Option(metavar="W", help="Processes; 0: one a core.", min=0)] = 0,
    ray_address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Ray cluster whose machines see the same files.")
    ] = None,
    allow_remote: Annotated[bool, typer.Option("--allow-remote", help="Read URLs, too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what there is to do, and do nothing.")] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a limit, such as least_side=128; docs/curation.md."),
    ] = None,
) -> None:
    """Cut videos of talking people into training clips: one face each, cropped, judged, with twins.

    May be stopped at any moment, even by kill -9; the same command goes on. Every clip that is dropped is listed with
    its reason in index.parquet, and report.html shows examples.
    """
    _require_extra()
    from megactor.cli.progress import progress_display
    from megactor.curate.run import curate as run
    from megactor.curate.run import look_ahead
    from megactor.curate.settings import CurationSettings
    from megactor.curate.sources import find_sources

    settings = CurationSettings(size=size, fps=fps).changed(changes or [])
    backends = _backends(twins)
    with progress_display() as progress:
        sources = find_sources(inputs, videos, allow_remote)
        outlook = look_ahead(sources, output, settings)
        if not dry_run:
            _warn_of_space(outlook)
            outcome = run(sources, output, settings, progress, backends, donors, workers, ray_address)
    tell(_outlook_line(outlook) if dry_run else _outcome_lines(output, outcome))


def _backends(twins: str) -> list[str]:
    names = [name.strip() for name in twins.split(",") if name.strip()]
    return [] if names == ["none"] else [_STREAM_BACKENDS.get(name, name) for name in names]


def _warn_of_space(outlook: "Outlook") -> None:
    if outlook.most_bytes is not None and outlook.most_bytes > outlook.free:
        warn(
            f"if all of the {outlook.hours or 0:.1f} h are kept, they need about {outlook.most_bytes / 1e9:.0f} GB; "
            f"{outlook.free / 1e9:.0f} GB are free. A full disk stops the run, and the same command goes on"
        )


def _outlook_line(outlook: "Outlook") -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(outlook.sources.items()))
    if outlook.hours is None or outlook.most_bytes is None:
        return f"sources: {kinds}; {outlook.free / 1e9:.1f} GB free"
    return (
        f"sources: {kinds}; about {outlook.hours:.2f} h, at most {outlook.most_bytes / 1e9:.2f} GB of shards, "
        f"{outlook.free / 1e9:.1f} GB free"
    )


def _outcome_lines(output: Path, outcome: "Outcome") -> str:
    dropped = sum(outcome.reasons.values())
    lines = [f"{output}: {outcome.kept} clips in {outcome.shards} shards, {dropped} dropped; see report.html"]
    for reason, count in sorted(outcome.reasons.items(), key=lambda item: -item[1]):
        example = outcome.examples.get(reason)
        lines.append(one_line(f"{reason}: {count}" + (f", such as {example}" if example else "")))
    return "\n  ".join(lines)


def _require_extra() -> None:
    """Fails with the remedy where the extra `curate` is not installed, or not as it must be."""
    from importlib.util import find_spec

    from megactor.errors import InputError

    missing = [name for name in ("ray", "pyarrow", "fsspec") if find_spec(name) is None]
    if missing:
        raise InputError(f"curation needs {', '.join(missing)}: pip install 'megactor[curate]'")
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise InputError(f"pyarrow cannot be used ({error}): pip install 'megactor[curate]'") from None
