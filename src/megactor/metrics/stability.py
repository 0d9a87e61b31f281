"""What should not change: the background, and whose face it is."""

import cv2
import numpy as np

_THUMBNAIL = 16


def flicker(frames: np.ndarray, background: np.ndarray) -> float:
    """Mean absolute difference of consecutive frames where both show background, in parts of white.

    Args:
        frames: (F, H, W, 3) uint8.
        background: (F, H, W) bool.

    Returns:
        NaN where there is no background or only one frame.
    """
    still = background[:-1] & background[1:]
    if not still.any():
        return float("nan")
    change = np.abs(np.diff(frames.astype(np.float32), axis=0)).mean(-1) / 255
    return float(change[still].mean())


def nearer_to_own(results: np.ndarray, own: np.ndarray, other: np.ndarray) -> float:
    """Share of frames that look more like the portrait's person than like the driver.

    A proxy that needs no downloaded network: mean absolute difference of 16 x 16 thumbnails of frames in the same
    framing, which sees skin, hair, clothes and background but no features of the face.

    Args:
        results: (F, H, W, 3) uint8.
        own: the same of the portrait's person doing the same: the truth, or the portrait repeated.
        other: the same of the driver.
    """

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.abs(_thumbnail(a) - _thumbnail(b)).mean())

    return float(np.mean([distance(r, a) < distance(r, b) for r, a, b in zip(results, own, other, strict=True)]))


def _thumbnail(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32)
