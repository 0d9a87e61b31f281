"""Backgrounds that show a place, painted from rectangles, discs and noise. x and y run from 0 to 1, y downwards."""

import cv2
import numpy as np

from megactor.synth.brushes.noise import hsv, smooth_noise
from megactor.synth.streams import chance

_SHIFT = 4
"""OpenCV draws at 1/16 of a pixel, so that pictures of different sizes show the same."""


class Canvas:
    """A picture to paint on in coordinates from 0 to 1.

    Attributes:
        picture: (size, size, 3) float32 sRGB.
    """

    def __init__(self, size: int, color: np.ndarray) -> None:
        self.picture = np.tile(color.astype(np.float32), (size, size, 1))

    @property
    def size(self) -> int:
        """Side in pixels."""
        return self.picture.shape[0]

    def polygon(self, points: list[tuple[float, float]], color: np.ndarray) -> None:
        """Fills a polygon."""
        corners = np.round(np.array(points) * self.size * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(self.picture, [corners], color.tolist(), cv2.LINE_AA, _SHIFT)

    def box(self, x: float, y: float, width: float, height: float, color: np.ndarray) -> None:
        """Fills a rectangle from its upper left corner."""
        self.polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], color)

    def disc(self, x: float, y: float, radius: float, color: np.ndarray) -> None:
        """Fills a circle."""
        center = round(x * self.size * 2**_SHIFT), round(y * self.size * 2**_SHIFT)
        cv2.circle(self.picture, center, round(radius * self.size * 2**_SHIFT), color.tolist(), -1, cv2.LINE_AA, _SHIFT)

    def light(self, field: np.ndarray) -> None:
        """Multiplies the picture by a (size, size) field."""
        self.picture *= np.maximum(field, 0)[..., None]

    def glow(self, x: float, y: float, radius: float, color: np.ndarray) -> None:
        """Adds a soft light."""
        line = (np.arange(self.size, dtype=np.float32) + 0.5) / self.size
        field = np.exp(-((line - x) ** 2 + (line[:, None] - y) ** 2) / (2 * radius**2))
        self.picture += field[..., None] * color.astype(np.float32)


def room(rng: np.random.Generator, size: int) -> np.ndarray:
    """A wall with a floor or wainscot, and some of: window, door, pictures, furniture, lamp, plant."""
    wall = hsv(rng.choice([30, 40, 210, 100, 0]) + rng.normal(0, 15), rng.beta(1.2, 5), rng.uniform(0.35, 0.95))
    canvas = Canvas(size, wall)
    if chance(rng, 0.5):
        corner = rng.uniform(0.1, 0.9)
        canvas.box(corner, 0, 1 - corner, 1, wall * rng.uniform(0.75, 0.95))
    canvas.box(0, rng.uniform(0.6, 0.95), 1, 1, hsv(rng.normal(28, 10), rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.6)))
    for _ in range(rng.integers(1, 4)):
        _picture_frame(rng, canvas)
    if chance(rng, 0.45):
        _window(rng, canvas)
    if chance(rng, 0.35):
        x, width = rng.uniform(-0.1, 0.9), rng.uniform(0.18, 0.3)
        wood = hsv(rng.normal(25, 12), rng.uniform(0.05, 0.6), rng.uniform(0.2, 0.9))
        canvas.box(x, 0.08, width, 1, wood * 0.8)
        canvas.box(x + 0.02, 0.1, width - 0.04, 1, wood)
    for _ in range(rng.integers(1, 4)):
        _furniture(rng, canvas)
    if chance(rng, 0.4):
        _plant(rng, canvas, rng.uniform(0, 1), rng.uniform(0.55, 0.85))
    if chance(rng, 0.4):
        x, y = rng.uniform(0, 1), rng.uniform(0.15, 0.5)
        canvas.glow(x, y, rng.uniform(0.08, 0.25), np.array([0.5, 0.36, 0.18]) * rng.uniform(0.4, 1))
        canvas.polygon(
            [(x - 0.03, y - 0.05), (x + 0.03, y - 0.05), (x + 0.06, y + 0.04), (x - 0.06, y + 0.04)], hsv(40, 0.25, 1)
        )
    canvas.light(1 + smooth_noise(rng, size, [3, 5], [0.14, 0.07]))
    return canvas.picture


