"""What happens when the device runs out of memory: the same call again, with less in it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import torch
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

Result = TypeVar("Result")


@dataclass(frozen=True)
class Measure:
    """A way to need less memory.

    Attributes:
        words: What is done and what it costs, for the user.
        take: Does it.
    """

    words: str
    take: Callable[[], None]


class MemoryGuard:
    """Runs calls, and runs them again after the next measure when the device has no memory left.

    A call must change nothing before it has succeeded: it may run several times.

    Args:
        measures: The cheapest first; each is taken at most once.
        say: Told in one line of every measure.
    """

    def __init__(self, measures: Iterable[Measure] = (), say: Callable[[str], None] | None = None) -> None:
        self._measures = list(measures)
        self._say = say

    def try_first(self, measure: Measure) -> None:
        """Adds a measure that is cheaper than all others."""
        self._measures.insert(0, measure)

    def __call__(self, call: Callable[[], Result], own: Measure | None = None) -> Result:
        """The call's result.

        Args:
            call: What needs memory.
            own: A measure that only helps this call, taken before all others.

        Raises:
            torch.OutOfMemoryError: There was no memory left after the last measure.
        """
        measures = [own] if own else self._measures
        while True:
            try:
                return call()
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                if not measures:
                    raise
                measure, measures = measures.pop(0), self._measures
            # only here: while the exception lives, its traceback holds the tensors of the failed call
            gc.collect()
            clear_device_cache()
            if self._say is not None:
                self._say(f"out of memory on the device: {measure.words}")
            measure.take()


def _out_of_memory(error: RuntimeError) -> bool:
    # accelerate looks for words in the first argument, whatever that is
    return isinstance(error, torch.OutOfMemoryError) or should_reduce_batch_size(RuntimeError(str(error)))
