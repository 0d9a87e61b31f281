"""The newest item and nothing else: who takes slowly skips, and nothing ever waits in a line."""

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Latest(Generic[Item]):
    """A place for one item, for threads.

    Attributes:
        skipped: items that were replaced before anybody took them.
        closed: nothing more comes in.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: Item | None = None
        self.closed = False
        self.skipped = 0

    def put(self, item: Item) -> None:
        """Replaces what is there; never waits. Behind `close` nothing is kept."""
        with self._changed:
            if self.closed:
                return
            self.skipped += self._item is not None
            self._item = item
            self._changed.notify()

    def take(self, timeout: float | None = None) -> Item | None:
        """Waits for an item and takes it away.

        Args:
            timeout: seconds at most; None waits as long as it takes.

        Returns:
            The item; None when it is closed, or when none came in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self.closed, timeout)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Takes nothing more in; what is there can still be taken."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
