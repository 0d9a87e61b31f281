"""Brows: several hundred hairs over a shadow of the hairs too fine to draw."""

import numpy as np

from megactor.synth.identity.canvas import SkinCanvas
from megactor.synth.identity.face_map import FaceMap, along
from megactor.synth.identity.traits import Traits
from megactor.synth.streams import stream

_HAIRS = 420
_HALF_WIDTH = 0.0145
_LENGTH = 0.013
_LOWER = 0.006
"""How far the brow's middle lies below the landmarks of its upper edge."""


def paint_brows(canvas: SkinCanvas, face: FaceMap, traits: Traits) -> None:
    """Paints both brows and takes their gloss."""
    brows = traits.brows
    rng = stream(traits.seed, "brow hairs")
    mask = np.zeros((canvas.size, canvas.size), np.float32)
    for side, landmarks in zip((-1, 1), face.brows, strict=True):
        middle = landmarks - [0, _LOWER]
        middle[2:4, 1] += brows.arch
        path = along(middle, 60)
        shadow = np.zeros_like(mask)
        for start in range(0, 60, 12):  # the brow narrows outwards: pieces of one width each
            piece = path[start : start + 14]
            width = 1.5 * float(_half_width(np.array((start + 6) / 59)) * brows.thickness)
            shadow = np.maximum(shadow, canvas.lines([piece], width, 0.0025))
        mask = np.maximum(mask, np.minimum(1, 0.62 * brows.density) * shadow)
        hairs = _hairs(path, side, brows.thickness, round(_HAIRS * brows.density), rng)
        mask = np.maximum(mask, canvas.hairs(*hairs))
    mask = np.clip(canvas.softened(mask, 0.0008) * 1.1, 0, 1)
    canvas.paint(mask, np.array(brows.color) / traits.skin.albedo)
    canvas.gloss *= 1 - 0.7 * mask


def _half_width(t: np.ndarray) -> np.ndarray:
    """Of the brow from its inner (0) to its outer end (1)."""
    return _HALF_WIDTH * (1 - 0.1 * t) * (1 - 0.75 * np.maximum(0, (t - 0.55) / 0.45)) * np.minimum(1, 0.7 + 3 * t)


def _hairs(
    path: np.ndarray, side: int, thickness: float, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Roots and tips (N, 2) of a brow's hairs, and how dark (N,) they are."""
    t = rng.random(count)
    across = rng.uniform(-1, 1, count)
    root = path[(t * 59).astype(int)] + np.stack([np.zeros(count), across * _half_width(t) * thickness], axis=1)
    # hairs stand up at the inner end, lie along the brow at the outer one and meet in its middle
    angle = 1.15 - 1.25 * np.minimum(1, 1.8 * t) + np.where(across > 0, -0.35, 0.25) * t + rng.normal(0, 0.12, count)
    length = _LENGTH * rng.uniform(0.7, 1.3, count) * (1 - 0.3 * t)
    tip = root + np.stack([side * np.cos(angle), 0.7 * np.sin(angle)], axis=1) * length[:, None]
    return root, tip, rng.uniform(0.75, 1.0, count)
