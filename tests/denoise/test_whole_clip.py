from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, UniPCMultistepScheduler
from torch import Tensor

from megactor.denoise.guidance import guide
from megactor.denoise.whole_clip import Predictor, denoise
from megactor.denoise.windows import context_windows
from megactor.models.noise_schedules import official_ddim

CLIP = torch.linspace(-1, 1, 4 * 20 * 9).reshape(1, 4, 20, 3, 3)


def knows_the_answer(scheduler: DDIMScheduler) -> Predictor[int]:
    """A model that always predicts the noise which separates the latents from CLIP."""

    def predict(latents: Tensor, windows: Sequence[Sequence[int]], step: int) -> Tensor:
        alpha = scheduler.alphas_cumprod[int(scheduler.timesteps[step])]
        clips = torch.cat([CLIP[:, :, frames] for frames in windows])
        return (latents - alpha.sqrt() * clips) / (1 - alpha).sqrt()

    return predict


@pytest.mark.parametrize("frames", [5, 16, 20])
@pytest.mark.parametrize("cyclic", [True, False])
def test_finds_the_clip(frames: int, cyclic: bool) -> None:
    scheduler = official_ddim()
    scheduler.set_timesteps(10)
    noise = torch.randn(1, 4, frames, 3, 3, generator=torch.Generator().manual_seed(0))
    before = noise.clone()
    windows = context_windows(frames, cyclic=cyclic)
    latents = denoise(knows_the_answer(scheduler), range(frames), noise, scheduler, windows)
    torch.testing.assert_close(latents, CLIP[:, :, :frames], rtol=0, atol=1e-4)
    torch.testing.assert_close(noise, before, rtol=0, atol=0)  # the argument is not changed


@pytest.mark.parametrize(
    "scheduler_class", [EulerDiscreteScheduler, EulerAncestralDiscreteScheduler, UniPCMultistepScheduler]
)
def test_other_schedulers(scheduler_class: type) -> None:
    scheduler = scheduler_class.from_config(official_ddim().config, timestep_spacing="leading")
    scheduler.set_timesteps(10)

    def run(seed: int) -> Tensor:
        scheduler.set_timesteps(10)
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(1, 4, 20, 3, 3, generator=generator)
        still = [None] * 20
        return denoise(lambda x, *_: 0 * x, still, noise, scheduler, context_windows(20), generator=generator)

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
def test_overlaps_are_averaged(window_batch: int) -> None:
    windows = context_windows(20)
    numbers = {tuple(window): float(n) for n, window in enumerate(windows)}
    batches: list[int] = []

    def predict(latents: Tensor, members: Sequence[Sequence[int]], step: int) -> Tensor:
        batches.append(len(members))
        values = torch.tensor([numbers[tuple(frames)] for frames in members])
        return values[:, None, None, None, None].expand_as(latents)

    noise = torch.zeros(1, 1, 20, 1, 1)
    result = denoise(predict, range(20), noise, OneStep(), windows, window_batch=window_batch)
    average = torch.tensor(
        [sum(numbers[tuple(w)] for w in windows if i in w) / sum(i in w for w in windows) for i in range(20)]
    )
    torch.testing.assert_close(result.flatten(), average)
    assert batches == {1: [1, 1, 1], 2: [2, 1], 5: [3]}[window_batch]


@pytest.mark.parametrize(("scale", "expected"), [(0, [1, 2]), (0.5, [1.5, 1]), (1, [2, 0]), (4.5, [5.5, -7])])
def test_guidance_exaggerates_what_the_portrait_changes(scale: float, expected: list[float]) -> None:
    guided = guide(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 0.0]), scale)
    torch.testing.assert_close(guided, torch.tensor(expected).float())


def test_latents_stay_in_their_type() -> None:
    noise = torch.ones(1, 1, 4, 1, 1)
    result = denoise(lambda x, *_: x.half(), range(4), noise, OneStep(), context_windows(4))
    assert result.dtype == torch.float32
