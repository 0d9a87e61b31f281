"""Where a video cuts: hard cuts, fades and dissolves, but no flashes and no fast motion.

Written here because PySceneDetect's current release asks for another build of OpenCV than the one that mediapipe
brings; two of them in one environment overwrite each other's files.

Every frame becomes a few hundred bytes: a histogram of its colors, which motion hardly changes, and a thumbnail. A cut
changes the histogram, or exchanges the picture's structure, more than the frames around it do, and for longer than a
flash lasts.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

THUMB = (32, 18)
"""Width and height of the thumbnails."""
SIDE = 96
"""Longer side at which frames are looked at."""

_BINS = (8, 3, 8)
"""Of hue, saturation and value."""
_FLASH = 5
"""Frames: what looks as before after so many was a flash, or something that passed the camera."""
_GRADUAL = 24
"""Frames that a fade or dissolve may take."""
_BASELINE = 12
"""Frames to each side whose changes tell how much motion there is."""
_HARD, _RATIO = 0.3, 3.0
"""Least change at a hard cut, and how many times the changes around it."""
_CLEAR = 1.5
"""How many times the largest change around that is no hard cut itself: fast motion comes in jerks, above all where
frames are repeated and the median knows only half of it."""
_JUMP = 0.04
"""Least change at a jump cut, which must also be `_RATIO` times the largest change around."""
_SOFT = 0.5
"""Least change across a gradual transition."""
_BLACK = 2.5
"""Mean brightness, 0 to 255, up to which a frame shows nothing."""
_FADING = 1.0
"""Least change of brightness from one frame to the next of a fade to black."""


@dataclass(frozen=True)
class FrameMarks:
    """What is remembered of T frames.

    histograms: (T, bins) float16, each sums to 1.
    thumbs: (T, h, w) uint8, brightness.
    """

    histograms: np.ndarray
    thumbs: np.ndarray

    def __len__(self) -> int:
        return len(self.thumbs)


def mark_frames(frames: Iterable[np.ndarray]) -> FrameMarks:
    """Looks at every frame once.

    Args:
        frames: uint8 RGB (H, W, 3), best no larger than `SIDE`.
    """
    histograms, thumbs = [], []
    for frame in frames:
        hsv = cv2.cvtColor(cv2.GaussianBlur(frame, (3, 3), 0), cv2.COLOR_RGB2HSV)
        histogram = cv2.calcHist([hsv], [0, 1, 2], None, list(_BINS), [0, 180, 0, 256, 0, 256]).ravel()
        histograms.append((histogram / max(float(histogram.sum()), 1.0)).astype(np.float16))
        gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        thumbs.append(cv2.resize(gray, THUMB, interpolation=cv2.INTER_AREA))
    if not thumbs:
        return FrameMarks(np.zeros((0, int(np.prod(_BINS))), np.float16), np.zeros((0, *THUMB[::-1]), np.uint8))
    return FrameMarks(np.stack(histograms), np.stack(thumbs))


def find_shots(marks: FrameMarks) -> list[tuple[int, int]]:
    """Stretches without a cut, as (first frame, frame after the last); black frames and transitions belong to none."""
    total = len(marks)
    if total == 0:
        return []
    brightness = marks.thumbs.mean((1, 2))
    usable = ~_with_fades(brightness <= _BLACK, brightness)
    starts = np.zeros(total, bool)  # a shot begins here
    starts[0] = True
    starts[hard_cuts(marks)] = True
    soft = [
        (first, last)
        for first, last in gradual_changes(marks)
        if not starts[first + 1 : last].any() and usable[first:last].all()
    ]
    for first, last in soft:
        usable[first:last] = False
    shots: list[tuple[int, int]] = []
    begin: int | None = None
    for frame in range(total):
        if begin is not None and (starts[frame] or not usable[frame]):
            shots.append((begin, frame))
            begin = None
        if begin is None and usable[frame]:
            begin = frame
    if begin is not None:
        shots.append((begin, total))
    return shots


def hard_cuts(marks: FrameMarks) -> list[int]:
    """Numbers of the frames that show another scene than the one before, or the same at another time (a jump cut)."""
    changes = np.zeros(len(marks), np.float32)
    changes[1:] = _changes(marks, np.arange(len(marks) - 1), np.arange(1, len(marks)))
    frames = (int(frame) for frame in np.flatnonzero(changes >= _JUMP) if stands_out(changes, int(frame)))
    return [frame for frame in frames if not _is_flash(marks, frame, float(changes[frame]))]


def stands_out(changes: np.ndarray, frame: int) -> bool:
    """Whether a frame differs from the one before more than those around it do: a cut, or a flash, but no gesture.

    Args:
        changes: (F,) of every frame against the one before; the first one is not looked at.
        frame: its number, 1 or more.
    """
    around = np.delete(changes[max(1, frame - _BASELINE) : frame + 1 + _BASELINE], min(frame - 1, _BASELINE))
    return len(around) > 0 and _is_cut(float(changes[frame]), around)


def _is_cut(change: float, around: np.ndarray) -> bool:
    motion = float(around[around < _HARD].max(initial=0.0))
    scene = change >= _HARD and change >= _RATIO * float(np.median(around)) and change >= _CLEAR * motion
    return scene or (change >= _JUMP and change >= _RATIO * float(around.max()))


class CutWatch:
    """Tells of one frame after the other, without a look ahead, whether it may begin another shot.

    Of a flash it says so too, twice, and of a fast gesture after stillness; `stands_out` tells those later.

    Attributes:
        change: of the last frame against the one before.
    """

    def __init__(self) -> None:
        self._last: FrameMarks | None = None
        self._before: deque[float] = deque([0.0], maxlen=_BASELINE)
        self.change = 0.0

    def __call__(self, frame: np.ndarray) -> bool:
        """Uint8 RGB (H, W, 3) of any size -> whether it differs from the frame before more than those did."""
        height, width = frame.shape[:2]
        step = max(1, max(height, width) // (4 * SIDE))  # every pixel of a large frame would cost more than it tells
        part = frame[::step, ::step]
        scale = min(1.0, SIDE / max(part.shape[:2]))
        size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        marks = mark_frames([cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_AREA)])
        last, self._last = self._last, marks
        if last is None:
            return False
        pair = FrameMarks(
            np.concatenate([last.histograms, marks.histograms]), np.concatenate([last.thumbs, marks.thumbs])
        )
        self.change = float(_changes(pair, np.array([0]), np.array([1]))[0])
        cut = _is_cut(self.change, np.array(self._before))
        self._before.append(self.change)
        return cut


def _is_flash(marks: FrameMarks, frame: int, change: float) -> bool:
    """Whether the picture before `frame` comes back within a moment, or had been there a moment ago."""
    after = np.arange(frame + 1, min(frame + 1 + _FLASH, len(marks)))
    before = np.arange(max(0, frame - 1 - _FLASH), frame - 1)
    returns = _changes(marks, np.full(len(after), frame - 1), after)
    returned = _changes(marks, before, np.full(len(before), frame))
    return bool((returns < change / 2).any() or (returned < change / 2).any())


def _with_fades(black: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """(T,) black frames, and with them those in which the picture darkens towards them or brightens after them."""
    grown = black.copy()
    for first in (np.flatnonzero(black[1:] & ~black[:-1]) + 1).tolist():
        frame = first - 1
        while frame > 0 and first - frame <= _GRADUAL and brightness[frame - 1] > brightness[frame] + _FADING:
            grown[frame] = True
            frame -= 1
    for last in np.flatnonzero(black[:-1] & ~black[1:]).tolist():
        frame = last + 1
        while (
            frame + 1 < len(black) and frame - last <= _GRADUAL and brightness[frame + 1] > brightness[frame] + _FADING
        ):
            grown[frame] = True
            frame += 1
    return grown


def gradual_changes(marks: FrameMarks) -> list[tuple[int, int]]:
    """Fades and dissolves, as (first frame, frame after the last): slow, and with another scene at their ends."""
    total = len(marks)
    if total <= _GRADUAL:
        return []
    first = np.arange(total - _GRADUAL)
    across = _changes(marks, first, first + _GRADUAL)
    steps = _changes(marks, np.arange(total - 1), np.arange(1, total))
    found: list[tuple[int, int]] = []
    for at in np.flatnonzero(across >= _SOFT):
        if found and at < found[-1][1]:
            continue  # the same transition, seen from its later frames
        near = slice(at, min(at + _GRADUAL, len(across)))
        best = int(at + np.argmax(across[near]))
        inner = steps[best : best + _GRADUAL]
        if inner.max() >= _HARD:  # a hard cut, or a flash
            continue
        found.append((best, best + _GRADUAL))
    return found


def _changes(marks: FrameMarks, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How much frames `a` differ from frames `b`: (N,) in [0, 1].

    The larger of two: the part of the picture that has other colors, and what is left of the structure of the
    thumbnails, counted by half where only that changed, since motion changes structure too.
    """
    if len(a) == 0:
        return np.zeros(0, np.float32)
    result = np.empty(len(a), np.float32)
    for start in range(0, len(a), 4096):
        piece = slice(start, start + 4096)
        before, after = marks.histograms[a[piece]].astype(np.float32), marks.histograms[b[piece]].astype(np.float32)
        colors = np.abs(before - after).sum(1) / 2
        x, y = (marks.thumbs[n[piece]].reshape(len(colors), -1).astype(np.float32) for n in (a, b))
        x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
        norms = np.sqrt((x * x).sum(1) * (y * y).sum(1))
        alike = (x * y).sum(1) / np.maximum(norms, 1e-3)
        structure = np.where(norms > x.shape[1] * 4.0, 1 - np.clip(alike, 0, 1), 0.0)
        result[piece] = np.maximum(0.5 * (colors + structure), 0.75 * structure)
    return result
