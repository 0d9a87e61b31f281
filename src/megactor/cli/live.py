"""`megactor live`: a camera drives a portrait now."""

import contextlib
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from megactor.cli.animate import Device, EyesScale, Force, Model, MouthScale, PortraitCrop, Size, Verbose
from megactor.cli.failures import one_line_errors
from megactor.cli.progress import progress_display
from megactor.cli.quiet import library_messages
from megactor.cli.terminal import tell
from megactor.errors import OutputError
from megactor.lean_imports import uncollected
from megactor.options import AnimationOptions, square_of

if TYPE_CHECKING:
    from megactor.live.latest import Latest
    from megactor.live.session import LivePicture, LiveSession
    from megactor.live.views import View

_LOOK = "Model and look"
_OUT = "Where it goes"

_STATUS_EVERY = 1.0
"""Seconds between two lines about the speed."""
_GLANCE = 0.01
"""Seconds at most that a key waits for."""


@one_line_errors
def live(
    portrait: Annotated[Path, typer.Argument(metavar="PORTRAIT", help="Picture with a face.")],
    camera: Annotated[
        str,
        typer.Option(
            metavar="N|FILE", help="Number of the camera, or a video that is played at its own pace.", show_default="0"
        ),
    ] = "0",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Record what is shown.", rich_help_panel=_OUT),
    ] = None,
    virtual_camera: Annotated[
        bool,
        typer.Option(
            "--virtual-camera",
            help="Be a camera for video calls. Needs megactor\\[live], and v4l2loopback or OBS.",
            rich_help_panel=_OUT,
        ),
    ] = False,
    no_window: Annotated[
        bool, typer.Option("--no-window", help="Open no window; Ctrl-C ends it.", rich_help_panel=_OUT)
    ] = False,
    force: Force = False,
    model: Model = "nano",
    face: Annotated[
        int,
        typer.Option(metavar="INDEX", help="Which face of the portrait: 0 is the largest.", rich_help_panel=_LOOK),
    ] = 0,
    portrait_crop: PortraitCrop = None,
    motion: Annotated[
        Literal["absolute", "relative"] | None,
        typer.Option(help="As of megactor animate.", rich_help_panel=_LOOK),
    ] = None,
    motion_scale: Annotated[
        float, typer.Option(metavar="X", help="Strength of the head's motion.", rich_help_panel=_LOOK)
    ] = 1.0,
    eyes_scale: EyesScale = 1.0,
    mouth_scale: MouthScale = 1.0,
    size: Size = None,
    device: Device = "auto",
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option(help="Number format of the networks.", rich_help_panel="Machine"),
    ] = "auto",
    verbose: Verbose = False,
) -> None:
    """Let your camera drive a portrait, in a window or as a camera for video calls.

    Sit as you will stay and look into the camera: the first face is laid on the portrait's. N starts again from the
    face of that moment, Q ends it. A machine that is too slow skips frames; none waits in a line, so the delay does not
    grow.

    [bold]Examples[/]

      megactor live me.jpg

      megactor live painting.png --virtual-camera

      megactor live me.jpg --camera talk.mp4 --no-window -o out.mp4
    """
    options = AnimationOptions(
        face=face,
        portrait_crop=None if portrait_crop is None else square_of(portrait_crop),
        motion=motion,
        motion_scale=motion_scale,
        eyes_scale=eyes_scale,
        mouth_scale=mouth_scale,
        size=size,
        speed="realtime",
    )
    from megactor.media.images import load_image
    from megactor.media.writer import check_output

    if output is not None and check_output(output, force) in (portrait.resolve(), Path(camera).resolve()):
        raise OutputError(f"output would replace an input: {output}; choose another name")
    picture = load_image(portrait)

    with library_messages(verbose):
        with progress_display() as progress:
            progress("model", 0, 1)
            with uncollected():
                from megactor.live.latest import Latest
                from megactor.live.recorder import RATE, LiveRecorder
                from megactor.live.session import LivePicture, LiveSession
                from megactor.live.views import opened
                from megactor.pipeline import MegActorPipeline

                pipeline = MegActorPipeline.from_preset(model, device=device, dtype=dtype)
            progress("model", 1, 1)
        side = size or pipeline.config.output_size
        newest: Latest[LivePicture] = Latest()
        with contextlib.ExitStack() as stack:
            views = stack.enter_context(opened(not no_window, (side, side) if virtual_camera else None, fps=RATE))
            recorder = stack.enter_context(LiveRecorder(output, (side, side), force)) if output else None

            def show(live: LivePicture) -> None:
                if recorder is not None:
                    recorder.add(live.picture, time.monotonic())
                newest.put(live)

            chosen = {name: value for name, value in vars(options).items() if name not in ("start", "end", "fps")}
            session = LiveSession(pipeline, picture, show, **chosen)
            with session, contextlib.suppress(KeyboardInterrupt):
                _perform(session, camera, newest, views)
            measured = session.measured
    if output is not None and recorder is not None:
        tell(f"{output}: {recorder.frames} frames, {side}x{side}, {RATE} frames/s")
    tell(measured.line)


def _perform(session: "LiveSession", camera: str, newest: "Latest[LivePicture]", views: "list[View]") -> None:
    """Hands frames over in a thread; shows pictures and hears keys in this one, until the camera or somebody ends it.

    Raises:
        MegActorError: of the camera or of the session.
    """
    from megactor.live.cameras import camera_frames
    from megactor.live.views import NEUTRAL, QUIT

    ended, failures = threading.Event(), []
    frames = camera_frames(camera, ended.is_set)

    def feed() -> None:
        try:
            for frame in frames:
                session.offer(frame)
            session.close()
        except BaseException as error:
            failures.append(error)
        ended.set()

    feeder = threading.Thread(target=feed, name="megactor-camera", daemon=True)
    feeder.start()
    told = time.monotonic()
    try:
        while not ended.is_set():
            live = newest.take(_GLANCE)
            for view in views:
                if live is not None:
                    view.show(live.picture)
                asked = view.asked()
                if asked == NEUTRAL:
                    session.begin_again()
                elif asked == QUIT:
                    ended.set()
            if sys.stderr.isatty() and time.monotonic() - told > _STATUS_EVERY:
                told = time.monotonic()
                print(f"\r{session.measured.line}  ", end="", file=sys.stderr, flush=True)
    finally:
        ended.set()
        feeder.join(timeout=2)
        if sys.stderr.isatty():
            print(file=sys.stderr)
    if failures:
        raise failures[0]
