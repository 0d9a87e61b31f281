"""Lines that an artist draws, from the geometry that the renderer knows."""

import cv2
import numpy as np

from megactor.synth.anatomy.subject import Material
from megactor.synth.brushes.strokes import blurred, scale_of
from megactor.synth.render.renderer import Rendered

_GROUPS = {Material.HEAD: Material.SKIN, Material.LASH: Material.EYE, Material.SOCKET: Material.SKIN}
"""Materials between which no line is drawn."""


def outlines(rendered: Rendered, creases: float) -> np.ndarray:
    """Lines an artist draws: round shapes, between materials, along creases; fainter in hair.

    Args:
        rendered: for depth, normals and materials.
        creases: how much the surface must bend for a line, about 0.5.

    Returns:
        (S, S) float32 in [0, 1].
    """
    materials = rendered.materials.astype(np.float32)
    for material, group in _GROUPS.items():
        materials[rendered.materials == material] = group
    hair = rendered.materials == Material.HAIR
    near_hair = cv2.dilate(hair.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    depth = np.minimum(rendered.depth, rendered.depth[np.isfinite(rendered.depth)].max(initial=0) + 40)
    steps = np.clip(_change(depth.astype(np.float32)) / 18 - 0.3, 0, 1)
    bends = np.asarray(sum(_change(np.ascontiguousarray(rendered.normals[..., axis])) for axis in range(3)))
    bends = np.clip(bends / 5 - creases, 0, 1) * 0.8
    borders = np.clip(_change(materials), 0, 1) * np.where(near_hair, 0.55, 0.8)
    lines = np.maximum(np.maximum(steps * np.where(hair, 0.25, 1), np.where(hair, 0, bends)), borders)
    return blurred(lines.astype(np.float32), 0.6)


def _change(field: np.ndarray) -> np.ndarray:
    """How steep a field is, per pixel of a picture 256 high."""
    x, y = (cv2.Sobel(field, cv2.CV_32F, 1 - axis, axis, ksize=3) for axis in (0, 1))
    return (np.abs(x) + np.abs(y)) * np.float32(max(1.0, scale_of(field)))
