"""Wrinkles: the forehead's, crow's feet, frown lines, folds from nose to mouth, lines under the eyes."""

import numpy as np

from megactor.synth.identity.canvas import SkinCanvas
from megactor.synth.identity.face_map import FaceMap
from megactor.synth.identity.traits import Traits
from megactor.synth.streams import stream

_DEPTH, _SHADE = 42.0, (0.3, 0.4, 0.4)
"""What a wrinkle of strength 1 takes from the bump's height, and how dark it is."""


def paint_wrinkles(canvas: SkinCanvas, face: FaceMap, traits: Traits) -> None:
    """Carves this person's wrinkles; everybody has a trace of the folds beside the nose."""
    rng = stream(traits.seed, "wrinkles")
    amount = traits.skin.wrinkles
    folds = [nose_fold(face, side) for side in (-1, 1)]
    carved = canvas.lines(folds, 0.004, 0.005) * (rng.uniform(0.1, 0.35) + 0.5 * amount)
    lines = rng.uniform(0.5, 1, 4)  # drawn for everybody, so that one person ages without being dealt anew
    forehead = forehead_lines(face, rng)
    if amount > 0.05:
        carved += canvas.lines(forehead, 0.002, 0.002) * amount * lines[0]
        carved += canvas.lines(crows_feet(face), 0.001, 0.0012) * amount * lines[1]
        carved += canvas.lines(frown_lines(face), 0.002, 0.002) * amount * lines[2] * 0.6
        carved += canvas.lines(_under_eye_lines(face), 0.0015, 0.0016) * amount * lines[3] * 0.8
        carved += canvas.lines([mouth_corner(face, side) for side in (-1, 1)], 0.003, 0.004) * amount * 0.5
    canvas.bump -= carved * _DEPTH
    canvas.darken(carved, _SHADE)


def nose_fold(face: FaceMap, side: int) -> np.ndarray:
    """(14, 2) uv path from the nose's wing to beside the mouth; side -1 is the person's right."""
    t = np.linspace(0, 1, 14)
    start = face.nose_base + np.array([side * 0.058, 0.034])
    return start + np.stack([side * 0.075 * t**0.9, -0.16 * t**1.3], axis=1)


def mouth_corner(face: FaceMap, side: int) -> np.ndarray:
    """(8, 2) uv path from a corner of the mouth down."""
    corner = face.mouth[0 if side < 0 else 6]
    t = np.linspace(0, 1, 8)
    return corner + np.stack([side * (0.012 + 0.012 * t), -0.008 - 0.07 * t], axis=1)


def forehead_lines(face: FaceMap, rng: np.random.Generator) -> list[np.ndarray]:
    """Three uv paths (20, 2) over the brows."""
    u = np.linspace(-0.18, 0.18, 20)
    height = max(float(brow[:, 1].max()) for brow in face.brows) + 0.035
    paths = []
    for line in range(3):
        wave = 0.012 * np.sin(u * 8 + rng.normal(0, 0.4)) + rng.normal(0, 0.0015, 20)
        reach = rng.uniform(0.7, 1.0)
        paths.append(np.stack([0.5 + u * reach, height + 0.03 * line + wave], axis=1))
    return paths


def crows_feet(face: FaceMap) -> list[np.ndarray]:
    """Four uv paths (8, 2) beside the person's right eye, then four beside the left."""
    t = np.linspace(0, 1, 8)
    paths = []
    for side, eye in zip((-1, 1), face.eyes, strict=True):
        corner = eye[0 if side < 0 else 3]
        for line in (-1.5, -0.5, 0.5, 1.5):
            paths.append(corner + np.stack([side * (0.025 + 0.05 * t), line * (0.006 + 0.016 * t)], axis=1))
    return paths


def frown_lines(face: FaceMap) -> list[np.ndarray]:
    """Two uv paths (8, 2) between the brows, the person's right first."""
    t = np.linspace(-1, 1, 8)
    paths = []
    for side, brow in zip((-1, 1), face.brows, strict=True):
        paths.append(np.stack([0.5 + side * (0.018 + 0.006 * t), brow[0, 1] + 0.01 + 0.025 * t], axis=1))
    return paths


def _under_eye_lines(face: FaceMap) -> list[np.ndarray]:
    t = np.linspace(-1, 1, 12)
    return [
        eye.mean(axis=0) + np.stack([0.045 * t, -0.028 + 0.012 * t**2 - depth], axis=1)
        for eye in face.eyes
        for depth in (0.0, 0.014)
    ]
