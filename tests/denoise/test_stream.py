"""The streaming denoiser must give what the whole-clip loop gives, without ever holding the whole clip."""

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from megactor.denoise.stream import StreamFrame, denoise_chunks, denoise_stream
from megactor.denoise.whole_clip import denoise
from megactor.denoise.windows import context_windows


def scheduler(steps: int) -> DDIMScheduler:
    ddim = DDIMScheduler(clip_sample=False, prediction_type="sample", timestep_spacing="trailing")
    ddim.set_timesteps(steps)
    return ddim


def mix(latents: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
    """A stand-in for a denoiser: depends on all frames of the window and on each frame's condition."""
    return 0.5 * latents + 0.3 * latents.mean(dim=2, keepdim=True) + conditions


def frames_of(noise, conditions, ddim, pulled=None):
    for i in range(noise.shape[2]):
        if pulled is not None:
            pulled.append(i)
        yield StreamFrame(noise[:, :, i : i + 1], conditions[:, :, i : i + 1], ddim)


def predict(latents, windows, step):
    """The stand-in as a `Predictor`."""
    return mix(latents, torch.cat([torch.cat(list(window), dim=2) for window in windows]))


def streamed(noise, conditions, windows, ddim, pulled=None, window_batch=1):
    frames = frames_of(noise, conditions, ddim, pulled)
    return denoise_stream(frames, windows, len(ddim.timesteps), predict, window_batch=window_batch)


WINDOWS = st.integers(1, 9).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1)))


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(1, 40),
    size=st.integers(1, 9),
    overlap=st.integers(0, 8),
    steps=st.integers(1, 4),
    batch=st.integers(1, 3),
)
def test_stream_equals_whole_clip(frames, size, overlap, steps, batch):
    overlap = min(overlap, size - 1)
    generator = torch.Generator().manual_seed(frames)
    noise = torch.randn(1, 2, frames, 3, 3, generator=generator)
    conditions = torch.randn(1, 2, frames, 3, 3, generator=generator)
    windows = context_windows(frames, size, overlap, cyclic=False)
    ddim = scheduler(steps)

    whole = denoise(predict, conditions.split(1, dim=2), noise, ddim, windows)
    stream = torch.cat([f.latents for f in streamed(noise, conditions, windows, ddim, window_batch=batch)], dim=2)

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


def test_a_thousand_steps_are_not_too_many():
    ddim = scheduler(1000)
    noise, conditions = torch.randn(2, 1, 1, 3, 1, 1)
    frames = list(streamed(noise, conditions, [[0, 1], [1, 2]], ddim))
    assert len(frames) == 3


def test_conditions_stay_with_their_frames():
    noise = torch.zeros(1, 1, 30, 1, 1)
    conditions = torch.arange(30.0).view(1, 1, 30, 1, 1)
    windows = context_windows(30, 8, 2, cyclic=False)

    kept = [frame.conditions.item() for frame in streamed(noise, conditions, windows, scheduler(3))]

    assert kept == list(range(30))


@settings(max_examples=20, deadline=None)
@given(frames=st.integers(1, 30), chunk=st.integers(1, 8), steps=st.integers(1, 4))
def test_chunks_alone_are_windows_without_overlap(frames, chunk, steps):
    frames -= frames % -chunk  # whole chunks: the last window of a clip reaches back for more frames
    noise = torch.randn(1, 2, frames, 3, 3, generator=torch.Generator().manual_seed(frames))
    ddim = scheduler(steps)
    windows = context_windows(frames, chunk, 0, cyclic=False)

    chunked = denoise_chunks(frames_of(noise, noise, ddim), chunk, chunk, steps, predict)

    expected = [f.latents for f in streamed(noise, noise, windows, ddim)]
    torch.testing.assert_close([f.latents for f in chunked], expected)


@pytest.mark.parametrize("kind", [DPMSolverMultistepScheduler, UniPCMultistepScheduler, EulerDiscreteScheduler])
def test_solvers_with_a_memory_keep_it_frame_by_frame(kind):
    solver = kind.from_config(scheduler(1).config)
    solver.set_timesteps(5)
    noise = torch.randn(1, 2, 30, 3, 3, generator=torch.Generator().manual_seed(0)) * solver.init_noise_sigma
    windows = context_windows(30, 8, 2, cyclic=False)

    interleaved = torch.cat([f.latents for f in streamed(noise, noise, windows, solver)], dim=2)

    whole = denoise(predict, noise.split(1, dim=2), noise / solver.init_noise_sigma, solver, windows)
    torch.testing.assert_close(interleaved, whole, rtol=1e-4, atol=1e-4)


def test_a_chunk_sees_the_frames_before_it_at_its_own_step():
    noise = torch.randn(1, 1, 12, 2, 2)
    ddim = scheduler(3)
    seen: list[tuple[int, list[int]]] = []
    latents_at: dict[tuple[int, int], torch.Tensor] = {}

    def watching(latents, windows, step):
        (window,) = windows
        numbers = [int(conditions.flatten()[0]) for conditions in window]
        seen.append((step, numbers))
        for number, own in zip(numbers, latents.unbind(2), strict=True):
            # never another noise level than the one it had in its own chunk
            torch.testing.assert_close(latents_at.setdefault((step, number), own), own)
        return predict(latents, windows, step)

    numbers = torch.arange(12.0).view(1, 1, 12, 1, 1)
    list(denoise_chunks(frames_of(noise, numbers, ddim), 4, 6, 3, watching))

    expected = [[0, 1, 2, 3], [2, 3, 4, 5, 6, 7], [6, 7, 8, 9, 10, 11]]
    assert seen == [(index, window) for window in expected for index in range(3)]


@pytest.mark.parametrize("chunk", [1, 4])
def test_chunks_come_out_before_more_is_read(chunk):
    noise = torch.randn(1, 1, 50, 2, 2)
    ddim, pulled = scheduler(2), []
    frames = frames_of(noise, noise, ddim, pulled)
    lead = 0
    for done, _ in enumerate(denoise_chunks(frames, chunk, 6, 2, predict)):
        lead = max(lead, len(pulled) - done)

    assert lead == chunk
