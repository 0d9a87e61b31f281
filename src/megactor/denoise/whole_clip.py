"""The denoising loop over a whole clip, as a pure function.

At every step each window of frames is predicted for itself; where windows overlap the predictions are
averaged (MultiDiffusion, arXiv 2302.08113), and one scheduler step moves the whole clip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from diffusers import SchedulerMixin
from torch import Tensor

from megactor.denoise.solvers import step_arguments

Conditions = TypeVar("Conditions")
"""What the denoiser has to know of one frame."""

Predictor = Callable[[Tensor, Sequence[Sequence[Conditions]], int], Tensor]
"""(latents (B, C, W, h, w) of B windows as `scale_model_input` leaves them, the conditions of their W frames each,
number of the step) -> guided prediction (B, C, W, h, w)."""


def denoise(
    predict: Predictor[Conditions],
    conditions: Sequence[Conditions],
    noise: Tensor,
    scheduler: SchedulerMixin,
    windows: Sequence[Sequence[int]],
    *,
    generator: torch.Generator | None = None,
    window_batch: int = 1,
) -> Tensor:
    """Turn noise into the latents of a clip.

    Beside the latents, memory holds one prediction for the clip and whatever the model needs for its windows.

    Args:
        predict: Model, see `Predictor`; guidance is linear, so guiding each window is the same as guiding the average.
        conditions: Of each of the F frames.
        noise: (1, C, F, h, w) standard normal; it and the latents stay on its device, the CPU for example.
        scheduler: Any diffusers scheduler with `set_timesteps` already called.
        windows: Frame indices, no frame twice in a window; together they cover all F frames.
        generator: Randomness of schedulers that add noise.
        window_batch: Windows that the model is given at once; more than 1 needs windows of equal length.

    Returns:
        (1, C, F, h, w) denoised latents, in the type and on the device of `noise`.
    """
    extra = step_arguments(scheduler, generator)
    latents = noise * scheduler.init_noise_sigma
    counts = noise.new_zeros(noise.shape[2])  # (F,) windows that hold each frame
    for frames in windows:
        counts[list(frames)] += 1

    for step, timestep in enumerate(scheduler.timesteps):
        prediction = torch.zeros_like(latents)
        for first in range(0, len(windows), window_batch):
            batch = [list(frames) for frames in windows[first : first + window_batch]]
            sample = torch.cat([latents[:, :, frames] for frames in batch])
            known = [[conditions[i] for i in frames] for frames in batch]
            outputs = predict(scheduler.scale_model_input(sample, timestep), known, step).to(prediction)
            for frames, output in zip(batch, outputs.split(1), strict=True):
                prediction[:, :, frames] += output
        prediction /= counts[:, None, None]
        latents = scheduler.step(prediction, timestep, latents, **extra).prev_sample
    return latents
