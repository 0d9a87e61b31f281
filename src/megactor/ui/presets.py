"""Ways to animate that the page offers by name: each is a few changes to the default settings."""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from megactor.errors import InputError
from megactor.jobs.animation import within_seconds
from megactor.options import AnimationOptions

Show = Literal["Face", "Whole picture", "Side by side"]
_NUMBERS = {
    "start": "start",
    "end": "end",
    "fps": "frames a second",
    "steps": "steps",
    "guidance": "guidance",
    "size": "size",
    "seed": "seed",
}
_WHOLE = {"steps", "size", "seed"}
SHOWS: tuple[Show, ...] = ("Face", "Whole picture", "Side by side")


@dataclass(frozen=True)
class PageSettings:
    """What the page lets a user set; see `AnimationOptions`. None means the model's or the video's own."""

    start: float | None = None
    end: float | None = None
    fps: float | None = None
    motion_scale: float = 1.0
    contour_preserve: bool = False
    show: Show = "Face"
    audio: bool = True
    steps: int | None = None
    guidance: float | None = None
    size: int | None = None
    seed: int = 0
    eyes_scale: float = 1.0
    mouth_scale: float = 1.0
    speed: str = "exact"

    @classmethod
    def from_form(cls, *values: Any) -> "PageSettings":
        """Settings from the page's controls, in the order of the fields; numbers come as text.

        Raises:
            InputError: a text is no number.
        """
        given = dict(zip((field.name for field in fields(cls)), values, strict=True))
        for name, words in _NUMBERS.items():
            given[name] = _number(words, given[name], whole=name in _WHOLE)
        return cls(**given | {"seed": given["seed"] or 0})

    @classmethod
    def of_job(cls, options: dict[str, Any]) -> "PageSettings":
        """The settings that a job of this page was made with."""
        same = {field.name: options[field.name] for field in fields(cls) if field.name in options}
        show: Show = "Whole picture" if options.get("paste_back") else "Face"
        return cls(**same | {"show": "Side by side" if options.get("layout") == "side-by-side" else show})

    def to_form(self) -> tuple[Any, ...]:
        """Values for the page's controls; the opposite of `from_form`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return tuple(
            ("" if value is None else f"{value:g}") if name in _NUMBERS else value for name, value in values.items()
        )

    def options(self, face: int, seconds: float | None, limit: float) -> AnimationOptions:
        """The options of a job.

        Args:
            face: which face of the portrait.
            seconds: length of the driving video, None where unknown.
            limit: longest part that may be animated, in seconds.

        Raises:
            InputError: a setting makes no sense, or the part is too long.
        """
        asked = AnimationOptions(
            steps=self.steps,
            guidance=self.guidance,
            seed=self.seed,
            size=self.size,
            start=self.start,
            end=self.end,
            fps=self.fps,
            contour_preserve=self.contour_preserve,
            motion_scale=self.motion_scale,
            eyes_scale=self.eyes_scale,
            mouth_scale=self.mouth_scale,
            speed=self.speed,
            face=face,
            layout="side-by-side" if self.show == "Side by side" else "result",
            paste_back=self.show == "Whole picture",
        )
        return within_seconds(limit, seconds, asked)


@dataclass(frozen=True)
class Preset:
    """A named set of settings.

    name: on its button.
    words: what it is for.
    changes: what differs from the defaults of `PageSettings`.
    """

    name: str
    words: str
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> PageSettings:
        """The complete settings."""
        return PageSettings(**self.changes)


PRESETS = (
    Preset("Standard", "The whole video, the face as the model frames it."),
    Preset(
        "Quick look", "The first two seconds at 12 frames a second: is this the right pair?", {"end": 2.0, "fps": 12.0}
    ),
    Preset("Whole picture", "The animated face goes back into the whole portrait.", {"show": "Whole picture"}),
    Preset(
        "Other face shape",
        "For a driver whose face differs much from the portrait's: only eyes, brows, nose and mouth drive.",
        {"contour_preserve": True},
    ),
    Preset("Compare", "Portrait, driver and result next to each other in one video.", {"show": "Side by side"}),
)


def preset(name: str) -> Preset:
    """The preset of a name; the first if there is none of that name."""
    return next((known for known in PRESETS if known.name == name), PRESETS[0])


def preset_table() -> dict[str, dict[str, Any]]:
    """The presets as the browser applies them: words, and values in the order of `PageSettings.to_form`."""
    return {known.name: {"words": known.words, "values": known.settings.to_form()} for known in PRESETS}


def _number(name: str, text: str | None, whole: bool) -> float | int | None:
    text = (text or "").strip().replace(",", ".")
    if not text:
        return None
    try:
        return int(text) if whole else float(text)
    except ValueError:
        kind = "whole number" if whole else "number"
        raise InputError(f"{name} is {text!r}, but must be a {kind}") from None
