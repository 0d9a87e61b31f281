"""Moving average of the weights: what is validated, kept and shipped."""

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


class MovingAverage:
    """Exponential moving average; its decay grows with the steps, so that the random first weights are soon forgotten.

    Args:
        weights: those that learn.
        decay: of the average in the long run.
    """

    def __init__(self, weights: Sequence[Tensor], decay: float) -> None:
        self.decay = decay
        self.weights = [weight.detach().clone() for weight in weights]

    @torch.no_grad()
    def update(self, weights: Sequence[Tensor], step: int) -> None:
        """Takes the weights after optimizer step number `step`, counted from 1, in."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.weights, [weight.detach() for weight in weights], 1 - decay)

    @contextlib.contextmanager
    def applied(self, weights: Sequence[Tensor]) -> Iterator[None]:
        """Puts the average in place of the weights for the time of a `with` block."""
        kept = [weight.detach().clone() for weight in weights]
        with torch.no_grad():
            torch._foreach_copy_(list(weights), self.weights)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(list(weights), kept)
