"""Lips as they are, and what make-up does to lips, lids, lashes and cheeks."""

import numpy as np

from megactor.synth.brushes.noise import smooth_noise
from megactor.synth.identity.canvas import SkinCanvas
from megactor.synth.identity.face_map import FaceMap, closed_curve
from megactor.synth.identity.traits import Traits
from megactor.synth.streams import stream

_FAIR_LIPS, _DARK_LIPS = np.array([0.86, 0.60, 0.62]), np.array([0.90, 0.72, 0.78])
"""Bare lips over the skin's albedo."""


def paint_lips(canvas: SkinCanvas, face: FaceMap, traits: Traits) -> np.ndarray:
    """Paints the lips and the line between them.

    Returns:
        (S, S) mask in [0, 1] of the lips.
    """
    rng = stream(traits.seed, "lips")
    make_up, melanin = traits.make_up, traits.skin.melanin
    mask = canvas.polygon(closed_curve(face.mouth), 0.002 if make_up else 0.0034)
    bare = (_FAIR_LIPS * (1 - melanin) + _DARK_LIPS * melanin) * np.exp(rng.normal(0, 0.06, 3))
    if traits.feminine:
        bare = bare * [1.03, 0.94, 0.96]
    u, _ = canvas.axes()
    ridges = np.sin(560 * u + 3 * smooth_noise(rng, canvas.size, [32], [1.0])) * mask
    canvas.paint(mask * 0.9, bare)
    gloss = 1.15
    if make_up:
        canvas.paint(mask * make_up.lips_amount, np.array(make_up.lips) / traits.skin.albedo)
        gloss += 0.35 * make_up.lips_amount
    canvas.darken(canvas.lines([face.mouth_line], 0.002, 0.0016), (0.5, 0.6, 0.6))
    canvas.bump += 9 * ridges
    canvas.darken(-ridges, (0.04, 0.04, 0.04))
    canvas.gloss += mask * (gloss - canvas.gloss)
    return mask


def paint_make_up(canvas: SkinCanvas, face: FaceMap, traits: Traits) -> None:
    """Eye shadow, liner and blush; bare faces get the dark line that lashes draw along the lids."""
    make_up, albedo = traits.make_up, np.array(traits.skin.albedo)
    liner = 0.3
    if make_up:
        liner = 0.3 + 0.6 * make_up.liner
        for lid, eye in zip(face.upper_lids, face.eyes, strict=True):
            u, v = lid.mean(axis=0)
            above = canvas.spot((float(u), float(v) + 0.02), (0.05, 0.02))
            canvas.paint(above * make_up.lids_amount, np.array(make_up.lids) / albedo)
            cheek = 0.5 + (eye.mean(axis=0)[0] - 0.5) * 1.5, face.nose_base[1] + 0.05
            blush = canvas.spot((float(cheek[0]), float(cheek[1])), (0.07, 0.05))
            canvas.paint(blush * make_up.blush_amount * 0.6, np.array(make_up.blush) / albedo)
    canvas.darken(canvas.lines(face.upper_lids, 0.004, 0.0016), (liner, liner, liner))
    canvas.darken(canvas.lines(face.lower_lids, 0.003, 0.0015), (liner / 3, liner / 3, liner / 3))
