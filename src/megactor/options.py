"""What a caller may ask of one animation, checked before any work starts."""

import math
from dataclasses import dataclass

from megactor.errors import InputError

LAYOUTS = ("result", "side-by-side")


@dataclass(frozen=True)
class AnimationOptions:
    """Options of `MegActorPipeline.__call__`; None means the preset's default.

    steps: denoising steps, 1 to 1000.
    guidance: guidance scale; 1 turns guidance off and halves the work.
    seed: seed of all noise; the same seed gives the same video.
    size: side of the square result in pixels, 64 to 2048, divisible by 8.
    start, end: part of the driving video, in seconds.
    fps: frames a second of the result; the driving video's own rate by default.
    contour_preserve: drive with the eyes, brows, nose and mouth only, aligned to the portrait; for driver and
        portrait whose faces differ in shape.
    motion_scale: factor of the driver's head motion relative to its first frame; 1 leaves it alone.
    face: which face of the portrait (0 = largest).
    layout: "result" or "side-by-side" (portrait | driving | result).
    paste_back: put the animated square back into the whole portrait.
    """

    steps: int | None = None
    guidance: float | None = None
    seed: int = 0
    size: int | None = None
    start: float | None = None
    end: float | None = None
    fps: float | None = None
    contour_preserve: bool = False
    motion_scale: float = 1.0
    face: int = 0
    layout: str = "result"
    paste_back: bool = False

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
        self._range("face", self.face, 0, 1000)
        if self.size is not None and self.size % 8:
            raise InputError(f"size {self.size} is not divisible by 8: try {round(self.size / 8) * 8}")
        if self.end is not None and self.end <= (self.start or 0):
            raise InputError(f"the end ({self.end:g} s) must lie behind the start ({self.start or 0:g} s)")
        if self.layout not in LAYOUTS:
            raise InputError(f"unknown layout {self.layout!r}: choose one of {', '.join(LAYOUTS)}")
        if self.paste_back and self.layout != "result":
            raise InputError("paste back needs the layout 'result', since it fills the whole portrait picture")

    @staticmethod
    def _range(name: str, value: float | None, low: float, high: float) -> None:
        if value is None:
            return
        # `not` also catches NaN
        if not low <= value <= high:
            wanted = f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
            raise InputError(f"{name} is {value:g}, but must be {wanted}")