def shelf(rng: np.random.Generator, size: int) -> np.ndarray:
    """Shelves full of books."""
    wood = hsv(rng.normal(26, 8), rng.uniform(0.15, 0.6), rng.uniform(0.12, 0.6))
    canvas = Canvas(size, wood * 0.35)
    rows = int(rng.integers(3, 6))
    hue = rng.uniform(0, 360)
    for row in range(rows):
        bottom = (row + 1) / rows
        x = rng.uniform(-0.05, 0.02)
        while x < 1:
            width, height = rng.uniform(0.012, 0.045), rng.uniform(0.55, 0.85) / rows
            if chance(rng, 0.92):
                spine = hsv(hue + rng.normal(0, 70), rng.beta(1.5, 2.5), rng.uniform(0.1, 0.9))
                canvas.box(x, bottom - height, width, height, spine)
                canvas.box(x, bottom - height * rng.uniform(0.5, 0.9), width, height * 0.05, spine * 0.6 + 0.3)
            x += width + rng.choice([0.002, 0.002, 0.03])
        canvas.box(0, bottom - 0.015, 1, 0.022, wood)
    canvas.light(1 + smooth_noise(rng, size, [3, 6], [0.15, 0.08]))
    return canvas.picture


def curtain(rng: np.random.Generator, size: int) -> np.ndarray:
    """Hanging cloth, boards or tiles: a wall with a regular pattern."""
    color = hsv(rng.uniform(0, 360), rng.beta(1.2, 2.5), rng.uniform(0.2, 0.9))
    canvas = Canvas(size, color)
    x = (np.arange(size, dtype=np.float32) + 0.5) / size
    waves, phase = rng.uniform(5, 14), rng.uniform(0, 6)
    kind = rng.integers(3)
    if kind == 0:
        sway = smooth_noise(rng, size, [4], [0.04])
        canvas.light(0.75 + 0.3 * np.sin(2 * np.pi * waves * (x[None] + sway) + phase))
    elif kind == 1:
        boards = np.floor(x * waves)
        shade = 0.8 + 0.25 * np.modf(np.sin(boards * 12.9898 + phase) * 437.58)[0]
        gaps = np.abs(x * waves - boards - 0.5) > 0.47
        grain = smooth_noise(rng, size, [6], [0.03])
        canvas.light((shade * np.where(gaps, 0.45, 1))[None] + grain)
    else:
        rows = np.floor(x * waves * 2)[:, None]
        along = x[None] * waves + 0.5 * (rows % 2)
        mortar = (np.abs(along - np.floor(along) - 0.5) > 0.46) | (np.abs(x[:, None] * waves * 2 - rows - 0.5) > 0.44)
        shade = 0.85 + 0.2 * np.modf(np.sin(np.floor(along) * 12.99 + rows * 78.23) * 437.58)[0]
        canvas.light(np.where(mortar, 1.15, shade) + smooth_noise(rng, size, [40], [0.03]))
    canvas.light(1 + smooth_noise(rng, size, [3], [0.12]))
    return canvas.picture


