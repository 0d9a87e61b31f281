"""`megactor bench flops`, `gpu-memory` and `speed`: what the networks cost, on paper and by the clock."""

import json
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from megactor.cli.failures import one_line_errors

Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures here.")]


@one_line_errors
def flops(
    frames: Annotated[int, typer.Option(metavar="N", help="Length of the clip in the second table.", min=1)] = 50,
    output: Json = None,
) -> None:
    """Operations of the sd15 networks by part, counted without weights, beside those of the official code.

    512x512 pictures, windows of 16 frames, guidance; two operations for a multiplication with its addition.
    """
    from megactor.bench.flops import OFFICIAL, by_speed, count, official_clip

    counts = count()
    print(f"{'TFLOP':<28}{'each':>8}{'ours':>10}{'official':>10}")
    for part in counts.parts:
        official = f"{OFFICIAL[part.name]:>10.3f}" if part.name in OFFICIAL else ""
        print(f"{part.name:<28}{part.often:>8}{part.tera:>10.3f}{official}")
    ours, official_step = counts.step_of_one_window, sum(OFFICIAL.values())
    print(f"{'one step of one window':<36}{ours:>10.3f}{official_step:>10.3f}   {ours / official_step:.3f} of it")
    decode = next(part.tera for part in counts.parts if part.name == "VAE decoder")
    whole, speeds = official_clip(frames, decode=decode), by_speed(counts, frames)
    print(f"\n{frames} frames, with decoding{'PFLOP':>12}{'of official':>13}")
    for name, tera in {"official code, 25 steps": whole, **speeds}.items():
        print(f"{name:<28}{tera / 1000:>8.3f}{tera / whole:>13.3f}")
    if output is not None:
        _write(
            output,
            {
                "parts": [asdict(part) for part in counts.parts],
                "official": OFFICIAL,
                "step_of_one_window": {"ours": ours, "official": official_step, "ratio": ours / official_step},
                "clip": {"frames": frames, "official": whole, **speeds},
            },
        )


@one_line_errors
def speed(
    model: Annotated[
        str, typer.Option(metavar="nano|sd15|PATH", help="sd15: its architecture with random weights.")
    ] = "nano",
    size: Annotated[int | None, typer.Option(metavar="N", help="Side of the result in pixels.")] = None,
    frames: Annotated[int, typer.Option(metavar="N", help="Length of the driving video.", min=1)] = 48,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Denoising steps.")] = None,
    preset: Annotated[
        Literal["exact", "balanced", "realtime"], typer.Option("--speed", help="As for `megactor animate`.")
    ] = "exact",
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to compute.")] = "auto",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"], typer.Option(help="Number format of the networks.")
    ] = "auto",
    threads: Annotated[int | None, typer.Option(metavar="N", help="CPU threads of the networks.", min=1)] = None,
    compile_blocks: Annotated[bool, typer.Option("--compile", help="Compile the networks first.")] = False,
    repeats: Annotated[int, typer.Option(metavar="N", help="Runs; the medians are shown.", min=1)] = 3,
    output: Json = None,
) -> None:
    """Time of every stage of an animation of the packaged clip, and of the whole with the stages side by side.

    A first run, which is not counted, loads and compiles what is loaded and compiled once.
    """
    from megactor.bench.speed import bench_pipeline, describe_machine, measure
    from megactor.options import AnimationOptions

    pipe = bench_pipeline(model, device, dtype, threads)
    if compile_blocks:
        pipe.compile_blocks()
    options = AnimationOptions(size=size, steps=steps, speed=preset)
    runs = list(measure(pipe, frames, options, repeats))
    stages = {name: statistics.median(run.stages[name] for run in runs) for name in runs[0].stages}
    whole = statistics.median(run.whole for run in runs)
    print(f"{'stage':<12}{'seconds':>9}{'ms/frame':>10}{'frames/s':>10}")
    for name, seconds in {**stages, "sum": sum(stages.values()), "end to end": whole}.items():
        print(f"{name:<12}{seconds:>9.2f}{1000 * seconds / frames:>10.1f}{frames / max(seconds, 1e-9):>10.1f}")
    cores = statistics.median(run.core_seconds for run in runs)
    print(f"{1000 * cores / frames:.0f} ms of a core a frame, end to end, whatever else the machine does")
    machine = describe_machine(pipe)
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    if output is not None:
        settings = {"model": model, "frames": frames, "compile": compile_blocks, **asdict(options)}
        _write(output, {"machine": machine, "settings": settings, "runs": [asdict(run) for run in runs]})


@one_line_errors
def gpu_memory(
    dtype: Annotated[Literal["float32", "bfloat16", "float16"], typer.Option(help="Number format.")] = "bfloat16",
    output: Json = None,
) -> None:
    """Memory that sd15 needs on a GPU at 512x512, stage by stage, counted without a GPU and without weights.

    One window of 16 frames with guidance. A lower bound: without what a clip keeps between the stages, copies between
    layouts, workspaces of libraries and the CUDA context. On a GPU, `megactor bench speed --json` measures.
    """
    import torch

    from megactor.bench.gpu_memory import count_sd15

    need = count_sd15(getattr(torch, dtype))
    weights = sum(need.networks.values())
    print(f"{'MB of weights':<28}{weights:>9.0f}")
    for name, size in need.networks.items():
        print(f"  {name:<26}{size:>9.0f}")
    print(f"{'MB':<28}{'tensors':>9}{'sum':>9}")
    for name, size in need.stages.items():
        print(f"{name:<28}{size:>9.0f}{weights + size:>9.0f}")
    print(f"{need.peak / 1000:.2f} GB at most")
    if output is not None:
        _write(output, {"dtype": dtype, **asdict(need), "peak": need.peak})


def _write(path: Path, value: Any) -> None:
    from megactor.media.atomic import atomic_path

    with atomic_path(path, force=True) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
