"""Few steps instead of many: a student learns to do in one step what its teacher does in several.

Progressive distillation (Salimans and Ho, arXiv 2202.00512) straight to the final number of steps, with the teacher's
guidance folded into the student (Meng et al., arXiv 2210.03142). The student samples deterministically with DDIM, so
streaming and windows work as before.
"""

import copy

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from megactor.train.config import DistillationConfig
from megactor.train.loss import TrainingBatch, predict, predict_guided
from megactor.train.networks import Networks
from megactor.train.samples import Batch
from megactor.train.tasks.animation import AnimationTask


class DistillationTask(AnimationTask):
    """One step of the student against several steps of the teacher, which is the model as it was.

    The model that comes out samples in `config.steps` steps without guidance.

    Args:
        networks: the teacher's, of which some become the student's.
        config: what learns, and how.
        seed: of the run.
    """

    def __init__(self, networks: Networks, config: DistillationConfig, seed: int) -> None:
        super().__init__(networks, config, seed)
        self.config = config
        self.teacher_unet, self.teacher_reference_net, self.teacher_pose_guider = (
            copy.deepcopy(network).requires_grad_(False)
            for network in (self.unet, self.reference_net, self.pose_guider)
        )
        # trailing: the first of few steps has to start from pure noise
        self.scheduler = DDIMScheduler.from_config(self.scheduler.config, timestep_spacing="trailing")
        self.steps = config.steps
        networks.components["scheduler"] = self.scheduler
        networks.settings |= {"default_steps": config.steps, "default_guidance": 1.0}

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `TrainingTask`."""
        generators = self.generators(batch)
        clean = self.clean_latents(batch, generators)
        inputs = self.inputs(batch, clean, generators, self.motion(batch, generators))
        noise = torch.stack([torch.randn(clean.shape[1:], generator=generator) for generator in generators]).to(clean)
        interval = torch.stack([torch.randint(self.steps, (), generator=generator) for generator in generators])
        count = self.scheduler.config.num_train_timesteps
        start = (count - interval * count // self.steps - 1).to(clean.device)
        end = (count - (interval + 1) * count // self.steps - 1).to(clean.device)

        noisy = self.scheduler.add_noise(clean, noise, start)
        target = self._one_step_target(noisy, self._teach(inputs, noisy, start, end), start, end)
        output = predict(self.unet, self.reference_net, self.pose_guider, inputs, noisy, start).float()
        picture, _ = self._picture_and_noise(output, noisy, start)
        signal, sigma = self._levels(start)
        # errors of the picture in units of the noise where there is little of it (Salimans and Ho: truncated SNR)
        weight = (signal / sigma).square().clamp(min=1)
        return {"loss": (weight * (picture - target).square()).mean()}

    @torch.no_grad()
    def _teach(self, inputs: TrainingBatch, latents: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """Latents (B, C, F, h, w) at timesteps `end`, from those at `start` by the teacher's small steps."""
        substeps = self.config.teacher_steps
        timestep = start
        for number in range(1, substeps + 1):
            following = start + (end - start) * number // substeps
            output = self._guided(inputs, latents, timestep).float()
            picture, noise = self._picture_and_noise(output, latents, timestep)
            signal, sigma = self._levels(following)
            latents, timestep = signal * picture + sigma * noise, following
        return latents

    def _guided(self, inputs: TrainingBatch, latents: Tensor, timesteps: Tensor) -> Tensor:
        networks = self.teacher_unet, self.teacher_reference_net, self.teacher_pose_guider
        return predict_guided(*networks, inputs, latents, timesteps, self.config.guidance)

    def _one_step_target(self, noisy: Tensor, moved: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """The picture that takes DDIM from `noisy` to `moved` in one step (Salimans and Ho, appendix G)."""
        signal, sigma = self._levels(start)
        signal_after, sigma_after = self._levels(end)
        ratio = sigma_after / sigma
        return (moved - ratio * noisy) / (signal_after - ratio * signal)

    def _picture_and_noise(self, output: Tensor, noisy: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """What the denoiser's output says of the clean latents and of the noise."""
        signal, sigma = self._levels(timesteps)
        kind = self.scheduler.config.prediction_type
        if kind == "sample":
            return output, (noisy - signal * output) / sigma
        if kind == "v_prediction":
            return signal * noisy - sigma * output, signal * output + sigma * noisy
        return (noisy - sigma * output) / signal, output

    def _levels(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """Amplitudes (B, 1, 1, 1, 1) of picture and noise; timestep -1 is the end."""
        table = torch.cat([self.scheduler.final_alpha_cumprod.view(1), self.scheduler.alphas_cumprod])
        power = table.to(timesteps.device)[timesteps + 1].view(-1, 1, 1, 1, 1)
        return power.sqrt(), (1 - power).sqrt()
