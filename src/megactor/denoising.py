"""Running the denoiser over one clip: streaming in flat memory, or the whole clip at once as officially done."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from megactor.encoding import FrameConditions, PortraitInputs
from megactor.memory import MemoryGuard
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.reference_net import ReferenceFeatures, ReferenceNet
from megactor.sampling import Halves, WindowModel, denoise, guide
from megactor.streaming import StreamFrame, denoise_stream

Frame = StreamFrame[FrameConditions]


@dataclass
class ClipDenoiser:
    """The networks, the portrait and the settings of one clip.

    Attributes:
        unet: the denoiser.
        reference_net: reads the portrait at every timestep.
        scheduler: diffusers scheduler with its timesteps set.
        portrait: the clip's portrait.
        windows: frame indices of every window.
        guidance: guidance scale; up to 1, the half without the reference is not computed.
        generator: source of all noise, on the CPU so that a seed means the same on every device.
        on_window: called after every window of every step.
        guard: runs the networks, again in less memory where there was not enough.
    """

    unet: DenoisingUNet
    reference_net: ReferenceNet
    scheduler: Any
    portrait: PortraitInputs
    windows: Sequence[Sequence[int]]
    guidance: float
    generator: torch.Generator
    on_window: Callable[[], None]
    guard: MemoryGuard = field(default_factory=MemoryGuard, repr=False)
    _references: dict[int, ReferenceFeatures] = field(default_factory=dict, repr=False)

    def stream(self, conditions: Iterable[FrameConditions]) -> Iterator[Frame]:
        """Frames in order, each as soon as it is final; holds a few windows a step, whatever the clip's length.

        Needs windows that are not cyclic and a scheduler without memory (DDIM, Euler).
        """
        timesteps = [int(t) for t in self.scheduler.timesteps]

        def predict(latents: Tensor, frames: list[FrameConditions], index: int) -> Tensor:
            timestep = timesteps[index]
            if timestep not in self._references:
                self._references[timestep] = self._read_portrait(timestep)
            scaled = self.scheduler.scale_model_input(latents, timestep)
            output = guide(self._predict(scaled, frames, timestep, self._references[timestep]), self.guidance)
            self.on_window()
            return output

        def step(output: Tensor, latents: Tensor, index: int) -> Tensor:
            return self.scheduler.step(output, timesteps[index], latents).prev_sample

        def noisy() -> Iterator[Frame]:
            for frame in conditions:
                yield StreamFrame(self._to_device(self._noise(1) * self.scheduler.init_noise_sigma), frame)

        return denoise_stream(noisy(), self.windows, len(timesteps), predict, step)

    def whole(self, conditions: Iterable[FrameConditions]) -> Iterator[Frame]:
        """Every step runs over the whole clip, with any windows and any scheduler; latents wait on the CPU."""
        frames = list(conditions)

        def model_at(timestep: Tensor) -> WindowModel:
            portrait = self._read_portrait(int(timestep))

            def model(latents: Tensor, members: Sequence[int]) -> Halves:
                chosen = [frames[i] for i in members]
                return self._predict(self._to_device(latents), chosen, int(timestep), portrait)

            return model

        latents = denoise(
            model_at,
            self._noise(len(frames)),
            self.scheduler,
            self.windows,
            self.guidance,
            device=self.portrait.latents.device,
            generator=self.generator,
            on_window=self.on_window,
        )
        for frame, own in zip(frames, latents.split(1, dim=2), strict=True):
            yield StreamFrame(self._to_device(own), frame)

    def _predict(
        self, latents: Tensor, frames: Sequence[FrameConditions], timestep: int, portrait: ReferenceFeatures
    ) -> Halves:
        sample = torch.cat([latents, torch.cat([frame.channels for frame in frames], dim=2)], dim=1)
        tokens = self.portrait.tokens
        if self.guidance > 1:
            return self.guard(lambda: self.unet.guided(sample, timestep, tokens, portrait))
        return None, self.guard(lambda: self.unet(sample, timestep, tokens, portrait))

    def _read_portrait(self, timestep: int) -> ReferenceFeatures:
        portrait = self.portrait
        return self.guard(lambda: self.reference_net(portrait.reference_latents, timestep, portrait.tokens))

    def _noise(self, frames: int) -> Tensor:
        batch, channels, height, width = self.portrait.latents.shape
        return torch.randn((batch, channels, frames, height, width), generator=self.generator)

    def _to_device(self, latents: Tensor) -> Tensor:
        return latents.to(self.portrait.latents)
