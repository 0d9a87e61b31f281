"""Independent pieces of a network's work on a CPU, one core each.

A small network's layers are too short to be shared by several cores: four threads make a layer of nano about twice as
fast, four pieces side by side about 3.3 times (docs/performance.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


class Cores:
    """Runs functions of tensors side by side, without gradients.

    Args:
        count: Cores to use; 1 leaves everything to the calling thread, and PyTorch's own threads in it.
    """

    def __init__(self, count: int = 1) -> None:
        self.count = count

    @classmethod
    def of(cls, device: torch.device) -> Cores:
        """As many as PyTorch would use threads; 1 on a GPU, which shares itself out."""
        return cls(torch.get_num_threads() if device.type == "cpu" else 1)

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """The function's results in order. A single item gets all cores, in the calling thread.

        Raises:
            Exception: what the function raised first, in the order of the items.
        """
        if self.count == 1 or len(items) == 1:
            return [function(item) for item in items]
        return list(self._threads.map(torch.no_grad()(function), items))

    def part(self, items: Iterable[Item], parts: int) -> Generator[Item]:
        """The same items, made with one of so many parts of the cores by PyTorch's own threads.

        For stages that work side by side, each in a thread of its own: the number is that of the thread which asks.
        """
        ours = torch.get_num_threads()
        torch.set_num_threads(max(1, self.count // parts))
        try:
            yield from items
        finally:
            torch.set_num_threads(ours)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        ours, started = torch.get_num_threads(), threading.Barrier(self.count + 1)

        def start() -> None:
            torch.get_num_threads()  # a thread takes over the number for all at its first question, not later
            torch.set_num_threads(1)  # for this thread, and for all that have not asked yet: hence the last line
            started.wait()

        threads = ThreadPoolExecutor(self.count, thread_name_prefix="megactor-core", initializer=start)
        for _ in range(self.count):
            threads.submit(lambda: None)
        started.wait()
        torch.set_num_threads(ours)
        return threads


def grouped(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items and a shorter last one; reads no further than the list it gives."""
    source = iter(items)
    while group := list(islice(source, size)):
        yield group
