"""`megactor animate`: the main job."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from megactor.cli.failures import one_line, one_line_errors, warn
from megactor.cli.progress import progress_display
from megactor.cli.quiet import library_messages
from megactor.cli.terminal import tell
from megactor.errors import InputError, OutputError
from megactor.lean_imports import uncollected
from megactor.options import AnimationOptions, square_of

_MODEL = "Model and look"
_PART = "Part of the driving video"
_RESULT = "Result"
_RUN = "Machine"

# Options that several commands share; the defaults stand in the commands.
Model = Annotated[
    str,
    typer.Option(
        metavar="nano|sd15|PATH|OWNER/NAME",
        help="nano comes with the package and runs on a laptop; sd15 has full quality, wants a GPU and is "
        "fetched first (megactor weights fetch sd15); or a folder in our or the official layout; or a model of the "
        "Hugging Face hub, downloaded once.",
        rich_help_panel=_MODEL,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(metavar="N", help="Denoising steps: more is slower and finer.", rich_help_panel=_MODEL),
]
Speed = Annotated[
    Literal["exact", "balanced", "realtime"],
    typer.Option(
        help="exact: the model's own way. the others: fewer steps, less guidance and overlap; coarser.",
        rich_help_panel=_MODEL,
    ),
]
EyesScale = Annotated[
    float,
    typer.Option(
        metavar="X",
        help="Strength of the motion of brows, lids and gaze: 0 keeps the portrait's. nano only.",
        rich_help_panel=_MODEL,
    ),
]
MouthScale = Annotated[
    float,
    typer.Option(
        metavar="X",
        help="Strength of the motion of lips and chin: 0 keeps the portrait's. nano only.",
        rich_help_panel=_MODEL,
    ),
]
PortraitCrop = Annotated[
    str | None,
    typer.Option(
        metavar="X,Y,SIDE",
        help="Part of the portrait that is animated: left, top and side in pixels of a square around the face.",
        rich_help_panel=_MODEL,
    ),
]
Seed = Annotated[int, typer.Option(metavar="S", help="The same seed gives the same video.", rich_help_panel=_MODEL)]
Size = Annotated[
    int | None,
    typer.Option(metavar="N", help="Side of the square result in pixels, a multiple of 8.", rich_help_panel=_RESULT),
]
Layout = Annotated[
    Literal["result", "side-by-side"],
    typer.Option(
        help="The result alone, or portrait, driving video and result next to each other.",
        rich_help_panel=_RESULT,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the output file if it exists.", rich_help_panel=_RESULT)]
Device = Annotated[
    str,
    typer.Option(metavar="auto|cpu|cuda|mps", help="Where to compute.", rich_help_panel=_RUN),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", help="Show library messages and full error traces.", rich_help_panel=_RUN),
]


@one_line_errors
def animate(
    portrait: Annotated[
        Path,
        typer.Argument(metavar="PORTRAIT", help="Picture with a face: photo, painting, comic, 3-D avatar."),
    ],
    driving: Annotated[
        Path,
        typer.Argument(metavar="DRIVING", help="Video whose face movements the portrait performs."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where the result goes: .mp4, .mov, .mkv, .gif or .webp.",
            rich_help_panel=_RESULT,
        ),
    ],
    model: Model = "nano",
    speed: Speed = "exact",
    steps: Steps = None,
    guidance: Annotated[
        float | None,
        typer.Option(
            metavar="G",
            help="How strongly the portrait counts; 1 is off and fastest.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    seed: Seed = 0,
    contour_preserve: Annotated[
        bool,
        typer.Option(
            "--contour-preserve",
            help="Drive with eyes, brows, nose and mouth only, fitted to the portrait: keeps the portrait's "
            "face shape when the driver's is very different.",
            rich_help_panel=_MODEL,
        ),
    ] = False,
    motion: Annotated[
        Literal["absolute", "relative"] | None,
        typer.Option(
            help="absolute: the driver's head as it is (sd15's default). relative: its way from the frame most like "
            "the portrait, turns included, held back where it goes too far (nano's).",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    motion_scale: Annotated[
        float,
        typer.Option(
            metavar="X",
            help="Strength of the driver's head motion: 0 keeps the head still, 1 leaves it as it is. Turns and nods "
            "are scaled by nano only.",
            rich_help_panel=_MODEL,
        ),
    ] = 1.0,
    eyes_scale: EyesScale = 1.0,
    mouth_scale: MouthScale = 1.0,
    face: Annotated[
        int,
        typer.Option(metavar="INDEX", help="Which face of the portrait: 0 is the largest.", rich_help_panel=_MODEL),
    ] = 0,
    portrait_crop: PortraitCrop = None,
    start: Annotated[
        float | None,
        typer.Option(metavar="SEC", help="Begin at this second.", rich_help_panel=_PART),
    ] = None,
    end: Annotated[
        float | None, typer.Option(metavar="SEC", help="Stop at this second.", rich_help_panel=_PART)
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Frames a second of the result; by default those of the driving video.",
            rich_help_panel=_PART,
        ),
    ] = None,
    size: Size = None,
    layout: Layout = "result",
    paste_back: Annotated[
        bool,
        typer.Option(
            "--paste-back",
            help="Put the animated face back into the whole portrait picture, scaled down to 4K if it is larger.",
            rich_help_panel=_RESULT,
        ),
    ] = False,
    full_size: Annotated[
        bool,
        typer.Option(
            "--full-size",
            help="With --paste-back: keep every pixel of the portrait, though few players show such a video.",
            rich_help_panel=_RESULT,
        ),
    ] = False,
    no_audio: Annotated[
        bool, typer.Option("--no-audio", help="Leave the driving video's sound out.", rich_help_panel=_RESULT)
    ] = False,
    sign: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="CERT KEY",
            help="Sign the result with a C2PA manifest: PEM files of a certificate chain and its private key "
            "(megactor[sign]). Without it the metadata alone says that the result was generated.",
            rich_help_panel=_RESULT,
        ),
    ] = None,
    force: Force = False,
    device: Device = "auto",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option(help="Number format of the networks.", rich_help_panel=_RUN),
    ] = "auto",
    offload: Annotated[
        bool,
        typer.Option(
            "--offload",
            help="Keep networks in main memory while they do not run: fits small GPUs, slower.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    window_batch: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Windows denoised at once: the same video, more memory; more speed on a large GPU.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    compile_blocks: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="Compile the networks with torch.compile: minutes the first time, then faster; for long videos.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Make a portrait perform a video: same expressions, head motion and gaze, with the video's sound.

    [bold]Examples[/]

      megactor animate me.jpg talk.mp4 -o out.mp4

      megactor animate painting.png song.mp4 -o out.mp4 --start 3 --end 8 --layout side-by-side

      megactor animate group.jpg meme.gif -o out.webp --face 1 --paste-back
    """
    options = AnimationOptions(
        steps=steps,
        guidance=guidance,
        seed=seed,
        size=size,
        start=start,
        end=end,
        fps=fps,
        contour_preserve=contour_preserve,
        motion=motion,
        motion_scale=motion_scale,
        eyes_scale=eyes_scale,
        mouth_scale=mouth_scale,
        face=face,
        portrait_crop=None if portrait_crop is None else square_of(portrait_crop),
        layout=layout,
        paste_back=paste_back,
        full_size=full_size,
        speed=speed,
        window_batch=window_batch,
    )
    run_animation(
        portrait,
        driving,
        output,
        options,
        model=model,
        device=device,
        dtype=dtype,
        compile_blocks=compile_blocks,
        audio=not no_audio,
        force=force,
        sign=sign,
        offload=offload,
        verbose=verbose,
    )


