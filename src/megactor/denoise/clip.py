"""Running the denoiser over one clip: streaming in flat memory, or the whole clip at once as officially done."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from megactor.compute.cores import Cores, grouped
from megactor.compute.memory import MemoryGuard
from megactor.denoise.conditions import FrameConditions, PortraitInputs
from megactor.denoise.guidance import guide
from megactor.denoise.stream import StreamFrame, denoise_chunks, denoise_stream
from megactor.denoise.whole_clip import denoise
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
        plan: guidance, windows and chunks; where a step is not guided, the unconditional prediction is not made.
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
    _steps_return: bool = True

    def stream(self, conditions: Iterable[FrameConditions], windows: Sequence[Sequence[int]]) -> Iterator[Frame]:
        """Frames in order, each as soon as it is final; holds a few windows a step, whatever the clip's length.

        Needs windows that are not cyclic.
        """
        steps = len(self.solver.timesteps)
        frames = self._noisy(conditions)
        return denoise_stream(frames, windows, steps, self.predict, self.generator, self.window_batch)

    def chunks(self, conditions: Iterable[FrameConditions], chunk: int) -> Iterator[Frame]:
        """Frames in order, `chunk` at a time, without a look at later ones: for clips that go on for ever."""
        steps = len(self.solver.timesteps)
        window = max(chunk, self.plan.window)
        return denoise_chunks(self._noisy(conditions), chunk, window, steps, self.predict, self.generator)

    def whole(self, conditions: Iterable[FrameConditions], windows: Sequence[Sequence[int]]) -> Iterator[Frame]:
        """Every step runs over the whole clip, with any windows; latents wait on the CPU."""
        frames = list(conditions)
        self._steps_return = False
        latents = denoise(
            self.predict,
            frames,
            self._noise(len(frames)),
            self.solver,
            windows,
            generator=self.generator,
            window_batch=self.window_batch,
        )
        for frame, own in zip(frames, latents.split(1, dim=2), strict=True):
            yield StreamFrame(self._to_device(own), frame, None)

    def predict(self, latents: Tensor, windows: Sequence[Sequence[FrameConditions]], step: int) -> Tensor:
        """A `Predictor`: guided predictions for B windows; with less memory from here on, where it does not last.

        Args:
            latents: (B, C, F, h, w) of the windows, on any device.
            windows: what is known of their frames.
            step: number of the denoising step.

        Returns:
            (B, C, F, h, w).
        """
        reference = self._reference(step)
        predictions = self.guard(lambda: self._predict(self._to_device(latents), windows, step, reference))
        for _ in windows:
            self.on_window()
        return predictions

    def _noisy(self, conditions: Iterable[FrameConditions]) -> Iterator[Frame]:
        for frame in conditions:
            noise = self._to_device(self._noise(1) * self.solver.init_noise_sigma)
            yield StreamFrame(noise, frame, self.solver)

    def _predict(
        self, latents: Tensor, windows: Sequence[Sequence[FrameConditions]], step: int, reference: ProjectedTokens
    ) -> Tensor:
        """No more than `window_batch` windows at once, on several cores one each."""
        channels = [torch.cat([frame.channels for frame in window], dim=2) for window in windows]
        part = 1 if self.cores.count > 1 else self.window_batch
        samples = [
            join_noisy(own, torch.cat(channels[first : first + part]))
            for first, own in zip(range(0, len(windows), part), latents.split(part), strict=True)
        ]
        run = functools.partial(self._run_networks, step=step, background=self._background[0], reference=reference)
        at_once = grouped(samples, max(1, self.window_batch // part))
        return torch.cat([prediction for some in at_once for prediction in self.cores.map(run, some)])

    def _run_networks(
        self, sample: Tensor, step: int, background: ProjectedTokens, reference: ProjectedTokens
    ) -> Tensor:
        """The denoiser on the inputs (B, C + ..., F, h, w) of some windows -> guided predictions (B, C, F, h, w)."""
        timestep = int(self.solver.timesteps[step])
        if not self.plan.is_guided(step):
            return self.unet(sample, timestep, background, reference)
        unconditional, conditional = self.unet.guided(sample, timestep, background, reference)
        return guide(unconditional, conditional, self.plan.guidance)

    @cached_property
    def _background(self) -> tuple[ProjectedTokens, ProjectedTokens]:
        """The background tokens as denoiser and ReferenceNet read them at every step."""
        tokens = self.portrait.tokens
        own = tokens.to(self.reference_net.dtype)
        return self.unet.project_background(tokens), self.reference_net.project_background(own)

    def _reference(self, step: int) -> ProjectedTokens:
        """What the denoiser reads of the portrait at a step; kept as long as the step may come again."""
        if step not in self._references:
            if not self._steps_return:
                self._references.clear()
            self._references[step] = self.guard(lambda: self._read_portrait(int(self.solver.timesteps[step])))
        return self._references[step]

    def _read_portrait(self, timestep: int) -> ProjectedTokens:
        latents = self.portrait.reference_latents.to(self.reference_net.dtype)
        features = self.reference_net(latents, timestep, self._background[1]).to(dtype=self.unet.dtype)
        return self.unet.project_reference(features)

    def _noise(self, frames: int) -> Tensor:
        batch, channels, height, width = self.portrait.latents.shape
        return torch.randn((batch, channels, frames, height, width), generator=self.generator)

    def _to_device(self, latents: Tensor) -> Tensor:
        return latents.to(self.portrait.latents)
