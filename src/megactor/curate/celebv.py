"""Annotations of CelebV-HQ (Zhu et al., 2022) and CelebV-Text (Yu et al., 2023): time spans and boxes in videos."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from megactor.errors import InputError

MOST_BYTES = 512 * 2**20
_SAFE_NAME = re.compile(r"[\w.-]{1,200}")


@dataclass(frozen=True)
class AnnotatedClip:
    """One entry.

    name: of the clip.
    video: file name of the video without its suffix.
    span: first and last second.
    region: left, top, right, bottom of the person, in parts of the picture.
    """

    name: str
    video: str
    span: tuple[float, float]
    region: tuple[float, float, float, float] | None


def read_celebv(path: Path) -> list[AnnotatedClip]:
    """Reads `{"clips": {name: {"ytb_id", "duration": {"start_sec", "end_sec"}, "bbox": {...}}}}`.

    Raises:
        InputError: no such file, too large, or an entry that makes no sense.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is too large for annotations")
        content = json.loads(path.read_bytes())
        clips = content["clips"]
        return [_entry(name, values) for name, values in sorted(clips.items())]
    except (OSError, ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        said = f"{type(error).__name__}: {error}"
        raise InputError(f"{path} does not hold annotations like those of CelebV-HQ ({said})") from None


def _entry(name: str, values: Any) -> AnnotatedClip:
    video = values["ytb_id"]
    for text in (name, video):
        if not isinstance(text, str) or not _SAFE_NAME.fullmatch(text) or set(text) <= {"."}:
            raise ValueError(f"{text!r} is no name")
    start, end = float(values["duration"]["start_sec"]), float(values["duration"]["end_sec"])
    if not 0 <= start < end < math.inf:
        raise ValueError(f"{name} lasts from {start} to {end}")
    box = values.get("bbox")
    if box is None:
        return AnnotatedClip(name, video, (start, end), None)
    left, top, right, bottom = (float(box[edge]) for edge in ("left", "top", "right", "bottom"))
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"{name} has the box {left}, {top}, {right}, {bottom}")
    return AnnotatedClip(name, video, (start, end), (left, top, right, bottom))
