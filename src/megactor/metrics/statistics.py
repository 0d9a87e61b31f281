"""Means over clips and how sure they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLINGS, _SEED = 2000, 0


@dataclass(frozen=True)
class Estimate:
    """Mean over clips with its 95 % confidence interval.

    mean, low, high: NaN where no clip had a value.
    count: clips that had one.
    """

    mean: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        """Such as "22.41 (21.90 to 22.93)"."""
        return f"{self.mean:.3g} ({self.low:.3g} to {self.high:.3g})" if self.count else "-"


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and percentile bootstrap over clips (Efron, 1979), always with the same resamplings; NaNs are left out."""
    known = np.array([value for value in values if np.isfinite(value)])
    if len(known) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    chosen = np.random.default_rng(_SEED).integers(len(known), size=(_RESAMPLINGS, len(known)))
    low, high = np.percentile(known[chosen].mean(axis=1), [2.5, 97.5])
    return Estimate(float(known.mean()), float(low), float(high), len(known))
