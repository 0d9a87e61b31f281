"""Annotations of CelebV-HQ (Zhu et al., 2022) and CelebV-Text (Yu et al., 2023): time spans and boxes in videos."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from megactor.errors import InputError, one_line

MOST_BYTES = 512 * 2**20
_SAFE_NAME = re.compile(r"[\w.-]{1,200}")


@dataclass(frozen=True)
class AnnotatedClip:
    """One entry.

    name: of the clip.
    video: file name of the video without its suffix.
    span: first and last second.
    region: left, top, right, bottom of the person, in parts of the picture.
    fault: what is wrong with the entry; None for good ones.
    """

    name: str
    video: str
    span: tuple[float, float]
    region: tuple[float, float, float, float] | None
    fault: str | None = None


def read_celebv(path: Path) -> list[AnnotatedClip]:
    """Reads `{"clips": {name: {"ytb_id", "duration": {"start_sec", "end_sec"}, "bbox": {...}}}}`.

    Entries that make no sense have a `fault`: one of thousands must not keep the others out.

    Raises:
        InputError: no such file, too large, or no entry that makes sense.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is too large for annotations")
        content = json.loads(path.read_bytes())
        found = [_entry_or_fault(number, *item) for number, item in enumerate(sorted(content["clips"].items()))]
    except (OSError, ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} does not hold annotations like those of CelebV-HQ ({_said(error)})") from None
    if found and all(clip.fault for clip in found):
        raise InputError(f"{path} does not hold annotations like those of CelebV-HQ ({found[0].fault})")
    return found


def _entry_or_fault(number: int, name: str, values: Any) -> AnnotatedClip:
    try:
        return _entry(name, values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        safe = name if _is_name(name) else f"entry {number}"
        return AnnotatedClip(safe, "", (0.0, 0.0), None, fault=_said(error))


def _said(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}")


def _is_name(text: Any) -> bool:
    return isinstance(text, str) and bool(_SAFE_NAME.fullmatch(text)) and not set(text) <= {"."}


def _entry(name: str, values: Any) -> AnnotatedClip:
    video = values["ytb_id"]
    for text in (name, video):
        if not _is_name(text):
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
