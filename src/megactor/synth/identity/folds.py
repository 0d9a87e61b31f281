"""Wrinkles that come with an expression: where skin folds when brows rise, eyes narrow, the mouth smiles."""

from collections.abc import Sequence

import numpy as np

from megactor.synth.anatomy.subject import Fold
from megactor.synth.brushes.noise import smooth_noise
from megactor.synth.identity.canvas import SkinCanvas
from megactor.synth.identity.face_map import FaceMap
from megactor.synth.identity.traits import Traits
from megactor.synth.identity.wrinkles import crows_feet, forehead_lines, frown_lines, mouth_corner, nose_fold
from megactor.synth.streams import stream

_EDGE = 0.02
"""What of a mask's strength is too faint to be kept."""


def expression_folds(landmark_uvs: np.ndarray, traits: Traits, size: int) -> tuple[Fold, ...]:
    """The folds of this person, deeper with age; each side of the face has its own.

    Args:
        landmark_uvs: (68, 2) of the bust.
        traits: whose face; `traits.folds` says how deep.
        size: of the skin texture.
    """
    if traits.folds == 0:
        return ()
    canvas, face = SkinCanvas(size), FaceMap(landmark_uvs)
    rng = stream(traits.seed, "expression folds")
    depth = traits.folds * (0.45 + 0.55 * traits.skin.wrinkles)
    forehead, corners, grooves = forehead_lines(face, rng), crows_feet(face), frown_lines(face)
    folds = []
    for side, number in (("R", 0), ("L", 1)):
        sign = -1 if side == "R" else 1
        feet = corners[4 * number : 4 * number + 4]
        groups: list[tuple[np.ndarray, dict[str, float]]] = [
            (
                canvas.lines(forehead, 0.003, 0.0035) * _half(canvas, sign),
                {f"browInnerUp_{side}": 0.7, f"browOuterUp_{side}": 0.6},
            ),
            (canvas.lines([grooves[number]], 0.004, 0.004), {f"browDown_{side}": 1.0}),
            (
                canvas.lines(feet, 0.0018, 0.002),
                {f"cheekSquint_{side}": 0.8, f"eyeSquint_{side}": 0.6, f"mouthSmile_{side}": 0.25},
            ),
            (
                canvas.lines([nose_fold(face, sign)], 0.007, 0.007),
                {f"mouthSmile_{side}": 0.9, f"noseSneer_{side}": 0.8, f"mouthUpperUp_{side}": 0.5},
            ),
            (
                canvas.lines([mouth_corner(face, sign)], 0.005, 0.006),
                {f"mouthFrown_{side}": 0.9, f"mouthStretch_{side}": 0.5, f"mouthDimple_{side}": 0.6},
            ),
            (canvas.lines(_nose_lines(face, sign), 0.002, 0.0025), {f"noseSneer_{side}": 1.0}),
        ]
        for mask, shapes in groups:
            folds.append(_fold(_full(mask) * depth * rng.uniform(0.6, 1.0), shapes))
    chin = canvas.spot((float(face.chin[0]), float(face.chin[1]) + 0.035), (0.05, 0.035))
    pits = np.clip(smooth_noise(rng, size, [70], [1.0]), 0, 1.5) / 1.5
    folds.append(_fold(0.8 * depth * chin * pits, {"mouthShrugLower": 1.0, "mouthPress_L": 0.3, "mouthPress_R": 0.3}))
    lips = canvas.lines(_lip_lines(face), 0.0018, 0.002)
    folds.append(_fold(0.7 * depth * _full(lips), {"mouthPucker": 1.0, "mouthFunnel": 0.4}))
    return tuple(folds)


def _full(mask: np.ndarray) -> np.ndarray:
    """The mask, 1 where it is strongest; lines too thin for a small texture leave nothing, and stay nothing."""
    peak = mask.max()
    return mask / peak if peak > 0 else mask


def _fold(mask: np.ndarray, shapes: dict[str, float]) -> Fold:
    """The part of a mask that is not empty."""
    rows, columns = (np.flatnonzero((mask > _EDGE).any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        rows = columns = np.zeros(1, int)
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Fold(
        mask=np.round(np.clip(part, 0, 1) * 255).astype(np.uint8),
        row=int(rows[0]),
        column=int(columns[0]),
        shapes=tuple(shapes.items()),
    )


def _half(canvas: SkinCanvas, sign: int) -> np.ndarray:
    """(1, S) 1 on one side of the face, melting into 0 on the other."""
    u, _ = canvas.axes()
    return 1 / (1 + np.exp(-sign * (u - 0.5) / 0.02))


def _nose_lines(face: FaceMap, sign: int) -> Sequence[np.ndarray]:
    """Short lines on the side of the nose's bridge."""
    t = np.linspace(0, 1, 6)
    top = np.mean([eye.mean(axis=0) for eye in face.eyes], axis=0)
    return [top + np.stack([sign * (0.006 + 0.022 * t), -0.012 - 0.016 * line + 0.02 * t], axis=1) for line in range(3)]


def _lip_lines(face: FaceMap) -> Sequence[np.ndarray]:
    """Short lines that run towards the lips."""
    middle = face.mouth.mean(axis=0)
    t = np.linspace(1.12, 1.4, 5)[:, None]
    return [middle + (point - middle) * t for point in np.concatenate([face.mouth[1:6], face.mouth[7:12]])]
