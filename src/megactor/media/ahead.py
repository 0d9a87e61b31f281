"""Files are read and written in threads of their own while the networks compute."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

Item = TypeVar("Item")

_END: Final[Any] = object()


def read_ahead(items: Iterable[Item], size: int) -> Generator[Item]:
    """The same items in the same order, taken by a thread before they are asked for.

    The thread starts with the first item that is asked for, and has ended when the generator has: close it where it may
    be left early (`contextlib.closing`).

    Args:
        items: Any iterable; what it raises is raised here, when all items before are through.
        size: How many items wait at most.
    """
    source = iter(items)
    thread = ThreadPoolExecutor(1, thread_name_prefix="megactor-read")
    try:
        waiting = deque(thread.submit(next, source, _END) for _ in range(size))
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(thread.submit(next, source, _END))
            yield item
    finally:
        thread.shutdown(cancel_futures=True)
        if isinstance(source, Generator):
            source.close()


class WriteBehind(Generic[Item]):
    """Calls a function with one item after the other in a thread, and returns at once.

    Use it as a context manager: at the end of the block all items are written, after an error those that wait are
    dropped, and the thread has ended in any case.

    Args:
        write: Takes an item; nobody else may change it any more. What it raises is raised by a later call or by the end
            of the block.
        size: How many items wait at most; one more has to wait itself.
    """

    def __init__(self, write: Callable[[Item], None], size: int) -> None:
        self._write = write
        self._size = size
        self._waiting: deque[Future[None]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="megactor-write")

    def __enter__(self) -> Self:
        return self

    def __call__(self, item: Item) -> None:
        """Hands an item over."""
        while self._waiting and (len(self._waiting) >= self._size or self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._write, item))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            while error is None and self._waiting:
                self._waiting.popleft().result()
        finally:
            self._thread.shutdown(cancel_futures=True)
