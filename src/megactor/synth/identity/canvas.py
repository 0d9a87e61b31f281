"""The skin texture while it is painted: layers that draw in texture coordinates, u to the person's left, v upwards."""

from collections.abc import Sequence

import cv2
import numpy as np

_SHIFT = 4
"""OpenCV draws at 1/16 of a pixel."""
_OPAQUE = 255.0
"""Masks are drawn in 8 bits, which OpenCV smooths the edges of."""
_HALF = 127.5
"""A factor of 1 in the stored texture."""


class SkinCanvas:
    """Color, bump and gloss of the skin as arrays of S x S texels, row 0 at v = 1.

    Lengths are in texture widths: the mouth is 0.22 wide, an eye 0.09.

    Attributes:
        color: (S, S, 3) float32 factor on the skin's albedo.
        bump: (S, S) float32 height, about ±40.
        gloss: (S, S) float32 factor on the specular reflection.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.color = np.ones((size, size, 3), np.float32)
        self.bump = np.zeros((size, size), np.float32)
        self.gloss = np.ones((size, size), np.float32)

    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """The u (1, S) and v (S, 1) of the texels."""
        line = np.linspace(0, 1, self.size, dtype=np.float32)
        return line[None], line[::-1, None]

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) uv -> (N, 2) x, y in texels."""
        return np.stack([points[:, 0], 1 - points[:, 1]], axis=1) * (self.size - 1)

    def polygon(self, points: np.ndarray, softness: float) -> np.ndarray:
        """(S, S) mask in [0, 1], 1 inside of the (N, 2) uv polygon, with a soft edge."""
        mask = self._blank()
        cv2.fillPoly(mask, [self._fixed(points)], _OPAQUE, cv2.LINE_AA, _SHIFT)
        return self.softened(_as_float(mask), softness)

    def lines(self, paths: Sequence[np.ndarray], width: float, softness: float) -> np.ndarray:
        """(S, S) mask in [0, 1] of open (N, 2) uv paths of one width."""
        mask = self._blank()
        pixels = width * self.size
        fixed = [self._fixed(path) for path in paths]
        cv2.polylines(mask, fixed, False, _OPAQUE * min(pixels, 1.0), max(1, round(pixels)), cv2.LINE_AA, _SHIFT)
        return self.softened(_as_float(mask), softness)

    def hairs(self, roots: np.ndarray, tips: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        """(S, S) mask of straight lines one texel wide from (N, 2) to (N, 2) uv; (N,) strengths in [0, 1]."""
        mask = self._blank()
        for start, end, strength in zip(self._fixed(roots), self._fixed(tips), strengths, strict=True):
            cv2.line(mask, start.tolist(), end.tolist(), _OPAQUE * float(strength), 1, cv2.LINE_AA, _SHIFT)
        return _as_float(mask)

    def spot(self, center: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
        """(S, S) bell of height 1: exp(-(du / radius u)² - (dv / radius v)²)."""
        u, v = self.axes()
        return np.exp(-(((u - center[0]) / radii[0]) ** 2)) * np.exp(-(((v - center[1]) / radii[1]) ** 2))

    def dots(self, points: np.ndarray, radii: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        """(S, S) mask of round dots at (N, 2) uv; small ones fade instead of growing to a texel."""
        mask = self._blank()
        for point, radius, strength in zip(self._fixed(points), radii * self.size, strengths, strict=True):
            fade = min(1.0, float(radius) ** 2)
            center = int(point[0]), int(point[1])
            reach = max(1, round(max(float(radius), 0.7) * 2**_SHIFT))
            cv2.circle(mask, center, reach, _OPAQUE * float(strength) * fade, -1, cv2.LINE_AA, _SHIFT)
        return _as_float(mask)

    def softened(self, mask: np.ndarray, softness: float) -> np.ndarray:
        """The mask blurred by a standard deviation in texture widths."""
        sigma = softness * self.size
        return cv2.GaussianBlur(mask, (0, 0), sigma) if sigma > 0.3 else mask

    def darken(self, mask: np.ndarray, amounts: Sequence[float]) -> None:
        """Absorbs light: color * exp(-mask * amounts), one amount for each of red, green, blue."""
        self.color *= np.exp(-mask[..., None] * np.array(amounts, np.float32))

    def paint(self, mask: np.ndarray, factor: np.ndarray) -> None:
        """Covers the skin where the mask is 1; `factor` is the paint's color over the skin's albedo."""
        self.color += mask[..., None] * (np.clip(factor, 0.01, 1.95).astype(np.float32) - self.color)

    def texture(self) -> np.ndarray:
        """(S, S, 5) uint8, as `Subject.skin_texture` wants it."""
        layers = np.dstack([self.color * _HALF, self.bump + 128, self.gloss * _HALF])
        return np.clip(np.round(layers), 0, 255).astype(np.uint8)

    def _blank(self) -> np.ndarray:
        return np.zeros((self.size, self.size), np.uint8)

    def _fixed(self, points: np.ndarray) -> np.ndarray:
        return np.round(self.pixels(np.asarray(points, float)) * 2**_SHIFT).astype(np.int32)


def _as_float(mask: np.ndarray) -> np.ndarray:
    return mask.astype(np.float32) / np.float32(_OPAQUE)
