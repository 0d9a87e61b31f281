"""What should not change: the background, from frame to frame and over a whole clip."""

import numpy as np


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


def _mean_change(before: np.ndarray, after: np.ndarray, still: np.ndarray) -> float:
    if not still.any():
        return float("nan")
    change = np.abs(after.astype(np.float32) - before).mean(-1) / 255
    return float(change[still].mean())
