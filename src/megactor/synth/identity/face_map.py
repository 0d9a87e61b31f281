"""Where the features of the face lie in the skin texture."""

import numpy as np


class FaceMap:
    """Features of a rig's texture, from the uvs of its 68 landmarks.

    Attributes:
        eyes: (6, 2) outlines of the person's right eye (low u), then the left.
        upper_lids, lower_lids: (4, 2) paths from corner to corner, right then left.
        brows: (5, 2) paths from the inner to the outer end, right then left.
        mouth: (12, 2) outer outline of the lips, (u, v); mouth_line: (7, 2) where they meet, from corner to corner.
        nose_base: (2,) the point under the nose.
        chin: (2,) its tip.

    Args:
        landmarks: (68, 2) uv.
    """

    def __init__(self, landmarks: np.ndarray) -> None:
        self.eyes = (landmarks[36:42], landmarks[42:48])
        self.upper_lids = (landmarks[[36, 37, 38, 39]], landmarks[[42, 43, 44, 45]])
        self.lower_lids = (landmarks[[36, 41, 40, 39]], landmarks[[42, 47, 46, 45]])
        self.brows = (landmarks[21:16:-1], landmarks[22:27])
        self.mouth = landmarks[48:60]
        inner = (landmarks[61:64] + landmarks[[67, 66, 65]]) / 2
        self.mouth_line = np.concatenate([landmarks[[48, 60]], inner, landmarks[[64, 54]]])
        self.nose_base = landmarks[33]
        self.chin = landmarks[8]


def closed_curve(points: np.ndarray, steps: int = 8) -> np.ndarray:
    """(N * steps, 2) a smooth closed curve through (N, 2) points (Catmull-Rom)."""
    before, after, beyond = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0), np.roll(points, -2, axis=0)
    t = (np.arange(steps) / steps)[:, None, None]
    curve = 0.5 * (
        2 * points
        + (after - before) * t
        + (2 * before - 5 * points + 4 * after - beyond) * t**2
        + (3 * points - before - 3 * after + beyond) * t**3
    )
    return curve.transpose(1, 0, 2).reshape(-1, points.shape[1])


def along(points: np.ndarray, count: int) -> np.ndarray:
    """(count, 2) points at equal parts of an open path's parameter."""
    place = np.linspace(0, len(points) - 1, count)
    return np.stack([np.interp(place, np.arange(len(points)), points[:, axis]) for axis in range(2)], axis=1)
