"""What a face does, read off finished frames by the face analyzer, and how well one performance follows another."""

from collections.abc import Iterable

import cv2
import numpy as np

from megactor.faces import measures
from megactor.faces.analyzer import FaceAnalyzer

MEASURES = ("mouth", "lids", "yaw", "pitch", "gaze")
"""Columns of `read_motion`; gaze is its horizontal part."""

LEAST_SPREAD = {"mouth": 0.008, "lids": 0.02, "yaw": 0.03, "pitch": 0.01, "gaze": 0.015}
"""Standard deviation below which a track counts as still: its correlation would be one of noise."""

_READ_AT = 384
"""Side at which pictures are read: the analyzer's own grid is coarse for smaller ones."""


def read_motion(analyzer: FaceAnalyzer, frames: Iterable[np.ndarray]) -> np.ndarray:
    """Measures the largest face of every frame.

    Args:
        analyzer: finds faces.
        frames: F uint8 pictures (H, W, 3).

    Returns:
        (F, len(MEASURES)); rows of NaN where no face was found.
    """
    rows = []
    for frame in frames:
        scale = _READ_AT / max(frame.shape[:2])
        large = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) if scale > 1 else frame
        faces = analyzer.faces(large)
        if not faces:
            rows.append([np.nan] * len(MEASURES))
            continue
        face = faces[0]
        rows.append(
            [
                measures.mouth_opening(face),
                float(np.mean(measures.eye_opening(face))),
                measures.head_yaw(face),
                measures.head_pitch(face),
                measures.gaze(face)[0],
            ]
        )
    return np.array(rows, float).reshape(-1, len(MEASURES))


def found_rate(motion: np.ndarray) -> float:
    """Share of the frames of `read_motion` in which a face was found."""
    return float(np.isfinite(motion[:, 0]).mean())


def follows(result: np.ndarray, drive: np.ndarray) -> dict[str, float]:
    """Pearson's r of each measure between two performances, over frames in which both show a face.

    Args:
        result: (F, len(MEASURES)) from `read_motion`.
        drive: the same of the truth or of the driver.

    Returns:
        Measure -> r; NaN where the drive is still or fewer than four frames can be compared.
    """
    both = np.isfinite(result[:, 0]) & np.isfinite(drive[:, 0])
    a, b = result[both], drive[both]
    found = {}
    for column, name in enumerate(MEASURES):
        moves = len(a) >= 4 and b[:, column].std() >= LEAST_SPREAD[name]
        if not moves:
            found[name] = float("nan")
        elif a[:, column].std() < 1e-9:
            found[name] = 0.0  # a still face follows nothing
        else:
            found[name] = float(np.corrcoef(a[:, column], b[:, column])[0, 1])
    return found
