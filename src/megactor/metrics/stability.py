"""What should keep still: the background, from frame to frame and over a whole clip; faces may move, not tremble."""

from collections.abc import Sequence

import cv2
import numpy as np

from megactor.faces.face import Face

BESIDE = 1 / 8
"""Of the picture's side: how far from a person the background counts as beside it."""


def flicker(frames: np.ndarray, background: np.ndarray) -> float:
    """Mean absolute difference of consecutive frames where both show background, in parts of white.

    Args:
        frames: (F, H, W, 3) uint8.
        background: (F, H, W) bool, in the truth.

    Returns:
        NaN where there is no background or only one frame.
    """
    return _mean_change(frames[:-1], frames[1:], background[:-1] & background[1:])


def drift(frames: np.ndarray, background: np.ndarray) -> float:
    """Mean absolute difference to the first frame where both show background, in parts of white.

    A background that swims or fades slowly does not flicker, but it drifts.

    Args:
        frames: (F, H, W, 3) uint8.
        background: (F, H, W) bool, in the truth.

    Returns:
        NaN where there is no background or only one frame.
    """
    return _mean_change(frames[:1], frames[1:], background[:1] & background[1:])


def beside_person(frames: np.ndarray, portrait: np.ndarray, people: np.ndarray, portrait_person: np.ndarray) -> float:
    """Mean absolute difference to the portrait beside the person, where both show background, in parts of white.

    Silhouettes that drag the background along, and what of the portrait stays behind, are seen here before anywhere
    else; farther away most systems change nothing. Only where the background should keep still.

    Args:
        frames: (F, S, S, 3) uint8.
        portrait: (S, S, 3) uint8.
        people: (F, S, S) bool, where the frames show a person.
        portrait_person: (S, S) bool, the same of the portrait.

    Returns:
        Mean over the pixels of all frames that lie within `BESIDE` of a person; NaN without any.
    """
    reach = max(1, round(BESIDE * portrait.shape[1]))
    around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    change, pixels = 0.0, 0
    for frame, person in zip(frames, people, strict=True):
        either = person | portrait_person
        beside = (cv2.dilate(either.astype(np.uint8), around) > 0) & ~either
        change += float(np.abs(frame[beside].astype(np.float32) - portrait[beside]).mean(-1).sum())
        pixels += int(beside.sum())
    return change / 255 / pixels if pixels else float("nan")


def jitter(faces: Sequence[Face | None]) -> float:
    """How much a face trembles: how far its 68 landmarks lie from the middle between the frames before and after.

    Smooth motion leaves next to nothing of it; what the analyzer's own noise leaves is in the reference's, too.

    Args:
        faces: F faces of consecutive frames, read by one analyzer.

    Returns:
        Mean over landmarks and frames in parts of the distance between the outer eye corners; NaN where no three
        frames in a row show a face.
    """
    values = []
    for before, now, after in zip(faces, faces[1:], faces[2:], strict=False):
        if before is None or now is None or after is None:
            continue
        points = now.landmarks68
        way = np.linalg.norm(points - (before.landmarks68 + after.landmarks68) / 2, axis=1).mean()
        values.append(float(way) / max(float(np.linalg.norm(points[36] - points[45])), 1e-6))
    return float(np.mean(values)) if values else float("nan")


def _mean_change(before: np.ndarray, after: np.ndarray, still: np.ndarray) -> float:
    if not still.any():
        return float("nan")
    change = np.abs(after.astype(np.float32) - before).mean(-1) / 255
    return float(change[still].mean())
