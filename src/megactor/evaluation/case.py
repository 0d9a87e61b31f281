"""One job that systems are judged by: a portrait, a driver in its framing, and the truth where there is one."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

SIDE = 256
"""Side of portraits, drivers and judged results in pixels where nothing else is asked for: that of the papers."""


@dataclass(frozen=True)
class CaseId:
    """What is known of a case before it is made.

    name: of its files; unique in the suite.
    style: of the portrait: the group that it belongs to.
    identity: of the portrait; several cases may share one.
    cross: whether another person drives.
    """

    name: str
    style: str
    identity: str
    cross: bool


@dataclass(frozen=True)
class CaseFiles:
    """What a user would give.

    portrait, driver: files.
    start, end: seconds of the driver; None for its beginning and its end.
    """

    portrait: Path
    driver: Path
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Case:
    """A case, ready to be animated and judged.

    key: its name and groups.
    fps: frames a second.
    portrait: uint8 (S, S, 3).
    driver: uint8 (F, S, S, 3), the driver's face of the portrait's face's size and place.
    driver_boxes: (F, 4) face boxes in the driver's frames, x0, y0, x1, y1; None where there are `files`.
    truth: uint8 (F, S, S, 3), what a perfect system makes; or None.
    background: bool (F, S, S), where neither the portrait nor the performance shows a person.
    first_is_portrait: the first driving frame shows the portrait's very moment.
    landmarks: (68, 2) of the portrait and of the driver's first frame, for when the analyzer finds no face there.
    rendered: (F, len(MEASURES)) the performance as the renderer knows it, or None.
    regions: (F, S, S) bool by the names of `regions.REGIONS`, what the portrait shows and hides of the truth, or None.
    files: that the case was cut from, where our models may frame them as they do for users: without a truth nothing
        must fit pixel by pixel.
    """

    key: CaseId
    fps: Fraction
    portrait: np.ndarray
    driver: np.ndarray
    driver_boxes: np.ndarray | None
    truth: np.ndarray | None
    background: np.ndarray
    first_is_portrait: bool
    landmarks: tuple[np.ndarray, np.ndarray]
    rendered: np.ndarray | None = None
    regions: dict[str, np.ndarray] | None = None
    files: CaseFiles | None = None
