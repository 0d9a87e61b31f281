"""From rows to means with confidence intervals, for the whole suite and its parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from megactor.evaluation.case import CaseId
from megactor.evaluation.definitions import METRICS
from megactor.evaluation.regions import RegionFigure, region_difference, region_figures
from megactor.evaluation.rows import Row
from megactor.metrics.statistics import Estimate, estimate

Figures = dict[str, dict[str, Estimate]]
"""System -> metric -> estimate."""


@dataclass(frozen=True)
class Summary:
    """All that a report says, in numbers.

    suite: its name.
    systems: names in the order of columns, the judged one first.
    rows: every result of the cases asked for, by case and system.
    keys: cases that were judged, in order.
    skipped: case -> why it could not be made.
    parts: part of the suite -> figures.
    not_measured: metric -> why.
    """

    suite: str
    systems: list[str]
    rows: dict[str, dict[str, dict[str, float]]]
    keys: list[CaseId]
    skipped: dict[str, str]
    parts: dict[str, Figures]
    not_measured: dict[str, str]

    @property
    def has_truth(self) -> bool:
        """Whether results were compared with true frames."""
        return "truth" in self.systems

    def estimates(self, keys: Sequence[CaseId], system: str, metric: str) -> Estimate:
        """Of one system over some cases."""
        return estimate([self.value(key, system, metric) for key in keys], METRICS[metric].median)

    def value(self, key: CaseId, system: str, metric: str) -> float:
        """Of one result, NaN where it has none."""
        return self.rows[key.name].get(system, {}).get(metric, float("nan"))

    def difference(self, part: str, other: str, metric: str) -> Estimate:
        """The first system's value less another's, on the same clips."""
        pairs = self._pairs(part, other, metric)
        return estimate([value - rival for value, rival in pairs], METRICS[metric].median)

    def lead(self, part: str, other: str, metric: str) -> int:
        """Whether the first system is better (1) or worse (-1) than another on the same clips; 0: not sure at 95 %."""
        gains = [METRICS[metric].gain(value, rival) for value, rival in self._pairs(part, other, metric)]
        paired = estimate(gains, METRICS[metric].median)
        return int(np.sign(paired.mean)) if paired.excludes(0) else 0

    def _pairs(self, part: str, other: str, metric: str) -> list[tuple[float, float]]:
        keys = self.members(part)
        pairs = [(self.value(key, self.systems[0], metric), self.value(key, other, metric)) for key in keys]
        return [pair for pair in pairs if np.isfinite(pair).all()]

    def regions(self) -> dict[str, dict[str, RegionFigure]]:
        """System -> region -> figure, over all cases; empty where no renderer knows the regions."""
        figures = {name: region_figures(self._clips(name)) for name in self.systems}
        return {name: row for name, row in figures.items() if row}

    def region_difference(self, other: str, region: str) -> Estimate:
        """PSNR of the first system less another's in a region, on the same clips."""
        return region_difference(self._clips(self.systems[0]), self._clips(other), region)

    def _clips(self, system: str) -> list[dict[str, float]]:
        return [self.rows[key.name].get(system, {}) for key in self.keys]

    def members(self, part: str) -> list[CaseId]:
        """Cases of a part."""
        return [key for key in self.keys if _PARTS[part](key)]

    def worst_first(self) -> list[CaseId]:
        """By the first system's gain in PSNR, or its expression distance where there is no truth; unread faces lead."""
        system = self.systems[0]

        def badness(key: CaseId) -> float:
            value = -self.value(key, system, "psnr_gain") if self.has_truth else self.value(key, system, "aed")
            return float("inf") if np.isnan(value) else value

        return sorted(self.keys, key=lambda key: (-badness(key), key.name))


_PARTS: dict[str, Callable[[CaseId], bool]] = {
    "cross": lambda key: key.cross,
    "self": lambda key: not key.cross,
    "cross, photo": lambda key: key.cross and key.style == "photo",
    "cross, drawn": lambda key: key.cross and key.style not in ("photo", "-"),
}


def summarize(
    suite: str, systems: list[str], keys: list[CaseId], rows: Sequence[Row], not_measured: dict[str, str]
) -> Summary:
    """Sorts rows by case and estimates the means of every part.

    Args:
        suite: its name.
        systems: whose rows count, the judged one first.
        keys: whose rows count.
        rows: of a run's folder.
        not_measured: metric -> why.
    """
    wanted = {key.name for key in keys}
    skipped = {row.key.name: row.skipped for row in rows if row.skipped and row.key.name in wanted}
    table: dict[str, dict[str, dict[str, float]]] = {key.name: {} for key in keys if key.name not in skipped}
    for row in rows:
        if row.key.name in table and row.system in systems:
            table[row.key.name][row.system] = row.metrics
    judged = [key for key in keys if key.name in table]
    summary = Summary(suite, systems, table, judged, skipped, {}, not_measured)
    sizes = {part: len(summary.members(part)) for part in _PARTS}
    for part, size in sizes.items():
        whole = part.split(",")[0]
        if size and (part == whole or size < sizes[whole]):
            summary.parts[part] = _figures(summary, summary.members(part))
    return summary


def _figures(summary: Summary, keys: list[CaseId]) -> Figures:
    figures: Figures = {}
    for system in summary.systems:
        estimates = {metric: summary.estimates(keys, system, metric) for metric in METRICS}
        figures[system] = {metric: value for metric, value in estimates.items() if value.count}
    return figures
