"""`megactor demo`: see the main job work without any file of one's own."""

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from megactor.cli.animate import Device, Force, Layout, Model, Seed, Size, Steps, Verbose, run_animation
from megactor.cli.failures import one_line_errors
from megactor.errors import ModelError
from megactor.options import AnimationOptions

DEFAULT_OUTPUT = Path("out/demo.mp4")


@one_line_errors
def demo(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="Where the result goes.", rich_help_panel="Result"),
    ] = DEFAULT_OUTPUT,
    model: Model = "nano",
    steps: Steps = None,
    seed: Seed = 0,
    size: Size = None,
    layout: Layout = "side-by-side",
    force: Force = False,
    device: Device = "auto",
    verbose: Verbose = False,
) -> None:
    """Animate a packaged portrait with a packaged clip. Needs no network, no GPU and no files.

    Both were rendered by this project: nobody's face is used.
    """
    options = AnimationOptions(steps=steps, seed=seed, size=size, layout=layout)
    if output == DEFAULT_OUTPUT:
        # the folder is ours, any other is the user's to choose and create
        output.parent.mkdir(exist_ok=True)
    folder = resources.files("megactor") / "assets" / "demo"
    with (
        resources.as_file(folder / "photo.jpg") as portrait,
        resources.as_file(folder / "talk.mp4") as driving,
    ):
        if not (portrait.exists() and driving.exists()):
            raise ModelError("the demo files are missing from this installation: install megactor again")
        run_animation(
            portrait,
            driving,
            output,
            options,
            model=model,
            device=device,
            dtype="auto",
            audio=True,
            force=force,
            verbose=verbose,
        )
