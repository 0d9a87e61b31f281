from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, UniPCMultistepScheduler
from torch import Tensor

from megactor.denoise.whole_clip import Halves, ModelAt, WindowModel, denoise, guide
from megactor.denoise.windows import context_windows
from megactor.models.noise_schedules import official_ddim

CLIP = torch.linspace(-1, 1, 4 * 20 * 9).reshape(1, 4, 20, 3, 3)


def knows_the_answer(scheduler: DDIMScheduler) -> ModelAt:
    """A model that always predicts the noise which separates the latents from CLIP."""

    def model_at(timestep: Tensor) -> WindowModel:
        alpha = scheduler.alphas_cumprod[int(timestep)]

        def model(latents: Tensor, windows: Sequence[Sequence[int]]) -> Halves:
            clips = torch.cat([CLIP[:, :, frames] for frames in windows])
            return None, (latents - alpha.sqrt() * clips) / (1 - alpha).sqrt()

        return model

    return model_at


@pytest.mark.parametrize("frames", [5, 16, 20])
@pytest.mark.parametrize("cyclic", [True, False])
def test_finds_the_clip(frames: int, cyclic: bool) -> None:
    scheduler = official_ddim()
    scheduler.set_timesteps(10)
    noise = torch.randn(1, 4, frames, 3, 3, generator=torch.Generator().manual_seed(0))
    before = noise.clone()
    latents = denoise(knows_the_answer(scheduler), noise, scheduler, context_windows(frames, cyclic=cyclic), 4.5)
    torch.testing.assert_close(latents, CLIP[:, :, :frames], rtol=0, atol=1e-4)
    torch.testing.assert_close(noise, before, rtol=0, atol=0)  # the argument is not changed


@pytest.mark.parametrize(
    "scheduler_class", [EulerDiscreteScheduler, EulerAncestralDiscreteScheduler, UniPCMultistepScheduler]
)
def test_other_schedulers(scheduler_class: type) -> None:
    scheduler = scheduler_class.from_config(official_ddim().config, timestep_spacing="leading")
    scheduler.set_timesteps(10)

    def model_at(timestep: Tensor) -> WindowModel:
        return lambda latents, frames: (None, torch.zeros_like(latents))

    def run(seed: int) -> Tensor:
        scheduler.set_timesteps(10)
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(1, 4, 20, 3, 3, generator=generator)
        return denoise(model_at, noise, scheduler, context_windows(20), 1.0, generator=generator)

    assert run(0).isfinite().all()
    torch.testing.assert_close(run(0), run(0), rtol=0, atol=0)


class OneStep:
    """A scheduler that returns the averaged prediction itself."""

    init_noise_sigma = 1.0
    timesteps = torch.tensor([1])

    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor:
        return sample

    def step(self, prediction: Tensor, timestep: Tensor, latents: Tensor):
        return SimpleNamespace(prev_sample=prediction)


@pytest.mark.parametrize("window_batch", [1, 2, 5])
@pytest.mark.parametrize("guidance", [1.0, 4.5])
def test_overlaps_are_averaged_then_guided(guidance: float, window_batch: int) -> None:
    windows = context_windows(20)
    numbers = {tuple(window): float(n) for n, window in enumerate(windows)}

    def model_at(timestep: Tensor) -> WindowModel:
        def model(latents: Tensor, members: Sequence[Sequence[int]]) -> Halves:
            values = torch.tensor([numbers[tuple(frames)] for frames in members])
            with_reference = values[:, None, None, None, None].expand_as(latents)
            return (None if guidance == 1 else -with_reference), with_reference

        return model

    done: list[int] = []
    result = denoise(
        model_at,
        torch.zeros(1, 1, 20, 1, 1),
        OneStep(),
        windows,
        guidance,
        on_window=lambda: done.append(1),
        window_batch=window_batch,
    )
    average = torch.tensor(
        [sum(numbers[tuple(w)] for w in windows if i in w) / sum(i in w for w in windows) for i in range(20)]
    )
    expected = average if guidance == 1 else guide((-average, average), guidance)
    torch.testing.assert_close(result.flatten(), expected)
    assert len(done) == 3


def test_model_on_another_device() -> None:
    seen: list[str] = []

    def model_at(timestep: Tensor) -> WindowModel:
        def model(latents: Tensor, windows: Sequence[Sequence[int]]) -> Halves:
            seen.append(latents.device.type)
            return None, torch.zeros(latents.shape)

        return model

    result = denoise(model_at, torch.ones(1, 1, 4, 1, 1), OneStep(), context_windows(4), 1.0, device="meta")
    assert seen == ["meta"] and result.device.type == "cpu"
