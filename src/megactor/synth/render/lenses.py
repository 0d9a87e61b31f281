"""What glasses mirror: a window or a lamp that wanders over the lenses as the head turns, and a colored sheen."""

import cv2
import numpy as np

from megactor.synth.anatomy.subject import Lenses, Material

_IN_FRONT = (Material.HAIR, Material.FRAME, Material.FABRIC, Material.CLOTH)
"""Materials that a lens lies behind."""
_STEPS = 4
"""OpenCV draws at 1/16 of a pixel."""


def mirrored(
    rgb: np.ndarray,
    alpha: np.ndarray,
    materials: np.ndarray,
    screen: np.ndarray,
    lenses: Lenses,
    turn: tuple[float, float],
) -> None:
    """Lays reflections on a picture, in place.

    Args:
        rgb: (S, S, 3) float32 sRGB times alpha.
        alpha: (S, S) float32.
        materials: (S, S) uint8 at the pixels' centers.
        screen: (V, 3) pixel x, y and distance of the vertices.
        lenses: of the subject.
        turn: yaw and pitch of the head to the camera, radians.
    """
    size = len(rgb)
    y, x = np.mgrid[:size, :size].astype(np.float32) + np.float32(0.5)
    for rim in lenses.rims:
        outline = screen[rim, :2].mean(axis=1)
        middle = outline.mean(axis=0)
        right, top = outline[0] - middle, outline[len(outline) // 4] - middle
        width = float(np.hypot(*right))
        if width < 2 or right[0] * top[1] - right[1] * top[0] >= 0:  # too small, or seen from behind
            continue
        inside = np.zeros((size, size), np.uint8)
        points = np.round((middle + 0.94 * (outline - middle) - 0.5) * 2**_STEPS).astype(np.int32)
        cv2.fillPoly(inside, [points], 255, cv2.LINE_AA, _STEPS)
        if not inside.any():
            continue
        u = ((x - middle[0]) * right[0] + (y - middle[1]) * right[1]) / width**2
        v = ((x - middle[0]) * top[0] + (y - middle[1]) * top[1]) / float(top @ top)
        light = _window(u - 2.5 * turn[0], v - 2.5 * turn[1], lenses) + lenses.sheen * (0.6 + 0.4 * v)
        share = np.clip(light, 0, 1) * (inside / np.float32(255)) * alpha * ~np.isin(materials, _IN_FRONT)
        rgb += share[..., None] * (np.array(lenses.color, np.float32) - rgb)


def _window(u: np.ndarray, v: np.ndarray, lenses: Lenses) -> np.ndarray:
    """A bright rectangle with soft edges and a cross in it."""
    left, bottom, width, height = lenses.window
    across, up = (u - left) / width, (v - bottom) / height
    edge = np.clip(np.minimum(np.minimum(across, 1 - across), np.minimum(up, 1 - up)) * 8 + 0.5, 0, 1)
    bars = np.minimum(np.abs(across - 0.5) * width, np.abs(up - 0.5) * height)
    return np.asarray(lenses.strength * edge * np.clip(bars * 12, 1 - lenses.bars, 1))
