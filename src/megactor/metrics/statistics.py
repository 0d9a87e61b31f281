"""Means and medians over clips, and how sure they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

LEAST_CLIPS = 6
"""Clips below which there is no interval: of fewer values a bootstrap knows too little.

Plain percentile intervals of 2 clips hold the true mean in half of all cases, not in 95 %; of 5 in 82 %. Expanded ones
(`_tail`) of 6 clips in 94 % where values are normal and 90 % where they are as skew as those of a lognormal with sigma
0.5; of 5 in 92 and 88 %.
"""

_RESAMPLINGS, _SEED = 2000, 0


@dataclass(frozen=True)
class Estimate:
    """Mean, or median, over clips with its 95 % confidence interval.

    mean: the center, NaN where no clip had a value.
    low, high: NaN where fewer than `LEAST_CLIPS` had one.
    count: clips that had one.
    """

    mean: float
    low: float
    high: float
    count: int

    @property
    def has_interval(self) -> bool:
        """Whether there were clips enough for one."""
        return self.count >= LEAST_CLIPS

    def excludes(self, value: float) -> bool:
        """Whether the interval is known and does not hold a value."""
        return self.has_interval and not self.low <= value <= self.high

    def __str__(self) -> str:
        """Such as "22.41 (21.90 to 22.93)"."""
        if not self.count:
            return "-"
        if not self.has_interval:
            return f"{self.mean:.3g} (too few clips for an interval)"
        return f"{self.mean:.3g} ({self.low:.3g} to {self.high:.3g})"


def estimate(values: Sequence[float], median: bool = False) -> Estimate:
    """Center and bootstrap interval over clips, always with the same resamplings; NaNs are left out.

    Args:
        values: one for each clip.
        median: for ratios, of which a few large ones would rule the mean.
    """
    known = np.array([value for value in values if np.isfinite(value)])
    center = np.median if median else np.mean
    return bootstrap(len(known), lambda chosen: center(known[chosen], axis=-1))


def bootstrap(count: int, figure: Callable[[np.ndarray], np.ndarray]) -> Estimate:
    """Expanded percentile bootstrap (Efron, 1979; Hesterberg, 2015) of whatever figure is made of clips.

    Args:
        count: clips.
        figure: (..., count) numbers of clips, drawn with replacement -> (...) figures.
    """
    if count == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    middle = float(figure(np.arange(count)))
    if count < LEAST_CLIPS:
        return Estimate(middle, float("nan"), float("nan"), count)
    chosen = np.random.default_rng(_SEED).integers(count, size=(_RESAMPLINGS, count))
    tail = _tail(count)
    low, high = np.percentile(figure(chosen), [100 * tail, 100 * (1 - tail)])
    return Estimate(middle, float(low), float(high), count)


def _tail(count: int) -> float:
    """Share of the resamplings beyond each end of the interval.

    Resamplings of n values spread less than their mean does, by sqrt((n - 1) / n), and know the spread of n values
    only: Student's t in place of the normal quantile, here by its expansion (Fisher and Cornish, 1960).
    """
    z, freedom = NormalDist().inv_cdf(0.975), count - 1
    t = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return NormalDist().cdf(-t * (count / (count - 1)) ** 0.5)
