"""Memory that sd15 needs on a GPU, stage by stage, traced without one: the real pipeline over pretended tensors.

Counted is what PyTorch's allocator gives away for tensors. Not counted: what it holds back between them
(fragmentation), workspaces of cuDNN and cuBLAS, what a kernel needs for itself, CUDA's own context.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from megactor.bench.official.live_tensors import LiveTensors
from megactor.bench.pretended_gpu import GPU, WEIGHTS, pretended_gpu
from megactor.bench.speed import random_sd15
from megactor.compute.offload import bring_to_device
from megactor.drive.portrait import Portrait
from megactor.options import AnimationOptions, SamplingPlan
from megactor.pipeline import MegActorPipeline

MEGA = 1e6

STAGES = {
    "portrait: VAE": ("vae.encode",),
    "portrait: CLIP": ("image_encoder.vision_model.forward",),
    "portrait: PoseGuider": ("pose_guider.read_portrait",),
    "driving frames: PoseGuider": ("pose_guider.forward",),
    "background keys and values": ("unet.project_background", "reference_net.project_background"),
    "ReferenceNet": ("reference_net.forward",),
    "reference keys and values": ("unet.project_reference",),
    "denoiser, guided": ("unet.guided",),
    "denoiser, not guided": ("unet.forward",),
    "frames: VAE": ("vae.decode",),
}
"""What is looked at, in the order in which a clip comes to it, and the methods of the pipeline that do it."""


BETWEEN = "between them"
"""Stage of all else: moving networks, joining frames, steps of the solver, numbers to pictures."""


@dataclass(frozen=True)
class Stage:
    """The moment of a stage at which most memory was taken, in MB (10^6 bytes).

    name: key of `STAGES`, or `BETWEEN`.
    weights: of the networks that are on the device.
    held: all else that was there before the stage: conditions, keys and values, latents.
    working: what the stage adds at its peak.
    """

    name: str
    weights: float
    held: float
    working: float

    @property
    def sum(self) -> float:
        """All that is taken at the peak of this stage."""
        return self.weights + self.held + self.working


@dataclass(frozen=True)
class GpuMemory:
    """What one clip needs, in MB.

    networks: weights of each.
    stages: those that ran.
    steps: of denoising that were traced.
    """

    networks: dict[str, float]
    stages: tuple[Stage, ...]
    steps: int

    @property
    def highest(self) -> Stage:
        """The stage that decides how much memory the device must have."""
        return max(self.stages, key=lambda stage: stage.sum)


def trace_sd15(options: AnimationOptions, frames: int, dtype: torch.dtype, offload: bool) -> GpuMemory:
    """Animates random crops with the architecture of sd15 on a GPU that is not there.

    Args:
        options: steps (see `enough_steps`), guidance, speed and window batch.
        frames: of the clip.
        dtype: of all networks.
        offload: networks wait in main memory, as with `megactor animate --offload`.
    """
    with pretended_gpu() as tensors:
        pipe = random_sd15(torch.device("meta"), dtype)
        sizes: dict[str, float] = {}
        for name, network in networks_of(pipe).items():
            before = tensors.alive
            network.to_empty(device=GPU)
            sizes[name] = (tensors.alive - before) / MEGA
        if offload:
            pipe.enable_model_cpu_offload(device=GPU)
        plan = options.plan(pipe.own_plan)
        asked = replace(options, steps=options.steps or enough_steps(plan))
        stages = trace(pipe, asked, frames, tensors)
        return GpuMemory(sizes, stages, asked.steps or plan.steps)


def enough_steps(plan: SamplingPlan) -> int:
    """Steps after which no more memory is needed.

    Where every step runs over the whole clip, a step forgets the one before it: two. Elsewhere all steps are under way
    at once.
    """
    return min(plan.steps, 2) if plan.cyclic and plan.chunk is None else plan.steps


def trace(pipe: MegActorPipeline, options: AnimationOptions, frames: int, tensors: LiveTensors) -> tuple[Stage, ...]:
    """Animates random crops and watches the tensors stage by stage.

    Args:
        pipe: without dense motion.
        options: as for `MegActorPipeline.__call__`.
        frames: of the clip.
        tensors: a counter that is entered already, and saw the weights come.
    """
    watch = _Watch(tensors)
    for name, methods in STAGES.items():
        for method in methods:
            watch.over(pipe, method, name)
    size = pipe.config.image_size
    picture, foreground = np.zeros((size, size, 3), np.uint8), np.ones((size, size), np.float32)
    portrait = Portrait(
        picture=picture,
        face=None,  # type: ignore[arg-type]  # read by nothing behind the crop
        crop=None,  # type: ignore[arg-type]
        image=picture,
        large=picture,
        foreground=foreground,
        background=picture,
    )
    for _ in pipe.animate_crops(portrait, [picture] * frames, frames, options):
        pass
    watch.end(BETWEEN)
    return watch.stages()


def networks_of(pipe: MegActorPipeline) -> dict[str, nn.Module]:
    """Networks of a pipeline by name."""
    return {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}


class _Watch:
    """Tells the stages of a run apart, by wrapping the methods that do them."""

    def __init__(self, tensors: LiveTensors) -> None:
        self._tensors = tensors
        self._highest: dict[str, Stage] = {}
        self._begin()

    def over(self, owner: Any, path: str, name: str) -> None:
        """Calls of the method `path` of the owner belong to the stage `name` from now on."""
        *parts, method = path.split(".")
        for part in parts:
            owner = getattr(owner, part)
        call: Callable[..., Any] = getattr(owner, method)

        @functools.wraps(call)
        def watched(*arguments: Any, **options: Any) -> Any:
            bring_to_device(owner)  # where a network takes another's place, neither is at work
            self.end(BETWEEN)
            result = call(*arguments, **options)
            self.end(name)
            return result

        setattr(owner, method, watched)

    def end(self, name: str) -> None:
        """What ends here belongs to the stage `name`."""
        weights = self._tensors.peak_of[WEIGHTS]
        working = self._tensors.peak - weights - self._held
        stage = Stage(name, weights / MEGA, self._held / MEGA, working / MEGA)
        if name not in self._highest or stage.sum > self._highest[name].sum:
            self._highest[name] = stage
        self._begin()

    def stages(self) -> tuple[Stage, ...]:
        """Those that ran, in the order of `STAGES`."""
        return tuple(self._highest[name] for name in (*STAGES, BETWEEN) if name in self._highest)

    def _begin(self) -> None:
        self._tensors.restart()
        self._held = self._tensors.alive - self._tensors.alive_of[WEIGHTS]
