"""`megactor bench`: measurements of this machine."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from megactor.cli.bench_networks import flops, gpu_memory, speed
from megactor.cli.bench_official import official
from megactor.cli.failures import one_line_errors
from megactor.cli.synth import require_extra

bench = typer.Typer(help="Measure speed and memory on this machine.", no_args_is_help=True)


@bench.callback()
def _bench() -> None:
    """Keeps `memory` a sub-command while it is the only one."""


bench.command("flops")(flops)
bench.command("speed")(speed)
bench.command("official")(official)
bench.command("gpu-memory")(gpu_memory)


@bench.command("memory")
@one_line_errors
def memory(
    frames: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Length of a driving video; may be given several times.")
    ] = None,
    model: Annotated[str, typer.Option(metavar="nano|PATH", help="Model to run, on the CPU.")] = "nano",
    steps: Annotated[int | None, typer.Option(metavar="N", help="Denoising steps.")] = None,
    stand_ins: Annotated[
        bool,
        typer.Option("--stand-ins", help="Without networks and analyzer: what is kept of an hour shows in minutes."),
    ] = False,
    output: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures here.")] = None,
) -> None:
    """Peak memory of `animate` for driving videos of different length: it should not grow.

    Each length runs in a process of its own. Without --frames: 300 and 3000 frames, which takes minutes.
    """
    from megactor.bench.memory import measure

    runs = []
    print(f"{'frames':>8} {'peak MB':>9} {'against first':>14} {'seconds':>9}")
    for run in measure(frames or (300, 3000), model, steps, stand_ins):
        runs.append(run)
        growth = 100 * (run.peak_mb / runs[0].peak_mb - 1)
        print(f"{run.frames:>8} {run.peak_mb:>9.0f} {growth:>+13.1f}% {run.seconds:>9.1f}", flush=True)
    if output is not None:
        output.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n", encoding="utf-8")


@bench.command("synth")
@one_line_errors
def synth(
    people: Annotated[
        int, typer.Option(metavar="N", help="How many people to render one after the other.", min=1)
    ] = 24,
    frames: Annotated[int, typer.Option(metavar="N", help="Frames of each.", min=3)] = 24,
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Size of the pictures.", min=32, max=2048)] = 256,
    processes: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Also so many processes at once; may be given several times.", min=1),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the first person.", min=0)] = 0,
    rig: Annotated[Path | None, typer.Option(metavar="FILE", help="Rig file; see `megactor synth rig`.")] = None,
    output: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures here.")] = None,
) -> None:
    """Frames a second of the renderer on one core, with 2 x 2 samples a pixel; with --processes, how it scales."""
    import statistics

    require_extra()
    from megactor.bench.synth import measure_people, measure_scaling

    path = None if rig is None else str(rig)
    persons, runs = [], []
    print(f"{'seed':>6} {'triangles':>10} {'set-up ms':>10} {'frames/s':>9}")
    for person in measure_people(path, range(seed, seed + people), frames, size):
        persons.append(person)
        print(
            f"{person.seed:>6} {person.triangles:>10} {1000 * person.set_up:>10.0f} {person.frames_per_second:>9.1f}",
            flush=True,
        )
    print(f"median {statistics.median(person.frames_per_second for person in persons):.1f} frames/s a core")
    for run in measure_scaling(path, processes or (), frames, size):
        runs.append(run)
        efficiency = run.frames_per_second / run.processes / (runs[0].frames_per_second / runs[0].processes)
        print(
            f"{run.processes} processes: {run.frames_per_second:.1f} frames/s, {efficiency:.0%} a process of the first"
        )
    if output is not None:
        result = {"people": [asdict(person) for person in persons], "scaling": [asdict(run) for run in runs]}
        output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


@bench.command("synth-faces")
@one_line_errors
def synth_faces(
    people: Annotated[int, typer.Option(metavar="N", help="How many people to render.")] = 100,
    frames: Annotated[int, typer.Option(metavar="N", help="Pictures of each.")] = 20,
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Size of the pictures.", min=32, max=2048)] = 256,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the first person.", min=0)] = 0,
    rig: Annotated[Path | None, typer.Option(metavar="FILE", help="Rig file; see `megactor synth rig`.")] = None,
    output: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures here.")] = None,
) -> None:
    """Rendered people read by the face analyzer: faces found, and how well measures follow the truth (Pearson's r).

    Lids, brows and pitch are compared in frames with less than 29 degrees of yaw, gaze where the eyes are open too.
    """
    require_extra()
    from megactor.bench.synth_faces import measure
    from megactor.synth.anatomy.bust import build_bust
    from megactor.synth.anatomy.rig import Rig, find_rig
    from megactor.synth.render.renderer import Renderer

    renderer = Renderer(build_bust(Rig.load(find_rig(rig))))
    result = measure(renderer, people, frames, size, seed)
    print(f"found {result.found} of {result.shown} ({result.found / result.shown:.1%})")
    print(f"{'':>8} {'frames':>7} {'pooled':>7} {'median':>7} {'10 %':>7}")
    for row in result.agreements:
        print(f"{row.name:>8} {row.frames:>7} {row.pooled:>7.3f} {row.median:>7.3f} {row.low:>7.3f}")
    if output is not None:
        output.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")


@bench.command("train")
@one_line_errors
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Recipe, such as configs/sd15-stage1.yaml.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a value of the recipe, such as optimizer.batch=8."),
    ] = None,
    steps: Annotated[int, typer.Option(metavar="N", help="Steps that are timed.", min=1)] = 10,
    cpu: Annotated[bool, typer.Option("--cpu", help="Leave a GPU alone.")] = False,
    output: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures here.")] = None,
) -> None:
    """Seconds of one training step on noise, and its share of the speed of a large matrix product.

    Random weights do: --set init=null --set preset=sd15.
    """
    from megactor.cli.train import require_extra as require_training

    require_training()
    import torch

    from megactor.bench.training import measure
    from megactor.train.config import load_config

    device = torch.device("cuda" if torch.cuda.is_available() and not cpu else "cpu")
    speed = measure(load_config(config, changes), device, steps)
    print(f"{speed.device}, {speed.precision}: {speed.samples} samples of {speed.frames} frames a step")
    print(
        f"{speed.seconds:.3f} s a step, {speed.samples / speed.seconds:.2f} samples/s, {speed.tflop:.2f} TFLOP a step"
    )
    print(
        f"{speed.tflops:.2f} TFLOP/s, {speed.share:.0%} of the {speed.matrix_tflops:.2f} TFLOP/s of a matrix product"
        + ("" if speed.peak_gb is None else f"; {speed.peak_gb:.1f} GB at most")
    )
    if output is not None:
        figures = asdict(speed) | {"tflops": speed.tflops, "share": speed.share}
        output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
