"""The training of the paper: one denoising step of a random timestep."""

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.metrics.perceptual import PerceptualDistance
from megactor.train.config import DiffusionConfig
from megactor.train.loss import diffusion_loss, predict, training_noise
from megactor.train.networks import Networks
from megactor.train.samples import Batch
from megactor.train.tasks.animation import AnimationTask
from megactor.train.tasks.critic import Critic, adversarial_losses
from megactor.train.tasks.hidden import hidden_weights, shown_truth, told_truth
from megactor.train.tasks.layers import finished_picture, outline_error
from megactor.train.tasks.motion import motion_losses
from megactor.train.tasks.regions import region_weights
from megactor.train.tasks.task import pictures

_OUTLINE = 4.0
"""Weight of the outline's error beside that of the picture."""


class DiffusionTask(AnimationTask):
    """Denoiser, ReferenceNet and PoseGuider learn to animate.

    Args:
        networks: all of them; those that do not learn stay as they are.
        config: what learns, and how.
        seed: of the run.
    """

    def __init__(self, networks: Networks, config: DiffusionConfig, seed: int) -> None:
        super().__init__(networks, config, seed)
        self.config = config
        self.critic = Critic(3, seed) if config.adversarial else None
        self.perceptual = PerceptualDistance.load() if config.perceptual else None

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `TrainingTask`."""
        generators = self.generators(batch)
        clean = self.clean_latents(batch, generators)
        motion = self.motion(batch, generators)
        guess, weights = motion, None
        if motion is not None and (self.config.told_truth or self.config.hidden):
            shown = shown_truth(batch, motion.portrait)
            told = [float(torch.rand((), generator=generator)) < self.config.told_truth for generator in generators]
            guess = motion._replace(motion=told_truth(motion.motion, shown, batch, told))
            weights = hidden_weights(batch, shown, self.config.hidden)
        inputs = self.inputs(batch, clean, generators, guess)
        noise = torch.cat(
            [training_noise(clean[:1].cpu(), self.config.offset_noise, generator) for generator in generators]
        ).to(clean)
        timesteps = torch.stack([self._timestep(generator) for generator in generators]).to(clean.device)
        with_reference = self.step_draw(step) >= self.config.without_reference
        networks = self.unet, self.reference_net, self.pose_guider
        parts: dict[str, Tensor] = {}
        if self.config.loss == "prediction":
            loss = diffusion_loss(*networks, self.noise, inputs, noise, timesteps, with_reference)
        else:
            noisy = self.noise.add_noise(clean, noise, timesteps)
            made = self.decode(predict(*networks, inputs, noisy, timesteps, with_reference).float())
            frames = finished_picture(batch, made)
            target = pictures(batch, "target").flatten(0, 1)
            loss = parts["animation"] = picture_loss(frames, target, batch["keypoints"].flatten(0, 1), weights)
            if self.has_outline:
                parts["outline"] = outline_error(batch, made)
                loss = loss + _OUTLINE * parts["outline"]
            if self.critic is not None:
                parts |= adversarial_losses(self.critic, frames, target)
                loss = loss + parts["critic"] + self.config.adversarial * parts["fooled"]
            if self.perceptual is not None:
                parts["perceptual"] = self.perceptual(frames, target).mean()
                loss = loss + self.config.perceptual * parts["perceptual"]
            if self.config.changes:
                parts["changes"] = change_error(frames, target, batch["target"].shape[1])
                loss = loss + self.config.changes * parts["changes"]
        if motion is not None and self.motion_learns:
            known = motion_losses(motion.motion, motion.portrait, batch)
            loss = loss + known.pop("loss")
            parts |= known
        return {"loss": loss} | parts

    def _timestep(self, generator: torch.Generator) -> Tensor:
        count = self.noise.config.num_train_timesteps
        pure, timestep = torch.rand((), generator=generator), torch.randint(count, (), generator=generator)
        return torch.tensor(count - 1) if pure < self.config.pure_noise else timestep


def change_error(result: Tensor, target: Tensor, frames: int) -> Tensor:
    """Mean absolute error of what changes from frame to frame: what trembles in the result and rests in the truth.

    Args:
        result: (B * F, 3, S, S), nominally in [0, 1].
        target: the same, in [0, 1].
        frames: F, at least 2.
    """
    changes = (pictures.unflatten(0, (-1, frames)).diff(dim=1) for pictures in (result, target))
    return F.l1_loss(*changes)


def picture_loss(result: Tensor, target: Tensor, keypoints: Tensor, heavier: Tensor | None = None) -> Tensor:
    """Absolute and squared error with eyes and mouth weighted, and gradients at three scales, which keep edges sharp.

    Args:
        result: (N, 3, S, S), nominally in [0, 1].
        target: (N, 3, S, S) in [0, 1].
        keypoints: (N, 70, 2) in picture units.
        heavier: (N, 1, S, S), factor of the errors of each pixel.
    """
    weights = region_weights(keypoints, target.shape[-1], most=None)
    error = result - target
    if heavier is not None:
        weights = weights * heavier
    loss = (error.abs() * weights).mean() + 2 * (error.square() * weights).mean()
    for scale in (1, 2, 4):
        coarse = F.avg_pool2d(error if heavier is None else error * heavier, scale)
        loss = loss + 0.5 * (coarse.diff(dim=-1).abs().mean() + coarse.diff(dim=-2).abs().mean())
    return loss
