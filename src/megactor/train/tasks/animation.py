"""What the tasks share that train the method itself: a batch as latents and conditions, and how results are judged."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from megactor.errors import InputError
from megactor.metrics.pictures import ssim
from megactor.models.background_encoder import CLIP_MEAN, CLIP_STD, background_tokens
from megactor.models.denoiser_input import visibility_latents
from megactor.models.dense_motion import MotionLogits
from megactor.train.config import AnimationConfig
from megactor.train.loss import TrainingBatch, predict_guided
from megactor.train.networks import Networks
from megactor.train.samples import Batch
from megactor.train.tasks.body import seen_body
from megactor.train.tasks.finder_errors import found_keypoints, keypoints_with_errors
from megactor.train.tasks.layers import (
    are_known,
    finished_picture,
    moved_background,
    moved_picture,
    outline_error,
    portrait_layers,
)
from megactor.train.tasks.regions import region_weights
from megactor.train.tasks.task import TrainingTask, Validation, mean_psnr, pictures, strip

MODULATION_SIZE = 512
"""The PoseGuider's portrait modulation was built for 512 x 512, whatever the size of the video."""

_VAE_BATCH = 8


class MotionGuess(NamedTuple):
    """Dense motion of all frames of a batch.

    portrait: (B * F, 3, S, S) in [0, 1], once for every frame.
    motion: of B * F frames.
    """

    portrait: Tensor
    motion: MotionLogits


def _parameters(task: "AnimationTask", name: str) -> Iterator[nn.Parameter]:
    """Weights of one name of `config.AnimationConfig.train`."""
    if name == "dense_motion":
        yield from task.dense_motion.unet.parameters()
        if task.dense_motion.body is not None:
            yield from task.dense_motion.body.parameters()
        return
    if name not in ("unet", "motion_modules"):
        yield from getattr(task, name).parameters()
        return
    for path, parameter in task.unet.named_parameters():
        if (".motion." in path) == (name == "motion_modules"):
            yield parameter


