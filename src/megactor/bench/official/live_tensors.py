"""Memory of all tensors alive at once, exact and the same on every machine; what a GPU's allocator would count.

`driver.py` imports this file in the Python of the official code: it needs Python 3.9 and torch, and nothing of ours.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class LiveTensors(TorchDispatchMode):
    """Counts the memory of tensors made inside of its `with`; not what an operation holds and frees within itself.

    Sees the thread that entered it. Tensors that share memory are counted once.

    Args:
        device: kind of device whose tensors are counted ("cuda"), or None for all.
        block: bytes in multiples of which an allocator gives memory away.

    label: what tensors that are made from now on are told apart by.
    alive: bytes alive now.
    alive_of: the same for each label.
    peak: most bytes alive at once.
    peak_of: of them, for each label.
    """

    def __init__(self, device: str | None = None, block: int = 1) -> None:
        super().__init__()
        self.label = ""
        self.alive = self.peak = 0
        self.alive_of: Counter[str] = Counter()
        self.peak_of: Counter[str] = Counter()
        self._device, self._block = device, block
        self._known: dict[int, weakref.finalize[Any, Any]] = {}

    def restart(self) -> None:
        """Forgets the peak, not what is alive."""
        self.peak, self.peak_of = self.alive, self.alive_of.copy()

    def __torch_dispatch__(
        self, function: Callable[..., Any], types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        """Runs the operation and looks at what it made."""
        result = function(*arguments, **(options or {}))
        given = {_storage(tensor) for tensor in _tensors([arguments, options])}
        for tensor in _tensors(result):
            storage = _storage(tensor)
            if storage not in given and storage not in self._known and self._device in (None, tensor.device.type):
                self._watch(tensor, storage)
        return result

    def _watch(self, tensor: Tensor, storage: int) -> None:
        held = tensor.untyped_storage()
        size = -(-held.nbytes() // self._block) * self._block
        self.alive += size
        self.alive_of[self.label] += size
        if self.alive > self.peak:
            self.restart()
        self._known[storage] = weakref.finalize(held, self._forget, storage, self.label, size)

    def _forget(self, storage: int, label: str, size: int) -> None:
        self.alive -= size
        self.alive_of[label] -= size
        del self._known[storage]


def leaves(tree: Any) -> Iterator[Any]:
    """What an operation is given or gives, one by one; a tenth of the time that PyTorch's own pytree takes."""
    if isinstance(tree, (list, tuple)):
        for part in tree:
            yield from leaves(part)
    elif isinstance(tree, dict):
        yield from leaves(list(tree.values()))
    else:
        yield tree


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in leaves(tree) if isinstance(leaf, Tensor)]


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
