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
class Fallback:
    """A way to need less memory.

    Attributes:
        message: What is done and what it costs, for the user.
        apply: Does it.
    """

    message: str
    apply: Callable[[], None]


class MemoryGuard:
    """Runs calls, and runs them again after the next fallback when the device has no memory left.

    A call must change nothing before it has succeeded: it may run several times.

    Args:
        fallbacks: The cheapest first; each is taken at most once.
        say: Told in one line of every fallback.
    """

    def __init__(self, fallbacks: Iterable[Fallback] = (), say: Callable[[str], None] | None = None) -> None:
        self._fallbacks = list(fallbacks)
        self._say = say

    def try_first(self, fallback: Fallback) -> None:
        """Adds a fallback that is cheaper than all others."""
        self._fallbacks.insert(0, fallback)

    def __call__(self, call: Callable[[], Result], own: Fallback | None = None) -> Result:
        """The call's result.

        Args:
            call: What needs memory.
            own: A fallback that only helps this call, taken before all others.

        Raises:
            torch.OutOfMemoryError: There was no memory left after the last fallback.
        """
        fallbacks = [own] if own else self._fallbacks
        while True:
            try:
                return call()
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                if not fallbacks:
                    raise
                fallback, fallbacks = fallbacks.pop(0), self._fallbacks
            # only here: while the exception lives, its traceback holds the tensors of the failed call
            gc.collect()
            clear_device_cache()
            if self._say is not None:
                self._say(f"out of memory on the device: {fallback.message}")
            fallback.apply()


def _out_of_memory(error: RuntimeError) -> bool:
    # accelerate looks for words in the first argument, whatever that is
    return isinstance(error, torch.OutOfMemoryError) or should_reduce_batch_size(RuntimeError(str(error)))
