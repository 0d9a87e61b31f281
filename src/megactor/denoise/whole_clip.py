"""The denoising loop over a whole clip, as a pure function.

At every step each window of frames is predicted for itself; where windows overlap the predictions are
averaged (MultiDiffusion, arXiv 2302.08113), and one scheduler step moves the whole clip.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, SchedulerMixin, UniPCMultistepScheduler
from torch import Tensor

Halves = tuple[Tensor | None, Tensor]
"""Predictions (without, with) the reference, (B, C, W, h, w) each; None where no guidance is asked for."""

WindowModel = Callable[[Tensor, Sequence[Sequence[int]]], Halves]
"""Predicts for the latents (B, C, W, h, w) of B windows, given the indices of the W frames of each."""

ModelAt = Callable[[Tensor], WindowModel]
"""Called once a step with the timestep: the place for what all windows share (the reference features)."""


SOLVERS = {"ddim": DDIMScheduler, "dpm++": DPMSolverMultistepScheduler, "unipc": UniPCMultistepScheduler}
"""Ways to follow the noise schedule from step to step.

DDIM (arXiv 2010.02502); DPM-Solver++ 2M (arXiv 2211.01095) and UniPC (arXiv 2302.04867) remember earlier predictions
and need fewer steps.
"""


def new_solver(scheduler: SchedulerMixin, steps: int, name: str | None = None) -> SchedulerMixin:
    """A solver for one clip, ready for its first step; the one given is not changed.

    Args:
        scheduler: The model's own, whose noise schedule is taken over.
        steps: Denoising steps.
        name: Key of `SOLVERS`; None for the kind of the model's own.
    """
    kind = SOLVERS[name] if name else type(scheduler)
    solver = kind.from_config(scheduler.config)
    solver.set_timesteps(steps)
    return solver


def step_arguments(scheduler: SchedulerMixin, generator: torch.Generator | None) -> dict[str, Any]:
    """What `scheduler.step` takes beside prediction, timestep and sample: randomness, for those that add noise."""
    return {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}


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
    window_batch: int = 1,
) -> Tensor:
    """Turn noise into the latents of a clip.

    Beside the latents, memory holds one prediction for the clip and whatever the model needs for its windows.

    Args:
        model_at: Model, see `ModelAt`. Its halves may lack "without", which switches guidance off.
        noise: (1, C, F, h, w) standard normal; stays on its device, the CPU for example.
        scheduler: Any diffusers scheduler with `set_timesteps` already called.
        windows: Frame indices, no frame twice in a window; together they cover all F frames.
        guidance: Guidance scale g.
        device: Where windows are handed to the model; default: where the noise is.
        generator: Randomness of schedulers that add noise.
        on_window: Called after every window of every step, for progress.
        window_batch: Windows that the model is given at once; more than 1 needs windows of equal length.

    Returns:
        (1, C, F, h, w) denoised latents, in the type and on the device of `noise`.
    """
    extra = step_arguments(scheduler, generator)
    latents = noise * scheduler.init_noise_sigma
    counts = noise.new_zeros(noise.shape[2])  # (F,) windows that hold each frame
    for frames in windows:
        counts[list(frames)] += 1

    for timestep in scheduler.timesteps:
        model = model_at(timestep)
        prediction = torch.zeros_like(latents)
        for first in range(0, len(windows), window_batch):
            chosen = [list(frames) for frames in windows[first : first + window_batch]]
            batch = torch.cat([latents[:, :, frames] for frames in chosen])
            batch = scheduler.scale_model_input(batch, timestep).to(device or noise.device)
            # Guidance is linear, so guiding each window gives the same as averaging the two halves apart.
            guided = guide(model(batch, chosen), guidance).to(prediction)
            for frames, window in zip(chosen, guided.split(1), strict=True):
                prediction[:, :, frames] += window
                if on_window is not None:
                    on_window()
        prediction /= counts[:, None, None]
        latents = scheduler.step(prediction, timestep, latents, **extra).prev_sample
    return latents
