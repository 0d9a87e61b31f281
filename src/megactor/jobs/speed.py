"""How long it will take, from how fast it goes."""

import time
from collections.abc import Callable, Mapping

from megactor.jobs.job import Progress

_CAUTION = 1.25
"""Factor on speeds of earlier jobs: the machine may be busier today, and a promise may shrink but not grow."""
_MEASURED_FOR = 0.5
"""Seconds from which on a stage's own speed is believed."""


class Meter:
    """Measures the stages of one job.

    Args:
        costs: the stages in their order, and what a part of each costs beside the others, roughly.
        paces: seconds a part of stages of earlier jobs of the same kind.
        clock: seconds, monotonic.
    """

    def __init__(
        self, costs: Mapping[str, float], paces: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._costs, self._earlier, self._clock = costs, paces, clock
        self._began = dict.fromkeys(list(costs)[:1], clock())
        self._counts: dict[str, tuple[int, int | None]] = {}
        self._last = clock()
        self._share = 0.0
        self._left: float | None = None

    def count(self, stage: str, done: int, total: int | None) -> None:
        """`done` parts of `total` are done in a stage."""
        if stage not in self._costs:
            return
        self._began.setdefault(stage, self._last)
        self._counts[stage] = done, total
        self._last = self._clock()

    def progress(self) -> Progress:
        """How far the job is by what was counted until now."""
        if not self._counts:
            return Progress(stage=next(iter(self._costs), ""))
        stage = next(name for name in reversed(list(self._costs)) if name in self._counts)
        done, total = self._counts[stage]
        paces = {name: self._pace(name) for name in self._costs}
        known = [pace for pace in paces.values() if pace is not None]
        if total and len(known) == len(paces):
            ahead = self._sum(stage, done, total, {name: pace or 0.0 for name, pace in paces.items()})
            self._left = ahead if self._left is None else min(self._left, ahead)
        if total:
            weights = {name: pace or self._costs[name] * self._unit(paces) for name, pace in paces.items()}
            ahead = self._sum(stage, done, total, weights)
            spent = self._last - next(iter(self._began.values()))
            if spent + ahead > 0:
                self._share = max(self._share, min(spent / (spent + ahead), 1.0))
        return Progress(stage, done, total, self._share, self._left)

    def paces(self) -> dict[str, float]:
        """Seconds a part of every stage that was done to its end."""
        ends = [*list(self._began.values())[1:], self._last]
        return {
            name: (end - began) / self._counts[name][0]
            for (name, began), end in zip(self._began.items(), ends, strict=True)
            if self._counts.get(name, (0, None))[0] > 0
        }

    def _sum(self, stage: str, done: int, total: int, paces: Mapping[str, float]) -> float:
        """Seconds that are left; stages that have not begun have as many parts as this one."""
        names = list(self._costs)
        later = names[names.index(stage) + 1 :]
        return max(total - done, 0) * paces[stage] + sum(total * paces[name] for name in later)

    def _pace(self, stage: str) -> float | None:
        done, total = self._counts.get(stage, (0, None))
        spent = self._last - self._began.get(stage, self._last)
        if done and (spent >= _MEASURED_FOR or done == total):
            return spent / done
        return self._earlier[stage] * _CAUTION if stage in self._earlier else None

    def _unit(self, paces: Mapping[str, float | None]) -> float:
        """Seconds of a cost of one, from the first stage whose speed is known."""
        return next((pace / self._costs[name] for name, pace in paces.items() if pace), 1e-3)
