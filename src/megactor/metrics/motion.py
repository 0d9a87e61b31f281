"""What a face does, read off finished frames by the face analyzer, and how well one performance follows another."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from megactor.faces import measures
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import Face

MEASURES = ("mouth", "lids", "yaw", "pitch", "gaze")
"""Columns of a performance; gaze is its horizontal part."""

LEAST_SPREAD = {"mouth": 0.008, "lids": 0.02, "yaw": 0.03, "pitch": 0.01, "gaze": 0.015}
"""Standard deviation below which a track counts as still: its correlation would be one of noise."""

_READ_AT = 384
"""Side at which pictures are read: the analyzer's own grid is coarse for smaller ones."""


def find_faces(analyzer: FaceAnalyzer, frames: Iterable[np.ndarray]) -> list[Face | None]:
    """The largest face of every frame, in its pixels.

    Args:
        analyzer: finds faces.
        frames: F uint8 pictures (H, W, 3).

    Returns:
        F faces, None where there is none.
    """
    found = []
    for frame in frames:
        scale = max(_READ_AT / max(frame.shape[:2]), 1)
        large = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) if scale > 1 else frame
        faces = analyzer.faces(large)
        found.append(faces[0].moved(1 / scale, (0, 0)) if faces else None)
    return found


def performance(faces: Sequence[Face | None]) -> np.ndarray:
    """Measures faces: (F, len(MEASURES)), rows of NaN where there is none."""
    rows = [[np.nan] * len(MEASURES) if face is None else _measure(face) for face in faces]
    return np.array(rows, float).reshape(-1, len(MEASURES))


def found_rate(faces: Sequence[Face | None]) -> float:
    """Share of the frames in which a face was found."""
    return float(np.mean([face is not None for face in faces]))


def follows(result: np.ndarray, drive: np.ndarray) -> dict[str, float]:
    """Pearson's r of each measure between two performances read by the same analyzer.

    Args:
        result: (F, len(MEASURES)) from `performance`.
        drive: the same of the truth or of the driver.

    Returns:
        Measure -> r; NaN where the drive is still (`LEAST_SPREAD`) or fewer than four frames can be compared.
    """
    moves = {name: _spread(drive[:, i], result[:, i]) >= LEAST_SPREAD[name] for i, name in enumerate(MEASURES)}
    return {name: r if moves[name] else float("nan") for name, r in correlations(result, drive).items()}


def correlations(result: np.ndarray, drive: np.ndarray) -> dict[str, float]:
    """Pearson's r of each measure, in whatever units, over frames in which both know it.

    Returns:
        Measure -> r; NaN where fewer than four frames can be compared or the drive does not move at all, 0 where only
        the result does not: a still face follows nothing.
    """
    found = {}
    for column, name in enumerate(MEASURES):
        both = np.isfinite(result[:, column]) & np.isfinite(drive[:, column])
        a, b = result[both, column], drive[both, column]
        if len(a) < 4 or b.std() < 1e-9:
            found[name] = float("nan")
        else:
            found[name] = float(np.corrcoef(a, b)[0, 1]) if a.std() >= 1e-9 else 0.0
    return found


def _spread(track: np.ndarray, other: np.ndarray) -> float:
    """Standard deviation over the frames that are known in both."""
    both = np.isfinite(track) & np.isfinite(other)
    return float(track[both].std()) if both.any() else 0.0


def _measure(face: Face) -> list[float]:
    return [
        measures.mouth_opening(face),
        float(np.mean(measures.eye_opening(face))),
        measures.head_yaw(face),
        measures.head_pitch(face),
        measures.gaze(face)[0],
    ]
