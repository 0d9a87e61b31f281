"""`megactor weights`: the released checkpoint fetched, checked and converted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from megactor.cli.failures import one_line, one_line_errors
from megactor.cli.progress import progress_display
from megactor.cli.quiet import library_messages
from megactor.cli.terminal import tell

if TYPE_CHECKING:
    from megactor.weights.stored_network import TensorReport

weights = typer.Typer(help="Fetch, check and convert models.", no_args_is_help=True)


@weights.command("fetch")
@one_line_errors
def fetch(
    name: Annotated[
        str, typer.Argument(metavar="sd15|faces|OWNER/NAME", help="The released model, or one of ours on the hub.")
    ],
    revision: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="Another version of it; by default the newest.")
    ] = None,
) -> None:
    """Download a model from the Hugging Face hub into the hub's cache folder; sd15 has about 6 GB.

    May be stopped at any moment; the same command goes on where it was. Every file's checksum is compared with the
    hub's. Afterwards the model works without a network. HF_HOME moves the cache folder.

    faces are the networks that find faces, 36 MB from the package index that pip uses: needed once on Python 3.13 and
    later, where the first animation fetches them too. Where there is no network, MEGACTOR_FACES names what was brought.
    """
    if name == "faces":
        from megactor.faces.face_models import face_models

        with progress_display() as progress:
            models = face_models(progress)
        tell(one_line(f"the face models are in {', '.join(sorted({str(path.parent) for path in models.values()}))}"))
        return
    with library_messages(False), progress_display() as progress:
        from megactor.weights.fetch import fetch as fetch_release

        folder = fetch_release(name, revision, progress=progress)
    tell(one_line(f"{name} is in {folder}; use it with --model {name}"))


@weights.command("verify")
@one_line_errors
def verify(
    model: Annotated[
        str, typer.Argument(metavar="DIR", help="Folder in the official layout or ours, or nano, or sd15.")
    ],
) -> None:
    """Account for every tensor of a model: what is there, missing, left over, of another shape, or not finite."""
    with library_messages(False):
        from megactor.weights.verify import verify as verify_model

        reports = verify_model(model)
    _print_table(reports)
    problems = [f"{report.name}: {problem}" for report in reports for problem in report.problems]
    for problem in problems:
        print(one_line(problem))
    if problems:
        raise typer.Exit(1)
    print(f"all {sum(report.expected for report in reports)} tensors are there and finite, none is left over")


@weights.command("convert")
@one_line_errors
def convert(
    source: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder in the official layout, or the checkpoint in it.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Folder to write.")],
    dtype: Annotated[
        Literal["stored", "float16", "bfloat16", "float32"],
        typer.Option(help="Number format of the written weights; stored keeps each as it is."),
    ] = "stored",
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier model at OUT.")] = False,
) -> None:
    """Write the released model as safetensors, so that it loads faster and nothing is pickled."""
    from megactor.media.atomic import check_folder_target

    check_folder_target(output, "model_index.json", force)
    with library_messages(False), progress_display() as progress:
        progress("model", 0, 1)
        import torch

        from megactor.pipeline import MegActorPipeline
        from megactor.weights.convert import convert as convert_release

        kind = None if dtype == "stored" else getattr(torch, dtype)
        folder = convert_release(source, output, MegActorPipeline, kind, force)
        progress("model", 1, 1)
    tell(one_line(f"{output}: {sum(path.stat().st_size for path in folder.rglob('*')) / 1e6:.0f} MB"))


def _print_table(reports: "list[TensorReport]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    table.add_column("part", no_wrap=True)
    for title in ("expected", "found", "missing", "left over", "other shape", "not finite"):
        table.add_column(title, justify="right")
    for report in reports:
        wrong = (report.missing, report.left_over, report.mismatched, report.not_finite)
        table.add_row(report.name, str(report.expected), str(report.found), *(str(len(names)) for names in wrong))
    Console().print(table)
