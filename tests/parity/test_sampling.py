"""Noise schedules and the whole denoising loop against the official pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest
import torch
from diffusers import AutoencoderKL
from golden import Golden, Networks, assert_close, assert_close_in_range
from safetensors.torch import load_file
from torch import Tensor

from megactor.denoise.guidance import guide
from megactor.denoise.whole_clip import denoise
from megactor.denoise.windows import context_windows
from megactor.models.denoiser_input import join_conditions, join_noisy
from megactor.models.noise_schedules import official_ddim, official_training_schedule

FRAMES = 20
GUIDANCE = 4.5


@pytest.fixture(scope="module")
def vae(golden: Golden) -> AutoencoderKL:
    config = json.loads((golden.folder / "tiny" / "vae_config.json").read_text())
    vae = AutoencoderKL.from_config(config).eval()
    vae.load_state_dict(load_file(golden.folder / "tiny" / "vae.safetensors"))
    return vae


Guided = Callable[[Tensor, Sequence[Sequence[int]], Tensor], tuple[Tensor, Tensor]]


@pytest.fixture(scope="module")
def guided(golden: Golden, tiny: Networks) -> Guided:
    """The tiny model on the clip of part e, as the pipeline would call it."""
    tokens = golden["e/encoder_hidden_states"][:1]
    portrait, mask = golden["e/ref_concat_latents_and_mask"].split([4, 1], dim=1)
    driving = golden.unit("e/driving_u8").transpose(0, 1)[None]  # (1, 1, F, H, W)
    with torch.no_grad():
        pose = tiny.pose_guider(driving, golden.unit("shared/ref512_u8")[:1])

    def predictions(noisy: Tensor, windows: Sequence[Sequence[int]], timestep: Tensor) -> tuple[Tensor, Tensor]:
        reference = tiny.reference_net(golden["e/ref_latents"], timestep, tokens)
        driving = torch.cat([pose[:, :, list(frames)] for frames in windows])
        sample = join_noisy(noisy, join_conditions(portrait, mask, None, driving))
        return tiny.denoiser.guided(sample, timestep, tokens, reference)

    return predictions


def test_schedules(golden: Golden) -> None:
    # the golden ones are of an AMD processor: Intel's round the products that they come from otherwise, and betas are
    # differences of neighboring ones
    for scheduler, name in ((official_ddim(), "e/inference"), (official_training_schedule(), "f/train")):
        torch.testing.assert_close(scheduler.betas, golden[f"{name}_betas"], rtol=0, atol=1e-5)
        torch.testing.assert_close(scheduler.alphas_cumprod, golden[f"{name}_alphas_cumprod"], rtol=0, atol=1e-6)
    scheduler = official_ddim()
    official = golden.facts["scheduler_inference_used"]
    own = {key: scheduler.config[key] for key in official if not key.startswith("_")}
    assert own == {key: value for key, value in official.items() if not key.startswith("_")}
    for steps in (4, 25):
        scheduler.set_timesteps(steps)
        assert scheduler.timesteps.tolist() == golden.facts[f"e_{steps}_steps"]["timesteps"]
        for call in golden.facts[f"e_{steps}_steps"]["context_calls"]:
            assert context_windows(FRAMES) == call["windows"]


@torch.no_grad()
def test_windows_of_the_first_step(golden: Golden, guided: Guided) -> None:
    scheduler = official_ddim()
    scheduler.set_timesteps(4)
    for index, frames in enumerate(context_windows(FRAMES)):
        both = guided(golden["e/initial_noise"][:, :, frames], [frames], scheduler.timesteps[0])
        official = golden["e/4/first_step_window_pred_uc_c"][index]
        assert_close(f"unconditional and conditional of window {index}", torch.cat(both), official)


def test_posterior_and_concatenated_latents(golden: Golden, vae: AutoencoderKL) -> None:
    picture = golden["g/vae_encode_input_u8"].float() / 127.5 - 1
    with torch.no_grad():
        posterior = vae.encode(picture).latent_dist
        decoded = vae.decode(posterior.mean).sample
    assert_close("VAE mean", posterior.mean, golden["g/vae_mean"])
    assert_close("VAE log variance", posterior.logvar, golden["g/vae_logvar"])
    assert_close("VAE decoder", decoded, golden["g/vae_decode_of_mean"])


# The random network does not denoise, the latents grow to 100: errors are measured against their range.
@pytest.mark.parametrize(("steps", "window_batch"), [(4, 1), (4, 2), pytest.param(25, 1, marks=pytest.mark.slow)])
@torch.no_grad()
def test_complete_run(golden: Golden, guided: Guided, vae: AutoencoderKL, steps: int, window_batch: int) -> None:
    scheduler = official_ddim()
    scheduler.set_timesteps(steps)

    def predict(noisy: Tensor, windows: Sequence[Sequence[int]], step: int) -> Tensor:
        return guide(*guided(noisy, windows, scheduler.timesteps[step]), GUIDANCE)

    windows = context_windows(FRAMES)
    noise = golden["e/initial_noise"]
    latents = denoise(predict, range(FRAMES), noise, scheduler, windows, window_batch=window_batch)
    official = golden[f"e/{steps}/latents_after_step"][-1]
    assert_close_in_range(f"latents after {steps} steps", latents, official, 1e-5)

    pictures = vae.decode(latents[0].transpose(0, 1) / vae.config.scaling_factor).sample  # (F, 3, H, W)
    video = (pictures / 2 + 0.5).clamp(0, 1).transpose(0, 1)[None]
    official = golden["e/25/video"] if steps == 25 else golden["e/4/video_frames_0_9_19"]
    ours = video if steps == 25 else video[:, :, [0, 9, 19]]
    error = (ours - official).abs().max().item()
    print(f"video of {steps} steps: max abs error {error:.2e}")
    assert error <= 2e-5
