"""`megactor bench official`: the public code of the official MegActor and ours, side by side."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from megactor.cli.failures import one_line_errors
from megactor.errors import InputError


@one_line_errors
def official(
    checkout: Annotated[
        Path, typer.Argument(metavar="CHECKOUT", help="Folder of the official code, at its first release.")
    ],
    python: Annotated[
        str | None, typer.Option(metavar="PYTHON", help="Python of the official code's environment; else this one.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="Where to compute.")] = "auto",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"], typer.Option(help="Number format of the networks.")
    ] = "auto",
    width: Annotated[
        Literal["tiny", "fifth", "half", "full"] | None,
        typer.Option(help="Of the networks; full is the release, and what a GPU runs unless told otherwise."),
    ] = None,
    size: Annotated[
        int | None, typer.Option(metavar="N", help="Side in pixels: 512, or on a CPU 128.", min=64, max=2048)
    ] = None,
    frames: Annotated[int, typer.Option(metavar="N", help="Driving frames.", min=1)] = 50,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Denoising steps; 25 in the official code.", min=1, max=1000)
    ] = None,
    threads: Annotated[int | None, typer.Option(metavar="N", help="CPU threads of both.", min=1)] = None,
    compile_blocks: Annotated[bool, typer.Option("--compile", help="Compile our networks first.")] = False,
    repeats: Annotated[int, typer.Option(metavar="N", help="Runs of each; the medians are shown.", min=1)] = 3,
    output: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures here.")] = None,
) -> None:
    """The official code and ours: the same random weights, pictures, noise, steps and windows, one after the other.

    From cropped pictures to frames; no faces, no files. Both sides have to come out with the same frames.
    """
    from megactor.bench.official.compare import find_checkout, find_python

    folder, program = find_checkout(checkout), find_python(python)
    if size is not None and size % 64:
        raise InputError(f"size {size} is not divisible by 64: try {max(1, round(size / 64)) * 64}")
    from megactor.bench.official.compare import compare
    from megactor.bench.official.workload import Workload
    from megactor.compute.devices import choose_device, choose_dtype
    from megactor.media.atomic import atomic_path, check_target

    target = None if output is None else check_target(output, force=True)
    place = choose_device(device)
    small = place.type == "cpu"
    workload = Workload(
        width=width or ("tiny" if small else "full"),
        frames=frames,
        size=size or (128 if small else 512),
        steps=steps,
        device=place.type,
        dtype=str(choose_dtype(dtype, place)).removeprefix("torch."),
        threads=threads,
        repeats=repeats,
        compile_blocks=compile_blocks,
    )
    result = compare(workload, folder, program, lambda line: typer.echo(line, err=True))
    print(f"{'':<26}{'official':>12}{'ours':>12}{'ours / official':>18}")
    for name, there, here in result.rows():
        print(f"{name:<26}{_figure(there):>12}{_figure(here):>12}{here / max(there, 1e-9):>18.2f}")
    taken = result.official.settings
    print(
        f"{workload.frames} frames of {workload.size}x{workload.size}, {taken['steps']} steps, "
        f"guidance {taken['guidance']:g}, windows of {taken['window']} that share {taken['overlap']}, "
        f"width {workload.width}, {workload.dtype} on {workload.device}"
    )
    print(f"largest difference of the final latents: {result.difference:.1e} of their range")
    for name, side in (("official", result.official), ("ours", result.ours)):
        print(f"{name}: " + ", ".join(f"{part} {value}" for part, value in side.software.items()))
    if target is not None:
        with atomic_path(target, force=True) as temporary:
            figures = {
                "case": asdict(workload),
                "official": _told(result.official),
                "ours": _told(result.ours),
                "table": {name: {"official": there, "ours": here} for name, there, here in result.rows()},
                "difference": result.difference,
            }
            temporary.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    result.check()


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def _told(side: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(side).items() if name != "latents"}
