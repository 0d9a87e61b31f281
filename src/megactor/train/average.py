"""Moving average of the weights: what is validated, kept and shipped."""

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor


class MovingAverage:
    """Exponential moving average; its decay grows with the steps, so that the random first weights are soon forgotten.

    Args:
        weights: those that learn.
        decay: of the average in the long run.
    """

    def __init__(self, weights: Sequence[Tensor], decay: float) -> None:
        self.decay = decay
        self.weights = [tensor.clone() for tensor in _local(weights)]

    @torch.no_grad()
    def update(self, weights: Sequence[Tensor], step: int) -> None:
        """Takes the weights after optimizer step number `step`, counted from 1, in."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.weights, _local(weights), 1 - decay)

    @contextlib.contextmanager
    def applied(self, weights: Sequence[Tensor]) -> Iterator[None]:
        """Puts the average in place of the weights for the time of a `with` block."""
        mine = _local(weights)
        kept = [tensor.clone() for tensor in mine]
        torch._foreach_copy_(mine, self.weights)
        try:
            yield
        finally:
            torch._foreach_copy_(mine, kept)


def _local(weights: Sequence[Tensor]) -> list[Tensor]:
    """The values that lie in this process: all of a weight, or its shard."""
    detached = (weight.detach() for weight in weights)
    return [weight.to_local() if isinstance(weight, DTensor) else weight for weight in detached]
