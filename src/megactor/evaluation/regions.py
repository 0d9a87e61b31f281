"""Where in the picture the error lies: what the portrait hides must be generated, what it shows must be moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from megactor.metrics.statistics import Estimate, bootstrap

REGIONS = {
    "hidden_person": "person that the portrait hides",
    "hidden_mouth": "- of it inside of the mouth",
    "uncovered_background": "background that the portrait hides",
    "shown_person": "person that the portrait shows",
    "still_background": "background that the portrait shows",
}
"""Regions of true frames and what tables call them; all but the mouth share out the picture."""
WHOLE = tuple(name for name in REGIONS if name != "hidden_mouth")

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class RegionFigure:
    """One system in one region, over all clips.

    psnr: in dB, of the mean squared error over all pixels of the region, so that clips count by their pixels.
    pixels: share of all pixels that lie in the region.
    error: share of the system's whole squared error that lies in the region.
    """

    psnr: Estimate
    pixels: float
    error: float


def region_metrics(result: np.ndarray, truth: np.ndarray, regions: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Each region's mean squared error and share of one clip's pixels.

    Args:
        result: (F, S, S, 3) uint8.
        truth: the same, what should come out.
        regions: (F, S, S) bool by the names of `REGIONS`.

    Returns:
        `mse_NAME` (white = 1, NaN where the region is empty) and `pixels_NAME`.
    """
    squared = np.square((result.astype(np.float32) - truth) / 255).mean(-1)
    metrics = {}
    for name, mask in regions.items():
        metrics[f"mse_{name}"] = float(squared[mask].mean(dtype=np.float64)) if mask.any() else float("nan")
        metrics[f"pixels_{name}"] = float(mask.mean())
    return metrics


def region_figures(clips: Sequence[Metrics]) -> dict[str, RegionFigure]:
    """Pools one system's clips; regions that none of them has are left out.

    Args:
        clips: with what `region_metrics` says of each.
    """
    whole = sum(float(_pooled(clips, name)[0].sum()) for name in WHOLE)
    figures = {}
    for name in REGIONS:
        errors, pixels = _pooled(clips, name)
        if len(pixels):
            psnr = bootstrap(len(pixels), partial(_decibels, errors, pixels))
            share = float(errors.sum()) / whole if whole > 0 else 0.0
            figures[name] = RegionFigure(psnr, float(pixels.sum() / len(clips)), share)
    return figures


def region_difference(clips: Sequence[Metrics], others: Sequence[Metrics], name: str) -> Estimate:
    """By how many dB one system's region is better than another's on the same clips."""
    (errors, pixels), (other_errors, _) = _pooled(clips, name), _pooled(others, name)

    def difference(chosen: np.ndarray) -> np.ndarray:
        return _decibels(errors, pixels, chosen) - _decibels(other_errors, pixels, chosen)

    return bootstrap(len(pixels), difference)


def _pooled(clips: Sequence[Metrics], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Squared error over all of the clip's pixels, and share of them, of the clips that have the region."""
    pixels = np.array([clip.get(f"pixels_{name}", 0.0) for clip in clips])
    errors = np.array([clip.get(f"mse_{name}", float("nan")) for clip in clips]) * pixels
    return errors[pixels > 0], pixels[pixels > 0]


def _decibels(errors: np.ndarray, pixels: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(..., N) numbers of clips -> (...) PSNR of all their pixels."""
    return np.asarray(-10 * np.log10(np.maximum(errors[chosen].sum(-1) / pixels[chosen].sum(-1), 1e-10)))
