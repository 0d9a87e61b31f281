"""EfficientNet-Lite0 up to a sixteenth of the picture's size, with random weights, named as the published ones are."""

import torch
from torch import Tensor

BLOCKS = (
    # expansion, kernel, stride, channels before and after
    (1, 3, 1, 32, 16),
    (6, 3, 2, 16, 24),
    (6, 3, 1, 24, 24),
    (6, 5, 2, 24, 40),
    (6, 5, 1, 40, 40),
    (6, 3, 2, 40, 80),
    (6, 3, 1, 80, 80),
    (6, 3, 1, 80, 80),
    (6, 5, 1, 80, 112),
    (6, 5, 1, 112, 112),
    (6, 5, 1, 112, 112),
)


def random_state(seed: int = 0) -> dict[str, Tensor]:
    """A state dict; what the normalizations say of means and spreads is random as well."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def layer(convolution: str, norm: str, shape: tuple[int, int, int]) -> None:
        after, inputs, kernel = shape
        weight = torch.randn(after, inputs, kernel, kernel, generator=generator)
        state[f"{convolution}.weight"] = weight * (2 / (inputs * kernel**2)) ** 0.5
        for part, low, high in (
            ("weight", 0.8, 1.2),
            ("bias", -0.2, 0.2),
            ("running_mean", -0.2, 0.2),
            ("running_var", 0.5, 2),
        ):
            state[f"{norm}.{part}"] = low + (high - low) * torch.rand(after, generator=generator)

    layer("_conv_stem", "_bn0", (32, 3, 3))
    for number, (expansion, kernel, _, before, after) in enumerate(BLOCKS):
        name, inner = f"_blocks.{number}", before * expansion
        if expansion > 1:
            layer(f"{name}._expand_conv", f"{name}._bn0", (inner, before, 1))
        layer(f"{name}._depthwise_conv", f"{name}._bn1", (inner, 1, kernel))
        layer(f"{name}._project_conv", f"{name}._bn2", (after, inner, 1))
    return state