def street(rng: np.random.Generator, size: int) -> np.ndarray:
    """Houses with windows under the sky."""
    canvas = Canvas(size, hsv(rng.normal(212, 10), rng.uniform(0.05, 0.4), rng.uniform(0.6, 0.97)))
    canvas.box(0, 0.8, 1, 0.3, hsv(30, 0.05, rng.uniform(0.25, 0.5)))
    for depth in (0.75, 0.5, 0.0):
        x = -rng.uniform(0, 0.2)
        while x < 1:
            width, top = rng.uniform(0.14, 0.35), rng.uniform(-0.2, 0.45) + 0.25 * depth
            wall = hsv(rng.normal(28, 25), rng.uniform(0.03, 0.4), rng.uniform(0.25, 0.85))
            wall = wall * (1 - 0.5 * depth) + 0.5 * depth * np.array([0.7, 0.76, 0.85])
            canvas.box(x, top, width, 0.85 - top, wall)
            glass = hsv(215, 0.25, rng.uniform(0.15, 0.8)) * (1 - 0.5 * depth) + 0.35 * depth
            columns, rows = int(rng.integers(2, 6)), int(rng.integers(3, 9))
            cell = width / columns, (0.8 - top) / rows
            for column in range(columns):
                for row in range(rows):
                    window = x + (column + 0.25) * cell[0], top + (row + 0.2) * cell[1]
                    canvas.box(*window, cell[0] * 0.5, cell[1] * 0.6, glass)
            x += width + rng.choice([0.0, 0.0, 0.2, 0.5])
    for _ in range(rng.integers(0, 3)):
        _tree(rng, canvas, rng.uniform(0, 1), rng.uniform(0.45, 0.6), rng.uniform(0.1, 0.2))
    canvas.light(1 + smooth_noise(rng, size, [3, 30], [0.1, 0.03]))
    return canvas.picture


def garden(rng: np.random.Generator, size: int) -> np.ndarray:
    """Sky, leaves, grass; sometimes flowers, sometimes only leaves with the sun through them."""
    canvas = Canvas(size, hsv(rng.normal(208, 8), rng.uniform(0.1, 0.5), rng.uniform(0.75, 0.98)))
    horizon = rng.uniform(0.5, 0.9)
    for _ in range(rng.integers(4, 14)):
        _tree(rng, canvas, rng.uniform(-0.1, 1.1), horizon - rng.uniform(0.05, 0.5), rng.uniform(0.1, 0.28))
    canvas.box(0, horizon, 1, 1, hsv(rng.normal(90, 15), rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.65)))
    if chance(rng, 0.4):
        hue = rng.uniform(0, 360)
        for _ in range(rng.integers(20, 80)):
            flower = hsv(hue + rng.normal(0, 15), rng.uniform(0.2, 0.9), rng.uniform(0.7, 1))
            canvas.disc(rng.uniform(0, 1), rng.uniform(horizon - 0.1, 1), rng.uniform(0.004, 0.014), flower)
    grain = smooth_noise(rng, size, [4, 12, 40, 90], [0.12, 0.12, 0.14, 0.12])
    blueness = canvas.picture[..., 2] - canvas.picture[..., 1]
    canvas.light(1 + grain * np.where(blueness > 0, 0.2, 1))  # the sky is smooth, leaves and grass are not
    return canvas.picture


def night(rng: np.random.Generator, size: int) -> np.ndarray:
    """Lights of a city or a party, far out of focus."""
    canvas = Canvas(size, hsv(rng.uniform(200, 290), rng.uniform(0.1, 0.6), rng.uniform(0.03, 0.2)))
    for _ in range(rng.integers(2, 5)):
        canvas.glow(rng.random(), rng.random(), rng.uniform(0.1, 0.4), hsv(rng.uniform(0, 360), 0.5, 0.2))
    warm = chance(rng, 0.7)
    radius = rng.uniform(0.015, 0.05)
    for _ in range(rng.integers(15, 70)):
        hue = rng.normal(38, 18) if warm and chance(rng, 0.8) else rng.uniform(0, 360)
        spot = np.zeros_like(canvas.picture)
        layer = Canvas(size, np.zeros(3))
        layer.picture = spot
        layer.disc(
            rng.random(), rng.uniform(0, 0.8), radius * rng.uniform(0.7, 1.3), hsv(hue, rng.uniform(0.2, 0.8), 1)
        )
        canvas.picture += spot * np.float32(rng.uniform(0.1, 0.6))
    return canvas.picture


def _picture_frame(rng: np.random.Generator, canvas: Canvas) -> None:
    x, y, width, height = rng.uniform(-0.1, 1), rng.uniform(0, 0.4), rng.uniform(0.08, 0.3), rng.uniform(0.1, 0.3)
    canvas.box(x, y, width, height, hsv(rng.normal(30, 10), rng.uniform(0, 0.6), rng.uniform(0.05, 0.9)))
    canvas.box(x + 0.012, y + 0.012, width - 0.024, height - 0.024, np.full(3, 0.9))
    inner = hsv(rng.uniform(0, 360), rng.beta(1.5, 2.5), rng.uniform(0.2, 0.9))
    canvas.box(x + 0.03, y + 0.03, width - 0.06, height - 0.06, inner)
    canvas.box(x + 0.03, y + height * 0.6, width - 0.06, height * 0.4 - 0.03, inner * rng.uniform(0.3, 0.9))