def run_animation(
    portrait: Path,
    driving: Path,
    output: Path,
    options: AnimationOptions,
    *,
    model: str,
    device: str,
    dtype: str,
    compile_blocks: bool = False,
    audio: bool,
    force: bool,
    verbose: bool,
    offload: bool = False,
    sign: tuple[Path, Path] | None = None,
) -> None:
    """Checks all files, then loads the model, animates and writes, with progress.

    Raises:
        MegActorError: anything the user can mend; files are looked into before the model is loaded.
    """
    from megactor.media.container import probe
    from megactor.media.files import readable_file
    from megactor.media.images import load_image
    from megactor.media.signing import Signature, check_signable
    from megactor.media.writer import check_output

    started = time.monotonic()
    target = check_output(output, force)
    for kind, path in (("portrait", portrait), ("driving video", driving)):
        if readable_file(path, kind).resolve() == target:
            raise OutputError(f"output would replace the {kind}: {output}; choose another name")
    signature = None
    if sign is not None:
        check_signable(output)
        signature = Signature.load(*sign)
    try:
        picture = load_image(portrait)
        probe(driving)
    except InputError:
        if _swapped(portrait, driving):
            raise InputError(
                f"{portrait} is a video and {driving} a picture, which drives nothing: "
                f"did you mean {driving} {portrait}?"
            ) from None
        raise

    with library_messages(verbose), progress_display() as progress:
        progress("model", 0, 1)
        with uncollected():
            # seconds of imports: only now, so that help and wrong paths answer at once
            from megactor.pipeline import MegActorPipeline

            pipeline = MegActorPipeline.from_preset(model, device=device, dtype=dtype, offload=offload)
        if compile_blocks:
            pipeline.compile_blocks()
        progress("model", 1, 1)
        result = pipeline(picture, str(driving), **asdict(options), progress=progress)
        result.save(output, audio=audio, force=force, signature=signature)
    for message in result.warnings:
        warn(message)
    seconds, (width, height) = time.monotonic() - started, result.size
    tell(
        one_line(
            f"{output}: {result.frame_count} frames, {width}x{height}, {float(result.fps):g} frames/s, "
            f"made in {seconds:.1f} s"
        )
    )


def _swapped(portrait: Path, driving: Path) -> bool:
    """Whether the files would do the other way round."""
    from megactor.media.container import probe
    from megactor.media.images import load_image

    try:
        probe(portrait)
        load_image(driving)
    except InputError:
        return False
    return True
