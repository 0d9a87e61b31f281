"""Stronger or weaker head motion, by moving the picture of the face before the network sees it."""

import cv2
import numpy as np

_EYE_OUTER = (33, 263)
_RIGID = (33, 263, 168, 1, 152, 10)
"""Mesh vertices that hardly move with expressions: eye corners, nose, chin, forehead."""


def _pose(landmarks: np.ndarray) -> tuple[np.ndarray, float, float]:
    """(478, 2) -> center (2,), roll in radians, size in pixels."""
    points = landmarks[list(_RIGID)]
    center = points.mean(0)
    x, y = landmarks[_EYE_OUTER[1]] - landmarks[_EYE_OUTER[0]]
    return center, float(np.arctan2(y, x)), float(np.linalg.norm(points - center, axis=1).mean())


def scaling_affine(landmarks: np.ndarray, first: np.ndarray, factor: float) -> np.ndarray:
    """The similarity that multiplies a frame's in-plane head motion relative to the first frame.

    Place, roll and size are scaled; turns of the head out of the picture plane are pixels of the face itself and stay.

    Args:
        landmarks: (478, 2) of this frame, in the pixels of the crop.
        first: (478, 2) of the clip's first frame.
        factor: 0 holds the head where it was first, 1 changes nothing.

    Returns:
        (2, 3) float64 for `cv2.warpAffine`.
    """
    center, roll, size = _pose(landmarks)
    center0, roll0, size0 = _pose(first)
    turn = (factor - 1) * np.arctan2(np.sin(roll - roll0), np.cos(roll - roll0))
    # sizes multiply, so their motion is scaled in the exponent
    grow = (max(size, 1e-6) / max(size0, 1e-6)) ** (factor - 1)
    target = center0 + factor * (center - center0)
    c, s = grow * np.cos(turn), grow * np.sin(turn)
    rotation = np.array([[c, -s], [s, c]])
    return np.concatenate([rotation, (target - rotation @ center)[:, None]], axis=1)


def move_points(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """(..., 2) points under an affine map."""
    return (points @ affine[:, :2].T + affine[:, 2]).astype(np.float32)


def move_frame(frame: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) under an affine map, black where nothing comes from."""
    height, width = frame.shape[:2]
    return cv2.warpAffine(frame, affine, (width, height), flags=cv2.INTER_LINEAR)
