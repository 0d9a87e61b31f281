"""What a caller may ask of one animation, checked before any work starts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from megactor.errors import InputError

LAYOUTS = ("result", "side-by-side")
MOTIONS = ("absolute", "relative")
Square = tuple[float, float, float]
"""Left, top and side of a square, in pixels."""
_SQUARE = "X,Y,SIDE in pixels: left, top and side of a square"


@dataclass(frozen=True)
class SamplingPlan:
    """How a clip is denoised; what is not said otherwise is the model's own (`MegActorPipeline`'s settings).

    steps: denoising steps.
    guidance: guidance scale.
    guided: part of the steps that are guided, from 0 (the first) to 1 (behind the last).
    solver: key of `denoise.solvers.SOLVERS`, or None for the model's own scheduler.
    window: frames that the denoiser sees at once.
    overlap: frames that neighboring windows share.
    cyclic: windows run round the end of the clip.
    chunk: None for overlapping windows; else how many new frames at a time go through all steps, together with
        `window - chunk` frames before them (`denoise.stream.denoise_chunks`).
    ahead: on several cores of a CPU, the next chunk is read and encoded while one is denoised and decoded: more frames
        a second, each later by what is left of the one before.
    """

    steps: int
    guidance: float
    guided: tuple[float, float] = (0.0, 1.0)
    solver: str | None = None
    window: int = 16
    overlap: int = 8
    cyclic: bool = True
    chunk: int | None = None
    ahead: bool = False

    def is_guided(self, step: int) -> bool:
        """Whether a step needs the prediction without the reference too: a scale of 1 leaves it out of the sum."""
        first, behind = (part * self.steps for part in self.guided)
        return self.guidance != 1 and first <= step < behind


@dataclass(frozen=True)
class Speed:
    """What a `--speed` preset changes; None leaves the model's own.

    steps, guidance, window, overlap: at most so much.
    guided, solver, cyclic, chunk: see `SamplingPlan`.
    """

    steps: int | None = None
    guidance: float | None = None
    window: int | None = None
    overlap: int | None = None
    guided: tuple[float, float] | None = None
    solver: str | None = None
    cyclic: bool | None = None
    chunk: int | None = None

    def apply(self, own: SamplingPlan) -> SamplingPlan:
        """The model's own plan with these changes."""
        wanted = {name: value for name, value in vars(self).items() if value is not None}
        for name in wanted.keys() & {"steps", "guidance", "window", "overlap"}:
            wanted[name] = min(wanted[name], getattr(own, name))
        return replace(own, **wanted)


SPEEDS = {
    "exact": Speed(),
    # Guidance in the middle steps only: arXiv 2404.07724.
    "balanced": Speed(steps=10, overlap=4, guided=(0.2, 0.8), solver="dpm++", cyclic=False),
    "realtime": Speed(steps=4, guidance=1.0, window=12, solver="dpm++", cyclic=False, chunk=8),
}
"""From the model's own way, which is the reference, to the least work; docs/performance.md holds the distances.

Limits rather than numbers, so that they mean something for every model: `nano` needs one step and no guidance anyway.
"""


