from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler

from megactor.models.noise_schedules import official_training_schedule
from megactor.train.loss import prediction_target, training_noise
from megactor.train.tasks.diffusion import change_error


def test_offset_noise_is_shared_by_frames_and_pixels() -> None:
    latents = torch.empty(200, 4, 6, 8, 8)
    noise = training_noise(latents, generator=torch.Generator().manual_seed(0))
    assert noise.std().item() == pytest.approx(1.01**0.5, abs=0.005)
    means = noise.mean(dim=(2, 3, 4))  # of 384 values each: 1/sqrt(384) of its own, 0.1 of the offset
    assert means.std().item() == pytest.approx((1 / 384 + 0.01) ** 0.5, abs=0.01)
    plain = training_noise(latents, offset_strength=0, generator=torch.Generator().manual_seed(0))
    assert plain.mean(dim=(2, 3, 4)).std().item() == pytest.approx(384**-0.5, abs=0.01)


def test_targets() -> None:
    clean, noise = torch.randn(2, 1, 4, 3, 2, 2)
    timesteps = torch.tensor([500])
    config = official_training_schedule().config
    for kind, expected in (("epsilon", noise), ("sample", clean)):
        scheduler = DDIMScheduler.from_config(config, prediction_type=kind)
        assert prediction_target(scheduler, clean, noise, timesteps) is expected
    scheduler = DDIMScheduler.from_config(config, prediction_type="v_prediction")
    alpha = scheduler.alphas_cumprod[500]
    velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
    torch.testing.assert_close(prediction_target(scheduler, clean, noise, timesteps), velocity)


def test_changes_are_judged_within_a_clip_only():
    truth = torch.rand(4, 3, 8, 8)  # two clips of two frames
    brighter = truth + torch.tensor([0.1, 0.1, 0.3, 0.3])[:, None, None, None]
    assert change_error(brighter, truth, frames=2) < 1e-6, "the same change of light in all of a clip is no change"
    trembling = truth + torch.tensor([0.1, -0.1, 0.1, -0.1])[:, None, None, None]
    torch.testing.assert_close(change_error(trembling, truth, frames=2), torch.tensor(0.2))