def _window(rng: np.random.Generator, canvas: Canvas) -> None:
    x, y, width, height = rng.uniform(-0.2, 0.8), rng.uniform(-0.1, 0.15), rng.uniform(0.2, 0.45), rng.uniform(0.4, 0.7)
    canvas.box(x, y, width, height, np.full(3, rng.uniform(0.6, 0.95)))
    sky = hsv(rng.normal(205, 15), rng.uniform(0.03, 0.3), rng.uniform(0.85, 1))
    canvas.box(x + 0.02, y + 0.02, width - 0.04, height - 0.04, sky)
    canvas.box(x + 0.02, y + height * 0.65, width - 0.04, height * 0.35 - 0.02, hsv(100, 0.3, rng.uniform(0.3, 0.8)))
    for part in range(1, int(rng.integers(2, 4))):
        canvas.box(x + width * part / 2 - 0.008, y, 0.016, height, np.full(3, 0.85))
    canvas.glow(x + width / 2, y + height / 2, 0.25, np.array([0.12, 0.13, 0.15]))


def _furniture(rng: np.random.Generator, canvas: Canvas) -> None:
    width, height = rng.uniform(0.2, 0.6), rng.uniform(0.15, 0.5)
    x, y = rng.uniform(-0.2, 0.9), 1 - height
    color = hsv(rng.normal(30, 60), rng.beta(1.3, 3), rng.uniform(0.08, 0.8))
    canvas.box(x, y, width, height, color)
    canvas.box(x, y, width, 0.025, np.minimum(color * 1.3, 1))
    for line in range(1, int(rng.integers(1, 4))):
        canvas.box(x + 0.01, y + height * line / 4, width - 0.02, 0.01, color * 0.6)


def _plant(rng: np.random.Generator, canvas: Canvas, x: float, y: float) -> None:
    for _ in range(rng.integers(15, 40)):
        angle, length = rng.normal(-np.pi / 2, 0.7), rng.uniform(0.06, 0.2)
        tip = x + np.cos(angle) * length, y + np.sin(angle) * length
        side = np.array([-np.sin(angle), np.cos(angle)]) * 0.012
        middle = (x + tip[0]) / 2, (y + tip[1]) / 2
        leaf = hsv(rng.normal(110, 14), rng.uniform(0.3, 0.7), rng.uniform(0.15, 0.6))
        canvas.polygon(
            [(x, y), (middle[0] + side[0], middle[1] + side[1]), tip, (middle[0] - side[0], middle[1] - side[1])], leaf
        )
    pot = hsv(rng.normal(20, 20), rng.uniform(0, 0.7), rng.uniform(0.3, 0.9))
    canvas.polygon([(x - 0.05, y), (x + 0.05, y), (x + 0.035, y + 0.12), (x - 0.035, y + 0.12)], pot)


def _tree(rng: np.random.Generator, canvas: Canvas, x: float, y: float, radius: float) -> None:
    """A crown of many leaf clusters, lit from above."""
    trunk = hsv(28, 0.4, rng.uniform(0.12, 0.35))
    canvas.box(x - radius * 0.08, y, radius * 0.16, 1, trunk)
    hue, value = rng.normal(95, 22), rng.uniform(0.25, 0.6)
    for _ in range(60):
        angle, distance = rng.uniform(0, 2 * np.pi), radius * np.sqrt(rng.random())
        dy = np.sin(angle) * distance
        leaf = hsv(
            hue + rng.normal(0, 8), rng.uniform(0.35, 0.75), value * (1 - 0.5 * dy / radius) * rng.uniform(0.7, 1.2)
        )
        canvas.disc(x + np.cos(angle) * distance, y + 0.8 * dy, radius * rng.uniform(0.08, 0.2), np.minimum(leaf, 1))