class AnimationTask(TrainingTask):
    """Denoiser, ReferenceNet and PoseGuider in training; what is minimized is left to the tasks.

    Args:
        networks: all of them; those that do not learn stay as they are.
        config: what learns, and how.
        seed: of the run.
    """

    def __init__(self, networks: Networks, config: AnimationConfig, seed: int) -> None:
        super().__init__()
        parts = networks.components
        self.vae, self.image_encoder = parts["vae"], parts["image_encoder"]
        self.reference_net, self.pose_guider = parts["reference_net"], parts["pose_guider"]
        self.unet, self.dense_motion = parts["unet"], parts["dense_motion"]
        self.noise, self.scheduler = networks.noise, parts["scheduler"]
        self.steps = int(networks.settings.get("default_steps", 25))
        self.seed = seed
        self.motion_learns = "dense_motion" in config.train
        self.samples_targets = config.target_latents == "sample"
        self.validation_guidance = config.validation_guidance
        if self.motion_learns and self.dense_motion is None:
            raise InputError("task.train names dense_motion, which this model does not have")
        self.requires_grad_(False)
        for name in config.train:
            for parameter in _parameters(self, name):
                parameter.requires_grad_(True)

    @property
    def has_outline(self) -> bool:
        """Whether latents tell the person's outline beside colors."""
        return bool(self.unet.config.matte_channels)

    def clean_latents(self, batch: Batch, generators: list[torch.Generator] | None = None) -> Tensor:
        """(B, C, F, h, w), of the frames to make.

        Args:
            batch: as it comes.
            generators: of the posterior's samples, where training wants them; None takes its mean.

        Raises:
            InputError: the denoiser makes an outline, and the batch knows none.
        """
        target = pictures(batch, "target")
        if self.has_outline:
            if not are_known(batch):
                raise InputError("this model's denoiser makes the person's outline: its recipe needs data.layers: true")
            target = torch.cat([target, pictures(batch, "matte")], 2)
        with torch.no_grad():
            if generators is None or not self.samples_targets:
                latents = self._latents(target.flatten(0, 1)).unflatten(0, target.shape[:2])
            else:
                parts = [self._latents(frames, generator) for frames, generator in zip(target, generators, strict=True)]
                latents = torch.stack(parts)
            return latents.transpose(1, 2)

    def motion(self, batch: Batch, generators: list[torch.Generator] | None = None) -> MotionGuess | None:
        """What dense motion says of the batch's frames, with gradients where it learns; None for models without it.

        Args:
            batch: as it comes.
            generators: of the errors of true keypoints; None has them found.
        """
        if self.dense_motion is None:
            return None
        portrait, driving = pictures(batch, "portrait"), pictures(batch, "driving")
        frames = driving.shape[1]
        repeated = portrait.repeat_interleave(frames, 0)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.motion_learns):
            if generators is None:
                seen = found_keypoints(self.dense_motion, batch)
            else:
                seen = keypoints_with_errors(batch, generators)
            body = seen_body(batch, generators or self.generators(batch))
            points, layered = seen.moved(self.dense_motion), are_known(batch)
            motion = self.dense_motion.logits(
                repeated,
                driving.flatten(0, 1),
                seen.portrait,
                points,
                layered,
                body,
                in_mirror=not self.motion_learns,  # as in use, unless it would cost twice to learn
            )
        return MotionGuess(repeated, motion)

    def inputs(
        self, batch: Batch, clean: Tensor, generators: list[torch.Generator], motion: MotionGuess | None
    ) -> TrainingBatch:
        """Everything beside the noise; what does not learn needs no gradients."""
        portrait, driving = pictures(batch, "portrait"), pictures(batch, "driving")
        background = batch["portrait_background"].float()
        size = clean.shape[-2:]
        with torch.no_grad():
            distribution = self.vae.encode(portrait * 2 - 1).latent_dist
            scale = self.vae.config.scaling_factor
            mean = distribution.mean
            draws = torch.stack([torch.randn(mean.shape[1:], generator=g) for g in generators]).to(mean)
            moved = (mean + distribution.std * draws)[:, :, None] * scale
            outside, visibility = F.interpolate(background, size=size, mode="nearest")[:, :, None], None
            modulation = None
            if self.pose_guider.config.portrait_modulation:
                modulation = F.interpolate(portrait, size=MODULATION_SIZE, mode="bilinear", align_corners=False)
        if motion is not None:
            moved, outside, visibility = self._move(batch, *motion, size)
        return TrainingBatch(
            clean=clean,
            reference=mean * scale,
            portrait=moved,
            background=outside,
            visibility=visibility,
            driving=driving.transpose(1, 2),
            background_tokens=self._tokens(portrait * background),
            portrait_picture=modulation,
        )

    def _move(self, batch: Batch, portrait: Tensor, motion: MotionLogits, size: Any) -> tuple[Tensor, ...]:
        """Portrait latents (B, C, F, h, w) and background (B, 1, F, h, w) moved into place; visibility, likewise."""
        outside = F.interpolate(moved_background(batch, motion.flow), size=size, mode="area")
        # without gradient: a finished picture always gains a little by haze in place of a portrait that is a pixel off
        visibility = motion.visibility.detach().sigmoid()
        visibility = visibility_latents(visibility, self.unet.config.mask_channels - 1, size)
        if self.has_outline:
            layers = portrait_layers(batch, portrait).moved(motion.flow)
            moved = torch.cat([layers.person, layers.matte], 1)
        else:
            moved = moved_picture(batch, portrait, motion.flow)
        latents = self._latents(moved)
        samples = len(batch["target"])
        return tuple(part.unflatten(0, (samples, -1)).transpose(1, 2) for part in (latents, outside, visibility))

    def _tokens(self, picture: Tensor) -> Tensor:
        size = self.image_encoder.config.image_size
        small = F.interpolate(picture, size=size, mode="bicubic", align_corners=False, antialias=True)
        mean, std = (picture.new_tensor(values)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
        return background_tokens(self.image_encoder, (small.clamp(0, 1) - mean) / std)

    def _latents(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(N, 3 or 4, S, S) in [0, 1] -> (N, C, h, w): the posterior's mean, or with a generator a sample of it."""
        parts = []
        for part in images.split(_VAE_BATCH):
            posterior = self.vae.encode(part * 2 - 1).latent_dist
            latents = posterior.mean
            if generator is not None:
                latents = latents + posterior.std * torch.randn(latents.shape, generator=generator).to(latents)
            parts.append(latents)
        return torch.cat(parts) * self.vae.config.scaling_factor

    def decode(self, latents: Tensor) -> Tensor:
        """(B, C, F, h, w) -> (B * F, 3 or 4, S, S), nominally in [0, 1]."""
        flat = latents.transpose(1, 2).flatten(0, 1) / self.vae.config.scaling_factor
        return torch.cat([self.vae.decode(part).sample for part in flat.split(_VAE_BATCH)]) / 2 + 0.5

    def validate(self, batch: Batch) -> Validation:
        """Samples the batch's frames with the model's own number of steps and compares them with the truth."""
        target, clean = pictures(batch, "target"), self.clean_latents(batch)
        generators = self.generators(batch)
        inputs = self.inputs(batch, clean, generators, self.motion(batch))
        noise = torch.stack([torch.randn(clean.shape[1:], generator=g) for g in generators]).to(clean)
        latents = noise * self.scheduler.init_noise_sigma
        self.scheduler.set_timesteps(self.steps)
        networks = self.unet, self.reference_net, self.pose_guider
        for timestep in self.scheduler.timesteps:
            steps = timestep.expand(len(clean)).to(clean.device)
            output = predict_guided(*networks, inputs, latents, steps, self.validation_guidance).float()
            latents = self.scheduler.step(output, timestep, latents).prev_sample
        made = self.decode(latents).clamp(0, 1)
        result = finished_picture(batch, made)
        portrait = pictures(batch, "portrait")[:, None].expand_as(target)
        columns = (portrait, pictures(batch, "driver_shown"), result.unflatten(0, target.shape[:2]), target)
        weights = region_weights(batch["keypoints"].flatten(0, 1), target.shape[-1])
        truth, still = target.flatten(0, 1), portrait.flatten(0, 1)
        return Validation(
            {
                "psnr": mean_psnr(result, truth, still),
                "psnr_still": mean_psnr(still, truth, still),
                "ssim": float(ssim(result, truth).mean()),
                "face_error": float(((result - truth).abs() * weights).mean()),
            }
            | ({"matte_error": float(outline_error(batch, made))} if self.has_outline else {}),
            strip(*columns),
            ("portrait", "driver", "result", "truth"),
        )
