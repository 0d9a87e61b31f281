"""Ways to follow a model's noise schedule from step to step."""

import inspect
from typing import Any

import diffusers
import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin

SOLVERS = {"ddim": "DDIMScheduler", "dpm++": "DPMSolverMultistepScheduler", "unipc": "UniPCMultistepScheduler"}
"""Classes of diffusers, which import scipy where it is installed, so not before one is used.

DDIM (arXiv 2010.02502); DPM-Solver++ 2M (arXiv 2211.01095) and UniPC (arXiv 2302.04867) remember earlier predictions
and need fewer steps."""


def new_solver(scheduler: SchedulerMixin, steps: int, name: str | None = None) -> SchedulerMixin:
    """A solver for one clip, ready for its first step; the one given is not changed.

    Args:
        scheduler: The model's own, whose noise schedule is taken over.
        steps: Denoising steps.
        name: Key of `SOLVERS`; None for the kind of the model's own.
    """
    kind = getattr(diffusers, SOLVERS[name]) if name else type(scheduler)
    solver = kind.from_config(scheduler.config)
    solver.set_timesteps(steps)
    return solver


def step_arguments(scheduler: SchedulerMixin, generator: torch.Generator | None) -> dict[str, Any]:
    """What `scheduler.step` takes beside prediction, timestep and sample: randomness, for those that add noise."""
    return {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
