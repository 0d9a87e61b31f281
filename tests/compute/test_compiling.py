"""Compiled blocks: one graph each, the same numbers, and nothing compiled again from window to window."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from golden import formula_values, formula_weights

from megactor.compute.compiling import compile_blocks
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.reference_net import ReferenceNet

SHARED = {
    "block_out_channels": (8, 16),
    "layers_per_block": 1,
    "attention_levels": (0, 1),
    "attention_heads": 2,
    "cross_attention_dim": 8,
    "norm_groups": 4,
}


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    limit = torch._dynamo.config.recompile_limit
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield
    torch._dynamo.config.recompile_limit = limit
    torch._dynamo.reset()


@torch.no_grad()
def test_windows_and_steps_reuse_what_was_compiled() -> None:
    denoiser, reference_net = DenoisingUNet(**SHARED, motion_heads=2, motion_norm_groups=4), ReferenceNet(**SHARED)
    for network in (denoiser, reference_net):
        formula_weights(network)
    tokens, latents = formula_values((1, 5, 8), 1), formula_values((1, 4, 8, 8), 2)

    def windows(timestep: int) -> list[torch.Tensor]:
        reference = denoiser.project_reference(reference_net(latents, timestep, tokens))
        background = denoiser.project_background(tokens)
        results: list[torch.Tensor] = []
        for seed in range(2):
            sample = formula_values((1, 13, 3, 8, 8), seed)
            results += [*denoiser.guided(sample, timestep, background, reference)]
            results.append(denoiser(sample, timestep, background, reference))
        return results

    plain = [windows(timestep) for timestep in (961, 1)]
    for network in (denoiser, reference_net):
        compile_blocks(network, backend="eager")
    counters = torch._dynamo.utils.counters
    first = windows(961)
    graphs = counters["stats"]["unique_graphs"]
    second = windows(1)

    assert graphs > 10
    assert counters["stats"]["unique_graphs"] == graphs, counters["recompile_limit"]
    assert not counters["graph_break"]
    torch.testing.assert_close([first, second], plain, rtol=1e-5, atol=1e-5)
