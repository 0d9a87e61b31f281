"""What a face does, read off finished frames by the face analyzer, and how well one performance follows another."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from megactor.faces import measures
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import Face

MEASURES = ("mouth", "lids", "smile", "yaw", "pitch", "gaze")
"""Columns of a performance; smile is the mouth's width, gaze its horizontal part."""

LEAST_SPREAD = {"mouth": 0.008, "lids": 0.02, "smile": 0.02, "yaw": 0.03, "pitch": 0.01, "gaze": 0.015}
"""Standard deviation below which a track counts as still: its correlation and amplitude would be those of noise.

Three and a half to seven times what the analyzer's readings tremble from frame to frame (median of 14 videos of people:
0.0014, 0.0055, 0.0046, 0.0045, 0.0020, 0.0044), so noise makes a spread at the limit at most 4 % larger.
"""

_LEAST_FRAMES = 4
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
    found: list[Face | None] = []
    last: np.ndarray | None = None
    for frame in frames:
        if last is not None and np.array_equal(frame, last):  # still pictures, and videos with doubled frames
            found.append(found[-1])
            continue
        last = frame
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
        result: (F, len(MEASURES)) from `performance`; see `_paired` for frames without a face.
        drive: the same of the truth or of the driver.

    Returns:
        Measure -> r; NaN where the drive is still (`LEAST_SPREAD`) or fewer than four frames can be compared.
    """
    return _where_it_moves(correlations(result, drive), drive)


def amplitudes(result: np.ndarray, drive: np.ndarray) -> dict[str, float]:
    """How large each measure's motion is beside the drive's: the ratio of their standard deviations over the clip.

    What r cannot tell: a mouth that opens half as far, at the right moments, has an r of 1 and an amplitude of 0.5.
    A face that trembles has a large amplitude, too: r and `stability.jitter` tell that.

    Args:
        result: (F, len(MEASURES)) from `performance`; see `_paired` for frames without a face.
        drive: the same of the driver.

    Returns:
        Measure -> ratio, 1 for motion of the drive's size, 0 for none; NaN where the drive is still (`LEAST_SPREAD`) or
        fewer than four frames can be compared.
    """
    ratios = {}
    for column, name in enumerate(MEASURES):
        a, b = _paired(result[:, column], drive[:, column])
        ratios[name] = float(a.std() / b.std()) if len(a) >= _LEAST_FRAMES and b.std() > 0 else float("nan")
    return _where_it_moves(ratios, drive)


def correlations(result: np.ndarray, drive: np.ndarray) -> dict[str, float]:
    """Pearson's r of each measure, in whatever units, over the frames in which the drive knows it.

    Returns:
        Measure -> r; NaN where fewer than four frames can be compared or the drive does not move at all, 0 where only
        the result does not: a still face follows nothing.
    """
    found = {}
    for column, name in enumerate(MEASURES):
        a, b = _paired(result[:, column], drive[:, column])
        if len(a) < _LEAST_FRAMES or b.std() < 1e-9:
            found[name] = float("nan")
        else:
            found[name] = float(np.corrcoef(a, b)[0, 1]) if a.std() >= 1e-9 else 0.0
    return found


def _where_it_moves(values: dict[str, float], drive: np.ndarray) -> dict[str, float]:
    """NaN in place of what is measured against a drive that keeps still."""
    known = {name: track[np.isfinite(track)] for name, track in zip(MEASURES, drive.T, strict=True)}
    moves = {name: len(track) > 0 and track.std() >= LEAST_SPREAD[name] for name, track in known.items()}
    return {name: value if moves[name] else float("nan") for name, value in values.items()}


def _paired(result: np.ndarray, drive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One measure in the frames in which the drive knows it.

    A frame in which the result shows no face counts as one in which it does nothing (its mean over the clip): left out,
    whoever loses the face where it moves most would gain by it.
    """
    known = np.isfinite(drive)
    a, seen = result[known], np.isfinite(result[known])
    return np.where(seen, a, a[seen].mean() if seen.any() else 0.0), drive[known]


def _measure(face: Face) -> list[float]:
    return [
        measures.mouth_opening(face),
        float(np.mean(measures.eye_opening(face))),
        measures.mouth_width(face),
        measures.head_yaw(face),
        measures.head_pitch(face),
        measures.gaze(face)[0],
    ]
