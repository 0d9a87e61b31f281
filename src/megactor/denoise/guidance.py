"""Classifier-free guidance (arXiv 2207.12598)."""

from torch import Tensor


def guide(unconditional: Tensor, conditional: Tensor, scale: float) -> Tensor:
    """What the scheduler is given in place of the conditional prediction.

    Args:
        unconditional: prediction without the portrait's reference features, of any shape.
        conditional: prediction with them, of the same shape.
        scale: guidance scale; 1 is the conditional prediction, more exaggerates what the portrait changes.
    """
    return unconditional + scale * (conditional - unconditional)
