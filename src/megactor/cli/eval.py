"""`megactor eval`: models judged on test sets."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from megactor.cli.failures import one_line_errors

if TYPE_CHECKING:
    from megactor.evaluation.synthbench import ClipScore
    from megactor.metrics.statistics import Estimate

evaluation = typer.Typer(help="Judge a model on a test set.", no_args_is_help=True)


@evaluation.callback()
def _evaluation() -> None:
    """Keeps `synthbench` a sub-command while it is the only one."""


@evaluation.command("synthbench")
@one_line_errors
def synthbench(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the results.")],
    model: Annotated[str, typer.Option(metavar="nano|PATH", help="Model to judge.")] = "nano",
    clips: Annotated[int, typer.Option(metavar="N", help="How many of the 200 clips.")] = 200,
    workers: Annotated[int, typer.Option(metavar="W", help="Processes.", min=1)] = 1,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Denoising steps; by default the model's own.")] = None,
    guidance: Annotated[float | None, typer.Option(metavar="G", help="Guidance scale; by default the model's.")] = None,
    speed: Annotated[
        Literal["exact", "balanced", "realtime"], typer.Option(help="As for `megactor animate`.")
    ] = "exact",
    rig: Annotated[Path | None, typer.Option(metavar="FILE", help="Rig file; see `megactor synth rig`.")] = None,
) -> None:
    """Score a model on rendered clips of people it never saw, against the true frames.

    May be stopped at any moment; the same command goes on where it was. Writes clips.jsonl, summary.json, summary.md
    and worst-to-best.jpg.
    """
    from megactor.cli.progress import progress_display
    from megactor.evaluation.synthbench import Settings, evaluate, known, summarize
    from megactor.media.atomic import atomic_path

    scores = []
    with progress_display() as progress:
        for score in evaluate(Settings(model, steps, guidance, rig=rig, speed=speed), clips, output, workers):
            scores.append(score)
            progress("evaluate", len(scores), clips)
    scores.sort(key=lambda score: score.name)
    summary = summarize(scores)
    table = markdown(summary)
    numbers = {part: {name: known(asdict(value)) for name, value in rows.items()} for part, rows in summary.items()}
    for name, text in (("summary.json", json.dumps(numbers, indent=1)), ("summary.md", table)):
        with atomic_path(output / name, force=True) as path:
            path.write_text(text + "\n", encoding="utf-8")
    _draw_sheet(output, scores)
    print(table)


def markdown(summary: "dict[str, dict[str, Estimate]]") -> str:
    """A table: metrics by part of the test set, means with 95 % confidence intervals.

    A column's head counts its clips; a figure says of how many it is where some of them have no value.
    """
    sizes = {part: max(value.count for value in rows.values()) for part, rows in summary.items()}

    def cell(part: str, name: str) -> str:
        value = summary[part][name]
        return f"{value}, n={value.count}" if 0 < value.count < sizes[part] else str(value)

    lines = ["| | " + " | ".join(f"{part}, n={size}" for part, size in sizes.items()) + " |"]
    lines.append("|---" * (len(sizes) + 1) + "|")
    for name in next(iter(summary.values())):
        lines.append(f"| {name} | " + " | ".join(cell(part, name) for part in sizes) + " |")
    return "\n".join(lines)


def _draw_sheet(folder: Path, scores: "list[ClipScore]", rows: int = 12) -> None:
    """Strips from the worst clip to the best, by the gain over the still portrait."""
    import numpy as np
    from PIL import Image

    from megactor.evaluation.synthbench import STRIPS
    from megactor.media.atomic import atomic_path

    order = sorted(scores, key=lambda score: score.metrics["psnr_gain"])
    chosen = [order[i] for i in np.unique(np.linspace(0, len(order) - 1, rows).round().astype(int))]
    strips = [np.asarray(Image.open(folder / STRIPS / f"{score.name}.jpg")) for score in chosen]
    with atomic_path(folder / "worst-to-best.jpg", force=True) as path:
        Image.fromarray(np.vstack(strips)).save(path, format="JPEG", quality=88)
