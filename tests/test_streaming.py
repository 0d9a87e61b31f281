"""The streaming denoiser must give what the whole-clip loop gives, without ever holding the whole clip."""

import torch
from diffusers import DDIMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from megactor.sampling import denoise
from megactor.streaming import StreamFrame, denoise_stream
from megactor.windows import context_windows


def scheduler(steps: int) -> DDIMScheduler:
    ddim = DDIMScheduler(clip_sample=False, prediction_type="sample", timestep_spacing="trailing")
    ddim.set_timesteps(steps)
    return ddim


def mix(latents: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
    """A stand-in for a denoiser: depends on all frames of the window and on each frame's condition."""
    return 0.5 * latents + 0.3 * latents.mean(dim=2, keepdim=True) + conditions


def streamed(noise, conditions, windows, ddim, pulled=None):
    timesteps = [int(t) for t in ddim.timesteps]

    def frames():
        for i in range(noise.shape[2]):
            if pulled is not None:
                pulled.append(i)
            yield StreamFrame(noise[:, :, i : i + 1], conditions[:, :, i : i + 1])

    def predict(latents, members, index):
        return mix(latents, torch.cat(members, dim=2))

    def step(output, latents, index):
        return ddim.step(output, timesteps[index], latents).prev_sample

    return denoise_stream(frames(), windows, len(timesteps), predict, step)


@settings(max_examples=40, deadline=None)
@given(frames=st.integers(1, 40), size=st.integers(1, 9), overlap=st.integers(0, 8), steps=st.integers(1, 4))
def test_stream_equals_whole_clip(frames, size, overlap, steps):
    overlap = min(overlap, size - 1)
    generator = torch.Generator().manual_seed(frames)
    noise = torch.randn(1, 2, frames, 3, 3, generator=generator)
    conditions = torch.randn(1, 2, frames, 3, 3, generator=generator)
    windows = context_windows(frames, size, overlap, cyclic=False)
    ddim = scheduler(steps)

    whole = denoise(
        lambda _: lambda latents, chosen: (None, mix(latents, conditions[:, :, list(chosen)])),
        noise,
        ddim,
        windows,
        guidance=1.0,
    )
    stream = torch.cat([f.latents for f in streamed(noise, conditions, windows, ddim)], dim=2)

    torch.testing.assert_close(stream, whole, rtol=1e-5, atol=1e-5)


def test_frames_leave_while_later_ones_have_not_been_read():
    frames, steps = 400, 4
    noise = torch.randn(1, 1, frames, 2, 2)
    windows = context_windows(frames, 16, 4, cyclic=False)
    pulled: list[int] = []
    lead = 0
    for done, _ in enumerate(streamed(noise, noise, windows, scheduler(steps), pulled)):
        lead = max(lead, len(pulled) - done)

    # a window and its neighbor a step
    assert lead <= steps * 16 + 16


def test_conditions_stay_with_their_frames():
    noise = torch.zeros(1, 1, 30, 1, 1)
    conditions = torch.arange(30.0).view(1, 1, 30, 1, 1)
    windows = context_windows(30, 8, 2, cyclic=False)

    kept = [frame.conditions.item() for frame in streamed(noise, conditions, windows, scheduler(3))]

    assert kept == list(range(30))
