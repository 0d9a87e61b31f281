"""`megactor synth`: render people who do not exist."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from megactor.cli.animate import Force
from megactor.cli.failures import one_line_errors
from megactor.cli.terminal import tell

if TYPE_CHECKING:
    from megactor.synth.audit.diversity import Histogram
    from megactor.synth.render.renderer import Renderer

synth = typer.Typer(help="Render synthetic portrait clips with ground truth.", no_args_is_help=True)

RigFile = Annotated[
    Path | None,
    typer.Option("--rig", metavar="FILE", help="Rig file; else $MEGACTOR_RIG, else the one `synth rig` installed."),
]
Seed = Annotated[int, typer.Option(metavar="S", help="Seed of the first clip or person.", min=0)]
Talking = Annotated[
    float, typer.Option(metavar="X", help="Share of clips of people who talk with a still head.", min=0, max=1)
]
_PICTURE_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


@synth.command("rig")
@one_line_errors
def rig(
    checkout: Annotated[Path, typer.Argument(metavar="CHECKOUT", help="Folder of an ICT-FaceKit checkout.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Rig file; by default where it is found.")
    ] = None,
    force: Force = False,
) -> None:
    """Build the rig from a checkout of ICT-FaceKit (MIT licensed, github.com/ICT-VGL/ICT-FaceKit)."""
    require_extra()
    from megactor.cli.progress import progress_display
    from megactor.media.atomic import check_target
    from megactor.synth.anatomy.ict import convert_ict
    from megactor.synth.anatomy.rig import default_rig_path

    target = output or default_rig_path()
    if output is None:
        target.parent.mkdir(parents=True, exist_ok=True)
    check_target(target, force)
    with progress_display() as progress:
        built = convert_ict(checkout, lambda done, total: progress("read", done, total))
    built.save(target, force)
    tell(f"{target}: {len(built.neutral)} vertices, {len(built.expressions)} expressions")


@synth.command("render")
@one_line_errors
def render(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the shards.")],
    clips: Annotated[int, typer.Option(metavar="N", help="How many clips.")] = 100,
    frames: Annotated[int, typer.Option(metavar="F", help="Frames of a clip.")] = 48,
    size: Annotated[int, typer.Option(metavar="S", help="Side of the pictures in pixels.")] = 256,
    fps: Annotated[float, typer.Option(metavar="R", help="Frames a second.")] = 25.0,
    seed: Seed = 0,
    workers: Annotated[int | None, typer.Option(metavar="W", help="Processes; by default one a core.", min=1)] = None,
    clips_per_shard: Annotated[int, typer.Option(metavar="K", help="Clips in a tar file.")] = 16,
    framing_jitter: Annotated[float, typer.Option(metavar="X", help="How far the twins' cameras differ.")] = 0.0,
    talking: Talking = 0.5,
    rig: RigFile = None,
) -> None:
    """Render clips as webdataset shards: a performance, the same by another person, the same drawn, and the truth.

    May be stopped at any moment; the same command goes on where it was. The same seed gives the same clips.
    """
    require_extra()
    from megactor.cli.progress import progress_display
    from megactor.synth.clips.shards import ShardPlan, render_shards
    from megactor.synth.clips.variety import TRAINING

    plan = ShardPlan(
        clips, frames, size, fps, seed, clips_per_shard, framing_jitter, replace(TRAINING, talking=talking)
    )
    with progress_display() as progress:
        for done in render_shards(plan, output, rig, workers or os.cpu_count() or 1):
            progress("render", done, clips)
    tell(f"{output}: {clips} clips in {plan.shards} shards")


@synth.command("sheet")
@one_line_errors
def sheet(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Picture to write (.png, .jpg).")],
    clips: Annotated[int, typer.Option(metavar="N", help="Rows.", min=1, max=100)] = 8,
    size: Annotated[int, typer.Option(metavar="S", help="Side of a picture in pixels.", min=32, max=1024)] = 192,
    seed: Seed = 0,
    talking: Talking = 0.5,
    rig: RigFile = None,
    force: Force = False,
) -> None:
    """Draw a contact sheet: three moments of random clips, each as target, swapped and styled."""
    require_extra()
    import numpy as np
    from PIL import Image

    from megactor.cli.progress import progress_display
    from megactor.errors import InputError
    from megactor.media.atomic import atomic_path, check_target
    from megactor.synth.clips.clip import Clip
    from megactor.synth.clips.plan import plan_clip
    from megactor.synth.clips.variety import TRAINING

    picture_format = _PICTURE_FORMATS.get(output.suffix.lower())
    if picture_format is None:
        raise InputError(f"the name of a picture ends in {', '.join(_PICTURE_FORMATS)}, not {output.name}")
    check_target(output, force)
    renderer, rows = _renderer(rig), []
    with progress_display() as progress:
        for number in range(clips):
            plan = plan_clip(seed + number, frames=61, variety=replace(TRAINING, talking=talking))
            clip = Clip(renderer, plan, size)
            moments = [clip.frame(index) for index in (0, 30, 60)]
            rows.append(np.hstack([picture for moment in moments for picture in moment.pictures.values()]))
            progress("render", number + 1, clips)
    with atomic_path(output, force) as path:
        Image.fromarray(np.vstack(rows)).save(path, format=picture_format)


@synth.command("check")
@one_line_errors
def check(
    identities: Annotated[int, typer.Option(metavar="N", help="How many random people.", min=1)] = 100,
    poses: Annotated[int, typer.Option(metavar="P", help="Extreme faces of each.", min=1)] = 4,
    seed: Seed = 0,
    rig: RigFile = None,
) -> None:
    """Search renders for holes, black frames, eyes behind closed lids and surfaces that flicker."""
    require_extra()
    from megactor.cli.progress import progress_display
    from megactor.synth.audit.check import check_people

    found = []
    with progress_display() as progress:
        people = check_people(_renderer(rig), range(seed, seed + identities), poses)
        for number, (_, faults) in enumerate(people, 1):
            found += faults
            progress("check", number, identities)
    for fault in found:
        print(f"person {fault.seed}: {fault.kind} ({fault.amount:.3g}) with {fault.pose}")
    print(f"{identities} people, {poses} extreme faces each: {len(found)} faults")
    if found:
        raise typer.Exit(1)


@synth.command("diversity")
@one_line_errors
def diversity(
    identities: Annotated[int, typer.Option(metavar="N", help="How many random people.", min=1)] = 1000,
    seed: Seed = 0,
    beside: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of videos: render some clips and compare with these.")
    ] = None,
    clips: Annotated[int, typer.Option(metavar="N", help="--beside: clips that are rendered.", min=1)] = 16,
    seconds: Annotated[float, typer.Option(metavar="S", help="--beside: read of each clip.", min=0.5, max=60)] = 4.0,
    talking: Talking = 0.5,
    rig: RigFile = None,
) -> None:
    """Print histograms of who there is and what they do, as Markdown.

    With --beside: how much people move within a clip and how clips look, rendered ones and the videos of a folder, read
    by the same face analyzer.
    """
    require_extra()
    from megactor.synth.anatomy.rig import Rig, find_rig
    from megactor.synth.audit.diversity import people, performances

    if beside is not None:
        _print_beside(beside, rig, range(seed, seed + clips), seconds, talking)
        return
    names = Rig.load(find_rig(rig)).expression_names
    seeds = range(seed, seed + identities)
    _print_histograms([*people(seeds), *performances(seeds, names)])


def _print_beside(folder: Path, rig: Path | None, seeds: range, seconds: float, talking: float) -> None:
    from megactor.cli.progress import progress_display
    from megactor.curate.sources import VIDEOS
    from megactor.errors import InputError
    from megactor.faces.analyzer import create_analyzer
    from megactor.synth.audit.spread import compare, read_rendered, read_videos
    from megactor.synth.clips.variety import TRAINING

    videos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEOS)
    if not videos:
        raise InputError(f"no videos in {folder}: it should hold {', '.join(sorted(VIDEOS))} files")
    renderer, analyzer = _renderer(rig), create_analyzer()
    real, rendered = [], []
    with progress_display() as progress:
        for clip in read_videos(videos, seconds, analyzer):
            real.append(clip)
            progress("read", len(real), len(videos))
        for clip in read_rendered(renderer, seeds, seconds, replace(TRAINING, talking=talking), analyzer):
            rendered.append(clip)
            progress("render", len(rendered), len(seeds))
    known = [[clip for clip in clips if clip is not None] for clips in (rendered, real)]
    for kind, clips, all_clips in zip(("rendered clips", "videos"), known, (rendered, real), strict=True):
        print(f"{len(clips)} of {len(all_clips)} {kind} show a face, {seconds:g} s of each were read")
        if not clips:
            raise InputError(f"the {kind} show no face that could be followed")
    print("\n| quantity | rendered | real |\n|---|---|---|")
    for row in compare(*known):
        print(f"| {' | '.join(row)} |")


def _print_histograms(histograms: "list[Histogram]") -> None:
    print("| quantity | shares |\n|---|---|")
    for histogram in histograms:
        shares = ", ".join(f"{label} {100 * share:.0f} %" for label, share in histogram.shares.items())
        print(f"| {histogram.name} | {shares} |")


def _renderer(rig: Path | None) -> "Renderer":
    from megactor.synth.anatomy.bust import build_bust
    from megactor.synth.anatomy.rig import Rig, find_rig
    from megactor.synth.render.renderer import Renderer

    return Renderer(build_bust(Rig.load(find_rig(rig))))


def require_extra() -> None:
    """Fails with the remedy where the extra `synth` is not installed."""
    from importlib.util import find_spec

    from megactor.errors import InputError

    missing = [name for name in ("numba", "scipy", "webdataset") if find_spec(name) is None]
    if missing:
        raise InputError(f"rendering needs {', '.join(missing)}: pip install 'megactor[synth]'")
