"""The denoising loop, as a pure function, and the official noise schedules.

At every step each window of frames is predicted for itself; where windows overlap the predictions are
averaged (MultiDiffusion, arXiv 2302.08113), and one scheduler step moves the whole clip.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import DDIMScheduler, SchedulerMixin
from torch import Tensor

Halves = tuple[Tensor | None, Tensor]
"""Predictions (without, with) the reference, (1, C, W, h, w) each; None where no guidance is asked for."""

WindowModel = Callable[[Tensor, Sequence[int]], Halves]
"""Predicts for the latents (1, C, W, h, w) of a window, given the indices of its W frames."""

ModelAt = Callable[[Tensor], WindowModel]
"""Called once a step with the timestep: the place for what all windows share (the reference features)."""


def official_ddim() -> DDIMScheduler:
    """The scheduler that the official inference effectively uses.

    The official config says `steps_offset=0` and `clip_sample=True`; its pipeline overrides both.
    """
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="linear",
        clip_sample=False,
        steps_offset=1,
        timestep_spacing="leading",
        prediction_type="epsilon",
    )


def official_training_schedule() -> DDIMScheduler:
    """The noise schedule of the official training; it is not the one of `official_ddim`."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        steps_offset=1,
        rescale_betas_zero_snr=True,
        prediction_type="epsilon",
    )


def guide(halves: Halves, guidance: float) -> Tensor:
    """Classifier-free guidance (arXiv 2207.12598): without + guidance * (with - without)."""
    without, with_reference = halves
    if without is None:
        return with_reference
    return without + guidance * (with_reference - without)


def denoise(
    model_at: ModelAt,
    noise: Tensor,
    scheduler: SchedulerMixin,
    windows: Sequence[Sequence[int]],
    guidance: float,
    *,
    device: torch.device | str | None = None,
    generator: torch.Generator | None = None,
    on_window: Callable[[], None] | None = None,
) -> Tensor:
    """Turn noise into the latents of a clip.

    Beside the latents, memory holds one prediction for the clip and whatever the model needs for one window.

    Args:
        model_at: Model, see `ModelAt`. Its halves may lack "without", which switches guidance off.
        noise: (1, C, F, h, w) standard normal; stays on its device, the CPU for example.
        scheduler: Any diffusers scheduler with `set_timesteps` already called.
        windows: Frame indices, no frame twice in a window; together they cover all F frames.
        guidance: Guidance scale g.
        device: Where windows are handed to the model; default: where the noise is.
        generator: Randomness of schedulers that add noise.
        on_window: Called after every window of every step, for progress.

    Returns:
        (1, C, F, h, w) denoised latents, in the type and on the device of `noise`.
    """
    extra: dict[str, Any] = {}
    if "generator" in inspect.signature(scheduler.step).parameters:
        extra["generator"] = generator
    latents = noise * scheduler.init_noise_sigma
    counts = noise.new_zeros(noise.shape[2])  # (F,) windows that hold each frame
    for frames in windows:
        counts[list(frames)] += 1

    for timestep in scheduler.timesteps:
        model = model_at(timestep)
        prediction = torch.zeros_like(latents)
        for frames in windows:
            chosen = list(frames)
            window = scheduler.scale_model_input(latents[:, :, chosen], timestep).to(device or noise.device)
            # Guidance is linear, so guiding each window gives the same as averaging the two halves apart.
            prediction[:, :, chosen] += guide(model(window, frames), guidance).to(prediction)
            if on_window is not None:
                on_window()
        prediction /= counts[:, None, None]
        latents = scheduler.step(prediction, timestep, latents, **extra).prev_sample
    return latents
