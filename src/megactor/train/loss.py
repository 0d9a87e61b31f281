"""The diffusion training loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler
from torch import Tensor

from megactor.denoise.guidance import guide
from megactor.models.denoiser_input import join_conditions, join_noisy
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.pose_guider import PoseGuider
from megactor.models.reference_net import ReferenceNet

OFFSET_STRENGTH = 0.1


@dataclass(frozen=True)
class TrainingBatch:
    """What one training step knows beside the noise.

    Attributes:
        clean: (B, C, F, h, w) latents of the frames to make.
        reference: (B, C, h, w) portrait latent for ReferenceNet (official: the posterior's mean).
        portrait: (B, C, F or 1, h, w) portrait latent for the denoiser's input (official: a posterior
            sample).
        background: (B, 1, F or 1, h, w), 1 = background.
        driving: (B, 3 or 1, F, H, W) driving frames in [0, 1].
        background_tokens: (B, N, D).
        visibility: (B, 1, F, h, w) of the moved portrait, or None without dense motion.
        portrait_picture: (B, 3, 512, 512) in [0, 1] for a PoseGuider with portrait modulation, else None.
    """

    clean: Tensor
    reference: Tensor
    portrait: Tensor
    background: Tensor
    driving: Tensor
    background_tokens: Tensor
    visibility: Tensor | None = None
    portrait_picture: Tensor | None = None


def training_noise(
    latents: Tensor, offset_strength: float = OFFSET_STRENGTH, generator: torch.Generator | None = None
) -> Tensor:
    """Standard normal noise plus an offset for each (item, channel), shared by all frames and pixels.

    Offset noise lets the model learn to change a picture's mean brightness (Guttenberg, 2023); the offset
    counts as part of the noise to be predicted.
    """
    noise = torch.randn(latents.shape, generator=generator, device=latents.device, dtype=latents.dtype)
    batch, channels = latents.shape[:2]
    offset = torch.randn(batch, channels, 1, 1, 1, generator=generator, device=latents.device, dtype=latents.dtype)
    return noise + offset_strength * offset


def prediction_target(scheduler: DDIMScheduler, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """What the denoiser should say, by the scheduler's `prediction_type`; (B, C, F, h, w) all."""
    kind = scheduler.config.prediction_type
    if kind == "epsilon":
        return noise
    if kind == "sample":
        return clean
    if kind == "v_prediction":
        return scheduler.get_velocity(clean, noise, timesteps)
    raise ValueError(f"no training target for prediction_type {kind!r}")


def denoiser_input(pose_guider: PoseGuider, batch: TrainingBatch, noisy: Tensor) -> Tensor:
    """The denoiser's input (B, in_channels, F, h, w) for noisy latents (B, C, F, h, w)."""
    pose = pose_guider(batch.driving, batch.portrait_picture)
    return join_noisy(noisy, join_conditions(batch.portrait, batch.background, batch.visibility, pose))


def predict(
    denoiser: DenoisingUNet,
    reference_net: ReferenceNet,
    pose_guider: PoseGuider,
    batch: TrainingBatch,
    noisy: Tensor,
    timesteps: Tensor,
    with_reference: bool = True,
) -> Tensor:
    """The denoiser's output for noisy latents, with gradients to everything on the way.

    Args:
        denoiser: Predicts from the noisy window.
        reference_net: Reads `batch.reference` at the same timesteps.
        pose_guider: Reads `batch.driving`.
        batch: See `TrainingBatch`.
        noisy: (B, C, F, h, w).
        timesteps: (B,) integers, one for each clip.
        with_reference: False leaves the portrait's features out: the unconditional prediction of guidance.

    Returns:
        (B, C, F, h, w), see `prediction_target`.
    """
    sample = denoiser_input(pose_guider, batch, noisy)
    if torch.is_grad_enabled() and not sample.requires_grad:
        # PyTorch 2.13 crashes (group_norm, channels-last, CPU) where a learning norm has an input without gradient
        sample.requires_grad_()
    reference = reference_net(batch.reference, timesteps, batch.background_tokens) if with_reference else None
    return denoiser(sample, timesteps, batch.background_tokens, reference)


def predict_guided(
    denoiser: DenoisingUNet,
    reference_net: ReferenceNet,
    pose_guider: PoseGuider,
    batch: TrainingBatch,
    noisy: Tensor,
    timesteps: Tensor,
    scale: float,
) -> Tensor:
    """As `predict`, with guidance of this scale; 1 is none."""
    if scale == 1:
        return predict(denoiser, reference_net, pose_guider, batch, noisy, timesteps)
    sample = denoiser_input(pose_guider, batch, noisy)
    reference = reference_net(batch.reference, timesteps, batch.background_tokens)
    unconditional, conditional = denoiser.guided(sample, timesteps, batch.background_tokens, reference)
    return guide(unconditional, conditional, scale)


def diffusion_loss(
    denoiser: DenoisingUNet,
    reference_net: ReferenceNet,
    pose_guider: PoseGuider,
    scheduler: DDIMScheduler,
    batch: TrainingBatch,
    noise: Tensor,
    timesteps: Tensor,
    with_reference: bool = True,
) -> Tensor:
    """Mean squared error of the denoiser's prediction.

    Args:
        denoiser: Predicts from the noisy window.
        reference_net: Reads `batch.reference` at the same timesteps.
        pose_guider: Reads `batch.driving`.
        scheduler: Noise schedule and prediction type.
        batch: See `TrainingBatch`.
        noise: As `training_noise` makes it.
        timesteps: (B,) integers, one for each clip.
        with_reference: See `predict`. The official training never left it out, though guidance needs that prediction.

    Returns:
        A scalar, in float32.
    """
    noisy = scheduler.add_noise(batch.clean, noise, timesteps)
    prediction = predict(denoiser, reference_net, pose_guider, batch, noisy, timesteps, with_reference)
    target = prediction_target(scheduler, batch.clean, noise, timesteps)
    return F.mse_loss(prediction.float(), target.float())
