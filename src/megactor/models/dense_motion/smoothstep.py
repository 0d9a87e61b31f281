"""The curve along which one thing fades into another."""

from torch import Tensor


def smoothstep(values: Tensor) -> Tensor:
    """Any numbers -> [0, 1]: 0 up to 0, 1 from 1 on, flat at both ends."""
    values = values.clamp(0, 1)
    return values.square() * (3 - 2 * values)