@dataclass(frozen=True)
class AnimationOptions:
    """Options of `MegActorPipeline.__call__`; None means the preset's default.

    steps: denoising steps, 1 to 1000.
    guidance: guidance scale; 1 turns guidance off and halves the work, less than 1 weakens the portrait.
    seed: seed of all noise; the same seed gives the same video.
    size: side of the square result in pixels, 64 to 2048, divisible by 8.
    start, end: part of the driving video, in seconds.
    fps: frames a second of the result; the driving video's own rate by default.
    contour_preserve: drive with the eyes, brows, nose and mouth only, aligned to the portrait; for driver and
        portrait whose faces differ in shape.
    motion: "absolute" takes the driver's head as it is, with its median size and place over a shot laid on the
        portrait's; "relative" takes its way from the frame that is most like the portrait, lean included, and holds it
        back where it goes too far. Models with dense motion (nano) take turns and nods from there, too;
        of a stream, and of a recording of several shots, from the first frame of each.
    motion_scale: factor of the driver's head motion relative to that frame; 1 leaves it alone. Models with dense motion
        (nano) scale turns and nods too, from the portrait's own and by 1.5 at most; others (sd15) what the head does in
        the picture plane.
    eyes_scale: factor of the motion of brows, lids and gaze from the portrait's own: 0 keeps those of the portrait, 1
        takes the driver's, more exaggerates. Only for models with dense motion.
    mouth_scale: the same of lips and chin.
    face: which face of the portrait (0 = largest).
    portrait_crop: left, top and side in pixels of the upright portrait: the square that is animated, which holds the
        face. By default it is chosen around the face.
    layout: "result" or "side-by-side" (portrait | driving | result).
    paste_back: put the animated square back into the whole portrait, which is scaled down to 4K if it is larger.
    full_size: with `paste_back`, keep every pixel of the portrait, though few players show such a video.
    speed: key of `SPEEDS`; `steps` and `guidance` go before it.
    window_batch: windows that the denoiser is given at once: more memory and, on a large GPU, more speed; the same
        frames. By default as many as keep a GPU busy, and one on a CPU.
    """

    steps: int | None = None
    guidance: float | None = None
    seed: int = 0
    size: int | None = None
    start: float | None = None
    end: float | None = None
    fps: float | None = None
    contour_preserve: bool = False
    motion: str | None = None
    motion_scale: float = 1.0
    eyes_scale: float = 1.0
    mouth_scale: float = 1.0
    face: int = 0
    portrait_crop: Square | None = None
    layout: str = "result"
    paste_back: bool = False
    full_size: bool = False
    speed: str = "exact"
    window_batch: int | None = None

    def __post_init__(self) -> None:
        """Raises InputError for the first value that makes no sense."""
        self._range("steps", self.steps, 1, 1000)
        self._range("guidance", self.guidance, 0, 50)
        self._range("seed", self.seed, 0, 2**63 - 1)
        self._range("size", self.size, 64, 2048)
        self._range("start", self.start, 0, math.inf)
        self._range("end", self.end, 0, math.inf)
        self._range("fps", self.fps, 1, 240)
        self._range("motion scale", self.motion_scale, 0, 3)
        self._range("eyes scale", self.eyes_scale, 0, 2)
        self._range("mouth scale", self.mouth_scale, 0, 2)
        self._range("face", self.face, 0, 1000)
        self._range("window batch", self.window_batch, 1, 64)
        if self.portrait_crop is not None:
            object.__setattr__(self, "portrait_crop", checked_square(self.portrait_crop))  # JSON knows lists only
        if self.size is not None and self.size % 8:
            raise InputError(f"size {self.size} is not divisible by 8: try {round(self.size / 8) * 8}")
        if self.end is not None and self.end <= (self.start or 0):
            raise InputError(f"the end ({self.end:g} s) must lie behind the start ({self.start or 0:g} s)")
        if self.layout not in LAYOUTS:
            raise InputError(f"unknown layout {self.layout!r}: choose one of {', '.join(LAYOUTS)}")
        if self.motion is not None and self.motion not in MOTIONS:
            raise InputError(f"unknown motion {self.motion!r}: choose one of {', '.join(MOTIONS)}")
        if self.speed not in SPEEDS:
            raise InputError(f"unknown speed {self.speed!r}: choose one of {', '.join(SPEEDS)}")
        if self.paste_back and self.layout != "result":
            raise InputError("paste back needs the layout 'result', since it fills the whole portrait picture")
        if self.full_size and not self.paste_back:
            raise InputError("full size is that of the whole portrait picture: it goes with paste back")

    def plan(self, own: SamplingPlan) -> SamplingPlan:
        """How to denoise: the model's own plan, changed by `speed`, then by what was asked for in numbers."""
        plan = SPEEDS[self.speed].apply(own)
        steps = plan.steps if self.steps is None else self.steps
        guidance = plan.guidance if self.guidance is None else self.guidance
        return replace(plan, steps=steps, guidance=guidance)

    def preview_size(self, size: int) -> int | None:
        """Side of the driving pictures that people see, or None if the layout shows none; `size` is the result's."""
        return size if self.layout == "side-by-side" else None

    @staticmethod
    def _range(name: str, value: float | None, low: float, high: float) -> None:
        if value is None:
            return
        # `not` also catches NaN
        if not low <= value <= high:
            wanted = f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
            raise InputError(f"{name} is {value:g}, but must be {wanted}")


def square_of(words: str) -> Square:
    """A square as text, "X,Y,SIDE", as `AnimationOptions.portrait_crop` has it.

    Raises:
        InputError: it is something else.
    """
    try:
        return checked_square([float(word) for word in words.split(",")])
    except ValueError:
        raise InputError(f"portrait crop is {words!r}, but must be {_SQUARE}") from None


def checked_square(square: Sequence[float]) -> Square:
    """The same numbers, if they make a square.

    Raises:
        InputError: they do not.
    """
    if len(square) != 3 or not all(math.isfinite(value) for value in square) or square[2] < 1:
        told = ",".join(f"{value:g}" for value in square)
        raise InputError(f"portrait crop is {told!r}, but must be {_SQUARE}")
    x, y, side = (float(value) for value in square)
    return x, y, side
