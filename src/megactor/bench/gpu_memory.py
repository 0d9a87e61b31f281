"""Memory that sd15 needs on a GPU, counted without one: its weights, and the tensors of each stage alive at once.

Run on PyTorch's meta device, where a tensor has a shape and no memory. The attention is counted as a GPU's fused
kernels do it, without the matrix of queries and keys. Not counted, so that the figures are a lower bound: what a clip
keeps between the stages (tens of MB), copies that cuDNN and group norms make for another layout, workspaces of
libraries, what PyTorch's allocator holds back, CUDA's own context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from megactor.bench.official.live_tensors import LiveTensors
from megactor.bench.speed import random_sd15
from megactor.models.background_encoder import background_tokens
from megactor.models.pose_guider import PORTRAIT_SIZE
from megactor.pipeline import MegActorPipeline

MEGA = 1e6

Result = TypeVar("Result")

FRAMES_AT_ONCE = 4
"""Of 512x512 pixels: that many go through PoseGuider and VAE together."""


@dataclass(frozen=True)
class GpuMemory:
    """Memory in MB (10^6 bytes).

    Attributes:
        networks: weights of each network.
        stages: most that the tensors of each stage take at once, beside the weights.
    """

    networks: dict[str, float]
    stages: dict[str, float]

    @property
    def peak(self) -> float:
        """With all networks on the device."""
        return sum(self.networks.values()) + max(self.stages.values())


def count_sd15(dtype: torch.dtype) -> GpuMemory:
    """Counts for one window at 512x512 with guidance.

    Args:
        dtype: of all networks.
    """
    return count(random_sd15(torch.device("meta"), dtype))


def count(pipe: MegActorPipeline) -> GpuMemory:
    """Counts for one window of a model without dense motion, on whatever device it is."""
    networks = {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}
    with torch.inference_mode(), mock.patch.object(F, "scaled_dot_product_attention", _fused_attention):
        return GpuMemory(
            {name: _size([*part.parameters(), *part.buffers()]) for name, part in networks.items()},
            dict(_stages(pipe)),
        )


def _stages(pipe: MegActorPipeline) -> Iterator[tuple[str, float]]:
    """Runs the stages on pictures of no content: name and MB of each, in the order in which a clip comes to them."""
    unet, reference_net, size, window = pipe.unet, pipe.reference_net, pipe.config.image_size, pipe.config.window

    def empty(*shape: int) -> Tensor:
        return torch.zeros(*shape, device=pipe.device, dtype=unet.dtype)

    portrait = empty(1, 3, size, size)
    encoded, used = _counted(lambda: pipe.vae.encode(portrait))
    yield "portrait: VAE", used
    latents = encoded.latent_dist.mean
    side = pipe.image_encoder.config.image_size
    tokens, used = _counted(lambda: background_tokens(pipe.image_encoder, empty(1, 3, side, side)))
    yield "portrait: CLIP", used
    modulation, used = _counted(lambda: pipe.pose_guider.read_portrait(empty(1, 3, PORTRAIT_SIZE, PORTRAIT_SIZE)))
    yield "portrait: PoseGuider", used
    driving = empty(1, 3, FRAMES_AT_ONCE, size, size)
    _, used = _counted(lambda: pipe.pose_guider(driving, modulation))
    yield "driving frames: PoseGuider", used

    background, used = _counted(lambda: unet.project_background(tokens))
    for_reference, more = _counted(lambda: reference_net.project_background(tokens))
    yield "background keys and values", used + more
    timestep = torch.zeros((), dtype=torch.long, device=pipe.device)
    features, used = _counted(lambda: reference_net(latents, timestep, for_reference))
    yield "ReferenceNet", used
    reference, used = _counted(lambda: unet.project_reference(features))
    yield "reference keys and values", used
    sample = empty(1, unet.in_channels, window, *latents.shape[-2:])
    _, used = _counted(lambda: unet.guided(sample, timestep, background, reference))
    yield "denoiser, guided", used
    final = empty(FRAMES_AT_ONCE, *latents.shape[1:])
    _, used = _counted(lambda: pipe.vae.decode(final))
    yield "frames: VAE", used


def _counted(run: Callable[[], Result]) -> tuple[Result, float]:
    with LiveTensors() as tensors:
        result = run()
    return result, tensors.peak / MEGA


def _fused_attention(query: Tensor, key: Tensor, value: Tensor, *_: object, **__: object) -> Tensor:
    """What a GPU's fused attention allocates: its result."""
    return torch.empty_like(query)


def _size(tensors: list[Tensor]) -> float:
    return sum(tensor.nbytes for tensor in tensors) / MEGA
