"""How far out the head reaches in every direction, and how high the shoulders are: what hair must not pass through."""

import cv2
import numpy as np

from megactor.synth.anatomy.bust import Bust
from megactor.synth.anatomy.subject import Material

HEAD_CENTER = np.array([0, 3.0, 0.5])

_ROWS, _COLUMNS = 48, 96
_SHOULDER_CELLS = 64
_SHOULDER_MIN, _SHOULDER_MAX = np.array([-26.0, -20.0]), np.array([26.0, 20.0])
"""Range of x and z of the height field."""
_BELOW = -60.0


class HeadSurface:
    """Radius of head and neck about `HEAD_CENTER` and height of the shoulders, from an identity at rest.

    Args:
        bust: for the canonical positions.
        rest: (B, 3) the identity.
    """

    def __init__(self, bust: Bust, rest: np.ndarray) -> None:
        self._radius = _radius_map(bust, rest)
        self._heights = _height_map(bust, rest)

    def radius(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Radius of the surface in the direction of (N, 3) points, and the points' own distance, both (N,)."""
        offset = points - HEAD_CENTER
        distance = np.linalg.norm(offset, axis=1) + 1e-6
        row = (np.arcsin(np.clip(offset[:, 1] / distance, -1, 1)) / np.pi + 0.5) * (_ROWS - 1)
        column = (np.arctan2(offset[:, 0], offset[:, 2]) / (2 * np.pi) + 0.5) * _COLUMNS - 0.5
        return _sample(self._radius, column % _COLUMNS, row), distance

    def shoulder_height(self, points: np.ndarray) -> np.ndarray:
        """(N,) y of the shoulders above or below (N, 3) points; far below beside them."""
        place = (points[:, [0, 2]] - _SHOULDER_MIN) / (_SHOULDER_MAX - _SHOULDER_MIN) * (_SHOULDER_CELLS - 1)
        return _sample(self._heights, place[:, 0], place[:, 1])


def _sample(field: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = (axis.astype(np.float32).reshape(-1, 1) for axis in (x, y))
    return cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]


def _radius_map(bust: Bust, rest: np.ndarray) -> np.ndarray:
    """(rows of latitude, columns of longitude + one to close the circle)."""
    surface = np.isin(bust.materials, (Material.SKIN, Material.HEAD))
    used = np.unique(bust.triangles[surface])
    canonical = bust.rest[used]
    used = used[(canonical[:, 1] + canonical[:, 2] / 4 > -15.5) & (np.abs(canonical[:, 0]) < 9.5)]
    offset = rest[used] - HEAD_CENTER
    distance = np.linalg.norm(offset, axis=1)
    row = np.round((np.arcsin(offset[:, 1] / distance) / np.pi + 0.5) * (_ROWS - 1)).astype(int)
    column = ((np.arctan2(offset[:, 0], offset[:, 2]) / (2 * np.pi) + 0.5) * _COLUMNS).astype(int) % _COLUMNS
    field = np.zeros((_ROWS, _COLUMNS), np.float32)
    np.maximum.at(field, (row, column), distance)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    for _ in range(12):
        wrapped = np.concatenate([field[:, -1:], field, field[:, :1]], axis=1)
        field = np.where(field > 0, field, cv2.dilate(wrapped, cross)[:, 1:-1])
    smooth = cv2.GaussianBlur(np.tile(field, (1, 3)), (0, 0), 1.0)[:, _COLUMNS : 2 * _COLUMNS + 1]
    return np.ascontiguousarray(smooth)


def _height_map(bust: Bust, rest: np.ndarray) -> np.ndarray:
    shoulders = rest[bust.rest[:, 1] < -12]
    cell = (shoulders[:, [0, 2]] - _SHOULDER_MIN) / (_SHOULDER_MAX - _SHOULDER_MIN) * (_SHOULDER_CELLS - 1)
    x, z = np.clip(np.round(cell).astype(int), 0, _SHOULDER_CELLS - 1).T
    field = np.full((_SHOULDER_CELLS, _SHOULDER_CELLS), _BELOW, np.float32)
    np.maximum.at(field, (z, x), shoulders[:, 1].astype(np.float32))
    for _ in range(6):
        field = np.where(field > _BELOW + 1, field, cv2.dilate(field, np.ones((3, 3), np.uint8)))
    return cv2.GaussianBlur(field, (0, 0), 1.2)
