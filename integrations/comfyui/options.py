"""The options of `megactor animate` as inputs of a node, which have no way of being left empty."""

from typing import Any

from comfy_api.latest import io

from megactor.options import LAYOUTS, MOTIONS, SPEEDS, square_of

OWN = "as the model"
_OWN_CHOICES = {"size", "steps", "guidance", "motion", "window_batch"}


def asked(options: dict[str, Any]) -> dict[str, Any]:
    """Options of the pipeline: 0 and `OWN` become None where they stand for the model's own choice."""
    given = {name: None if name in _OWN_CHOICES and value in (0, OWN) else value for name, value in options.items()}
    crop = given.pop("portrait_crop", "").strip()
    return given | {"portrait_crop": square_of(crop) if crop else None}


def _strength(name: str, most: float, tooltip: str) -> io.Float.Input:
    return io.Float.Input(name, default=1.0, min=0.0, max=most, step=0.05, optional=True, tooltip=tooltip)


INPUTS = [
    io.Int.Input(
        "size",
        default=0,
        min=0,
        max=2048,
        step=8,
        optional=True,
        tooltip="Side of the square result in pixels, 64 to 2048. 0: the model's own.",
    ),
    io.Combo.Input(
        "speed",
        options=list(SPEEDS),
        default="exact",
        optional=True,
        tooltip="exact: the model's own way. The others: fewer steps, less guidance and overlap; coarser.",
    ),
    io.Int.Input("steps", default=0, min=0, max=1000, optional=True, tooltip="Denoising steps. 0: the model's own."),
    io.Float.Input(
        "guidance",
        default=0.0,
        min=0.0,
        max=50.0,
        step=0.1,
        optional=True,
        tooltip="How strongly the portrait counts; 1 is off and fastest. 0: the model's own.",
    ),
    io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=2**53 - 1,
        control_after_generate=False,
        optional=True,
        tooltip="The same seed gives the same video.",
    ),
    io.Combo.Input(
        "motion",
        options=[OWN, *MOTIONS],
        default=OWN,
        optional=True,
        tooltip="absolute: the driver's head as it is. relative: its way from the frame most like the portrait, held "
        "back where it goes too far.",
    ),
    _strength("motion_scale", 3.0, "Strength of the driver's head motion: 0 keeps the head still."),
    _strength("eyes_scale", 2.0, "Strength of the motion of brows, lids and gaze: 0 keeps the portrait's. nano only."),
    _strength("mouth_scale", 2.0, "Strength of the motion of lips and chin: 0 keeps the portrait's. nano only."),
    io.Boolean.Input(
        "contour_preserve",
        default=False,
        optional=True,
        tooltip="Drive with eyes, brows, nose and mouth only: keeps the portrait's face shape where the driver's is "
        "very different.",
    ),
    io.Float.Input(
        "start", default=0.0, min=0.0, max=1e6, step=0.1, optional=True, tooltip="Begin at this second of the driver."
    ),
    io.Float.Input(
        "end", default=0.0, min=0.0, max=1e6, step=0.1, optional=True, tooltip="Stop at this second. 0: at the end."
    ),
    io.Float.Input(
        "fps",
        default=0.0,
        min=0.0,
        max=240.0,
        step=1.0,
        optional=True,
        tooltip="Frames a second of the result; of a batch of pictures, how fast they play. 0: those of the video, 25 "
        "for pictures.",
    ),
    io.Int.Input(
        "face", default=0, min=0, max=1000, optional=True, tooltip="Which face of the portrait: 0 is the largest."
    ),
    io.String.Input(
        "portrait_crop",
        default="",
        optional=True,
        tooltip="Part of the portrait that is animated, X,Y,SIDE in pixels. Empty: around the face.",
    ),
    io.Combo.Input(
        "layout",
        options=list(LAYOUTS),
        default="result",
        optional=True,
        tooltip="The result alone, or portrait, driving video and result next to each other.",
    ),
    io.Boolean.Input(
        "paste_back",
        default=False,
        optional=True,
        tooltip="Put the animated face back into the whole portrait picture, scaled down to 4K if it is larger.",
    ),
    io.Boolean.Input(
        "full_size", default=False, optional=True, tooltip="With paste_back: keep every pixel of the portrait."
    ),
    io.Int.Input(
        "window_batch",
        default=0,
        min=0,
        max=64,
        optional=True,
        tooltip="Windows denoised at once: the same video, more memory; more speed on a large GPU. 0: as many as fit.",
    ),
]
