"""What should keep still: the background, from frame to frame and over a whole clip; faces may move, not tremble."""

from collections.abc import Sequence

import numpy as np

from megactor.faces.face import Face


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
