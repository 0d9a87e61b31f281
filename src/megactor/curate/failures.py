"""Errors of ours: told with an example, and not taken for a property of the material."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

AGAIN = ("failed", "crashed")
"""Reasons that speak of the program: they may be gone in another run, which tries again."""

ENOUGH = 50
"""Failures for one cause from which a run stops early, if they are most of what it did."""


@dataclass(frozen=True)
class Failures:
    """What failed for the most frequent cause.

    count: how many clips or sources.
    example: name of the first one and its error; empty without failures.
    """

    count: int = 0
    example: str = ""

    def most_of(self, done: int) -> bool:
        """Whether that is more than half of everything."""
        return 2 * self.count > done

    def message(self, done: int) -> str:
        """One line that says so."""
        return f"{self.count} of {done} failed for the same cause, which is a fault of this program: {self.example}"


class FailureCount:
    """Failures by cause, as they come."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, name: str, detail: str) -> None:
        """Takes one in: the name of a source and the error."""
        cause = re.sub(r"\d+", "0", detail)  # sizes and places differ from clip to clip
        self._counts[cause] += 1
        self._examples.setdefault(cause, f"{name}: {detail}")

    def most(self) -> Failures:
        """Of the most frequent cause."""
        if not self._counts:
            return Failures()
        ((cause, count),) = self._counts.most_common(1)
        return Failures(count, self._examples[cause])


def most_failures(records: Iterable[Mapping[str, Any]], reasons: Iterable[str] = AGAIN) -> Failures:
    """The most frequent cause among records of clips or of sources.

    Args:
        records: as `store.Store` keeps them.
        reasons: which of their reasons count.
    """
    wanted, found = set(reasons), FailureCount()
    for record in records:
        if record["reason"] in wanted:
            source = record["plan"]["source"] if "plan" in record else record["source"]
            found.add(source["name"], record["detail"])
    return found.most()
