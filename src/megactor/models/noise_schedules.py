"""Noise schedules: the official ones, of which training and inference do not share one, and that of nano."""

from diffusers import DDIMScheduler, SchedulerMixin

from megactor.errors import ModelError


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


def nano_schedule() -> DDIMScheduler:
    """Noise of nano: zero terminal SNR, so that the first step starts from pure noise, and the picture predicted.

    Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed" (arXiv 2305.08891).
    """
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="sample",
        clip_sample=False,
        set_alpha_to_one=True,
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )


def training_schedule(name: str, scheduler: SchedulerMixin) -> DDIMScheduler:
    """The noise that a model is trained on.

    Args:
        name: "own" for that of the model's scheduler, "official" for `official_training_schedule`.
        scheduler: the model's.

    Raises:
        ModelError: another name.
    """
    if name == "own":
        return DDIMScheduler.from_config(scheduler.config)
    if name == "official":
        return official_training_schedule()
    raise ModelError(f"the model asks for the training schedule {name!r}: known are 'own' and 'official'")
