"""Running the denoiser over one clip: streaming in flat memory, or the whole clip at once as officially done."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from megactor.compute.cores import Cores, grouped
from megactor.compute.memory import MemoryGuard
from megactor.denoise.conditions import FrameConditions, PortraitInputs
from megactor.denoise.stream import StreamFrame, denoise_chunks, denoise_stream, solver_step
from megactor.denoise.whole_clip import Halves, WindowModel, denoise, guide, step_arguments
from megactor.models.attention import ProjectedTokens
from megactor.models.denoiser_input import join_noisy
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.reference_net import ReferenceNet
from megactor.options import SamplingPlan

Frame = StreamFrame[FrameConditions]

GPU_POSITIONS = 16 * 64 * 64
"""Frames times latent positions that keep a GPU busy: one window of sd15 at 512x512."""


def default_window_batch(latents: Tensor, window: int, cores: Cores) -> int:
    """How many windows at once: on a GPU as many as keep it busy, on a CPU one for each core, if they are small.

    Args:
        latents: (1, C, h, w) of a frame, on its device.
        window: frames of a window.
        cores: what shares the windows out on a CPU.
    """
    busy = max(1, GPU_POSITIONS // (window * latents.shape[-2:].numel()))
    return min(busy, cores.count) if latents.device.type == "cpu" else busy


@dataclass
class ClipDenoiser:
    """The networks, the portrait and the settings of one clip.

    Attributes:
        unet: the denoiser.
        reference_net: reads the portrait at every timestep.
        solver: diffusers scheduler with its timesteps set; used for this clip only.
        portrait: the clip's portrait.
        plan: guidance, windows and chunks; at a guidance scale of 1, the half without the reference is not computed.
        generator: source of all noise, on the CPU so that a seed means the same on every device.
        on_window: called after every window of every step.
        window_batch: windows that the denoiser is given at once; may be lowered at any time.
        cores: where there are several, each computes a window of its own.
        guard: runs the networks, again in less memory where there was not enough.
    """

    unet: DenoisingUNet
    reference_net: ReferenceNet
    solver: Any
    portrait: PortraitInputs
    plan: SamplingPlan
    generator: torch.Generator
    on_window: Callable[[], None]
    window_batch: int = 1
    cores: Cores = field(default_factory=Cores)
    guard: MemoryGuard = field(default_factory=MemoryGuard, repr=False)
    _references: dict[int, ProjectedTokens] = field(default_factory=dict, repr=False)

    def stream(self, conditions: Iterable[FrameConditions], windows: Sequence[Sequence[int]]) -> Iterator[Frame]:
        """Frames in order, each as soon as it is final; holds a few windows a step, whatever the clip's length.

        Needs windows that are not cyclic.
        """
        steps = len(self.solver.timesteps)
        return denoise_stream(
            self._noisy(conditions), windows, steps, self._predict_frames, self._step, self.window_batch
        )

    def chunks(self, conditions: Iterable[FrameConditions], chunk: int) -> Iterator[Frame]:
        """Frames in order, `chunk` at a time, without a look at later ones: for clips that go on for ever."""
        steps = len(self.solver.timesteps)
        window = max(chunk, self.plan.window)
        return denoise_chunks(self._noisy(conditions), chunk, window, steps, self._predict_frames, self._step)

    def whole(self, conditions: Iterable[FrameConditions], windows: Sequence[Sequence[int]]) -> Iterator[Frame]:
        """Every step runs over the whole clip, with any windows; latents wait on the CPU."""
        frames = list(conditions)
        steps = itertools.count()

        def model_at(timestep: Tensor) -> WindowModel:
            index, reference = next(steps), self._read_portrait(int(timestep))

            def model(latents: Tensor, members: Sequence[Sequence[int]]) -> Halves:
                chosen = [[frames[i] for i in window] for window in members]
                return self.guard(lambda: self._predict(self._to_device(latents), chosen, index, reference))

            return model

        latents = denoise(
            model_at,
            self._noise(len(frames)),
            self.solver,
            windows,
            self.plan.guidance,
            device=self.portrait.latents.device,
            generator=self.generator,
            on_window=self.on_window,
            window_batch=self.window_batch,
        )
        for frame, own in zip(frames, latents.split(1, dim=2), strict=True):
            yield StreamFrame(self._to_device(own), frame, None)

    def _noisy(self, conditions: Iterable[FrameConditions]) -> Iterator[Frame]:
        for frame in conditions:
            noise = self._to_device(self._noise(1) * self.solver.init_noise_sigma)
            yield StreamFrame(noise, frame, self.solver)

    def _predict_frames(self, windows: list[list[Frame]], index: int) -> Tensor:
        timestep = self.solver.timesteps[index]
        if index not in self._references:
            self._references[index] = self._read_portrait(int(timestep))
        latents = [[frame.solver.scale_model_input(frame.latents, timestep) for frame in window] for window in windows]
        conditions = [[frame.conditions for frame in window] for window in windows]
        joined = torch.cat([torch.cat(window, dim=2) for window in latents])
        reference = self._references[index]
        halves = self.guard(lambda: self._predict(joined, conditions, index, reference))
        for _ in windows:
            self.on_window()
        return guide(halves, self.plan.guidance)

    def _step(self, output: Tensor, frame: Frame, index: int) -> Frame:
        return solver_step(output, frame, self.solver.timesteps[index], **step_arguments(self.solver, self.generator))

    def _predict(
        self,
        latents: Tensor,
        windows: Sequence[Sequence[FrameConditions]],
        index: int,
        reference: ProjectedTokens,
    ) -> Halves:
        """Halves (B, C, F, h, w) of B windows, no more than `window_batch` of them at once."""
        background = self._background[0]

        def predict(part: slice) -> Halves:
            return self._predict_batch(latents[part], windows[part], index, reference, background)

        piece = 1 if self.cores.count > 1 else self.window_batch
        pieces = [slice(first, first + piece) for first in range(0, len(windows), piece)]
        at_once = grouped(pieces, max(1, self.window_batch // piece))
        halves = [half for some in at_once for half in self.cores.map(predict, some)]
        without = [half for half, _ in halves if half is not None]
        return torch.cat(without) if without else None, torch.cat([half for _, half in halves])

    def _predict_batch(
        self,
        latents: Tensor,
        windows: Sequence[Sequence[FrameConditions]],
        index: int,
        reference: ProjectedTokens,
        background: ProjectedTokens,
    ) -> Halves:
        channels = [torch.cat([frame.channels for frame in window], dim=2) for window in windows]
        sample = join_noisy(latents, torch.cat(channels))
        timestep = int(self.solver.timesteps[index])
        if self.plan.is_guided(index):
            return self.unet.guided(sample, timestep, background, reference)
        return None, self.unet(sample, timestep, background, reference)

    @cached_property
    def _background(self) -> tuple[ProjectedTokens, ProjectedTokens]:
        """The background tokens as denoiser and ReferenceNet read them at every step."""
        tokens = self.portrait.tokens
        own = tokens.to(self.reference_net.dtype)
        return self.unet.project_background(tokens), self.reference_net.project_background(own)

    def _read_portrait(self, timestep: int) -> ProjectedTokens:
        def read() -> ProjectedTokens:
            latents = self.portrait.reference_latents.to(self.reference_net.dtype)
            features = self.reference_net(latents, timestep, self._background[1]).to(dtype=self.unet.dtype)
            return self.unet.project_reference(features)

        return self.guard(read)

    def _noise(self, frames: int) -> Tensor:
        batch, channels, height, width = self.portrait.latents.shape
        return torch.randn((batch, channels, frames, height, width), generator=self.generator)

    def _to_device(self, latents: Tensor) -> Tensor:
        return latents.to(self.portrait.latents)
