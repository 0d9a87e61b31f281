"""Changes of pictures that must not matter: what nano sees in the wild looks like no single renderer or camera.

All work on uint8 RGB pictures and on landmarks in pixels; draws come from the generator that is handed in, so a sample
is a pure function of its number.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from megactor.models.dense_motion.keypoints import MIRRORED

MIRROR = np.array(MIRRORED)
"""Number of each of the 70 landmarks in the mirrored face."""


@dataclass(frozen=True)
class Shift:
    """A similarity of the picture plane as the (2, 3) matrix of `cv2.warpAffine`."""

    matrix: np.ndarray

    def picture(self, picture: np.ndarray, border: int = cv2.BORDER_CONSTANT) -> np.ndarray:
        """Moves a picture (H, W, 3); black comes in unless another OpenCV border is asked for."""
        height, width = picture.shape[:2]
        return cv2.warpAffine(picture, self.matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border)

    def points(self, points: np.ndarray) -> np.ndarray:
        """Moves points (..., 2) in pixels whose first center is at 0.5."""
        moved = (points - 0.5) @ self.matrix[:, :2].T + self.matrix[:, 2] + 0.5
        return moved.astype(np.float32)


def random_shift(rng: np.random.Generator, size: int, scale: float, degrees: float, shift: float) -> Shift:
    """A small turn, zoom and shift.

    Args:
        rng: draws.
        size: side of the pictures.
        scale: standard deviation of the log of the zoom.
        degrees: of the turn.
        shift: of the shift, in picture sizes.
    """
    center = (size - 1) / 2
    turn = float(rng.normal(0, degrees))
    matrix = cv2.getRotationMatrix2D((center, center), turn, float(np.exp(rng.normal(0, scale))))
    matrix[:, 2] += rng.normal(0, shift * size, 2)
    return Shift(matrix)


@dataclass(frozen=True)
class Window:
    """A square part of the picture that is enlarged to its full size.

    x, y: left top corner in picture sizes.
    side: in picture sizes, at most 1.
    """

    x: float
    y: float
    side: float

    def pictures(self, pictures: np.ndarray, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
        """(N, H, H, ...) -> the same shape; every picture may have up to four channels."""
        size = pictures.shape[1]
        # OpenCV puts the first pixel's center at 0, not at 0.5
        offset = np.array([self.x, self.y]) * size + 0.5 * self.side - 0.5
        matrix = np.column_stack([np.eye(2) * self.side, offset])
        flags = interpolation | cv2.WARP_INVERSE_MAP
        return np.stack(
            [cv2.warpAffine(p, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE) for p in pictures]
        )

    def points(self, points: np.ndarray, size: int) -> np.ndarray:
        """(..., 2) pixels of the whole picture -> pixels of the enlarged part."""
        return ((points - np.array([self.x, self.y]) * size) / self.side).astype(np.float32)


def random_window(rng: np.random.Generator, smallest: float = 0.75) -> Window:
    """Any part of the picture whose side is at least `smallest` of it."""
    side = float(rng.uniform(smallest, 1))
    x, y = rng.uniform(0, 1 - side, 2)
    return Window(float(x), float(y), side)


def mirror_picture(picture: np.ndarray) -> np.ndarray:
    """(..., H, W, C), left and right exchanged."""
    return picture[..., ::-1, :]


def mirror_points(points: np.ndarray, size: int) -> np.ndarray:
    """(..., 70, 2) landmarks in pixels of the mirrored picture of this width, in the order of the mirrored face."""
    mirrored = points[..., MIRROR, :].copy()
    mirrored[..., 0] = size - mirrored[..., 0]
    return mirrored


@dataclass(frozen=True)
class Recoloring:
    """A change of colors: gains of the channels and a gamma."""

    gains: np.ndarray
    gamma: float

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """uint8 in, uint8 out, any shape (..., 3)."""
        # 256 levels in, 256 levels out: a table a channel instead of powers of every pixel
        levels = (np.arange(256) / 255) ** self.gamma
        table = np.clip(levels[:, None] * self.gains * 255, 0, 255).astype(np.uint8)
        return np.stack([table[picture[..., channel], channel] for channel in range(3)], axis=-1)


def random_recoloring(rng: np.random.Generator, tint: float, brightness: float, gamma: float) -> Recoloring:
    """Standard deviations of logs: of each channel's gain, of all channels' together, of the gamma."""
    gains = np.exp(rng.normal(0, tint, 3) + rng.normal(0, brightness))
    return Recoloring(gains, float(np.exp(rng.normal(0, gamma))))


def blurred(rng: np.random.Generator, picture: np.ndarray, widest: float) -> np.ndarray:
    """Out of focus by up to this standard deviation in pixels."""
    return cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, widest)))


def noisy(rng: np.random.Generator, picture: np.ndarray, strongest: float) -> np.ndarray:
    """Sensor noise of up to this standard deviation, in parts of white."""
    noise = rng.normal(0, rng.uniform(0, strongest) * 255, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def shaded(rng: np.random.Generator, picture: np.ndarray, strongest: float) -> np.ndarray:
    """Light and shadow across the picture: a renderer's lamps are few, and shadows fall from anything.

    Args:
        rng: draws.
        picture: uint8 (S, S, 3).
        strongest: largest standard deviation of the logarithm of the light.
    """
    cells = rng.normal(0, rng.uniform(0, strongest), (int(rng.integers(2, 6)), int(rng.integers(2, 6))))
    light = np.exp(cv2.resize(cells, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC))
    return np.clip(picture * light[..., None], 0, 255).astype(np.uint8)


def covered(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Something stands in front: a rectangle of one color that may hide a third of the width."""
    size = len(picture)
    hidden = picture.copy()
    width, height = rng.integers(size // 12, size // 3, 2)
    x, y = rng.integers(0, size - size // 12, 2)
    hidden[y : y + height, x : x + width] = rng.integers(0, 256, 3)
    return hidden


def degraded(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """As a poor video shows it: fewer pixels, enlarged again, and the blocks of strong compression."""
    size = len(picture)
    small = round(size * float(rng.uniform(0.3, 1)))
    picture = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        _, compressed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        picture = cv2.imdecode(compressed, cv2.IMREAD_COLOR)
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
