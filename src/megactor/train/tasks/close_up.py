"""CloseUpNet learns to make eyes and mouths out of the portrait's."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from megactor.errors import InputError
from megactor.metrics.perceptual import PerceptualDistance
from megactor.metrics.pictures import psnr
from megactor.models.dense_motion import DenseMotionNet
from megactor.models.dense_motion.close_up import CloseUp, fade
from megactor.models.dense_motion.keypoints import to_gray
from megactor.models.dense_motion.sampling import pixel_centers
from megactor.train.config import CloseUpConfig
from megactor.train.samples import Batch
from megactor.train.tasks.critic import Critic, adversarial_losses
from megactor.train.tasks.task import TrainingTask, Validation, learn_only, pictures, strip

_NOISE = 0.2
"""Standard deviation of the keypoints' errors, in pixels of 128."""
_FLOW, _SHOWN, _EDGES = 0.5, 0.05, 0.5
_SHEET = 64


class CloseUpTask(TrainingTask):
    """Close-ups of the targets, from true keypoints with a little noise.

    Args:
        dense_motion: whose CloseUpNet learns.
        config: how.
        seed: of the run.
    """

    def __init__(self, dense_motion: DenseMotionNet, config: CloseUpConfig, seed: int) -> None:
        super().__init__()
        if dense_motion.close_up is None:
            raise InputError("this model has no CloseUpNet that could learn")
        self.network = dense_motion.close_up
        self.config, self.seed = config, seed
        self.critics = [Critic(3, seed + number) for number in range(2)] if config.adversarial else []
        self.critic_list = nn.ModuleList(self.critics)  # registers them
        learn_only(self, [self.network, self.critic_list])
        self.perceptual = PerceptualDistance.load() if config.perceptual else None

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `TrainingTask`; the first frame of every sample."""
        points = batch["keypoints"][:, 0]
        draws = torch.stack([torch.randn(3, *points.shape[1:], generator=g) for g in self.generators(batch)])
        draws = draws.to(points.device) * (_NOISE / 128)
        parts = self._close_ups(batch, draws)
        shown = [self._pictures(part, batch) for part in parts]
        losses = [self._losses(part, *pair, batch) for part, pair in zip(parts, shown, strict=True)]
        means = {name: torch.stack([loss[name] for loss in losses]).mean() for name in losses[0]}
        loss = means["colors"] + _EDGES * means["edges"] + _FLOW * means["flow"] + _SHOWN * means["shown"]
        if self.config.adversarial:
            contests = self._contests(shown)
            loss = loss + contests["critic"] + self.config.adversarial * contests["fooled"]
            means = means | contests
        if self.perceptual is not None:
            means["perceptual"] = torch.stack([self.perceptual(*pair).mean() for pair in shown]).mean()
            loss = loss + self.config.perceptual * means["perceptual"]
        return {"loss": loss} | means

    def _contests(self, shown: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Both eyes before one critic, the mouth before another; (B, 3, S, S) made and true of each part."""
        eyes = tuple(torch.cat(pair) for pair in zip(*shown[:2], strict=True))
        losses = [
            adversarial_losses(critic, *pair) for critic, pair in zip(self.critics, (eyes, shown[2]), strict=True)
        ]
        return {name: torch.stack([loss[name] for loss in losses]).mean() for name in losses[0]}

    def _close_ups(self, batch: Batch, noise: Tensor | float = 0.0) -> tuple[CloseUp, CloseUp, CloseUp]:
        points = batch["portrait_keypoints"], batch["driving_keypoints"][:, 0], batch["keypoints"][:, 0]
        portrait, driver, target = (torch.stack(points, 1) + noise).unbind(1)
        gray = to_gray(pictures(batch, "driving")[:, 0])
        return self.network(pictures(batch, "portrait"), gray, portrait, driver, target)

    @staticmethod
    def _pictures(part: CloseUp, batch: Batch) -> tuple[Tensor, Tensor]:
        """What was made and what is true, (B, 3, S, S)."""
        size = part.flow.shape[-1]
        places = pixel_centers(size, size, part.flow.device).view(1, size, size, 2)
        made = part.picture(pictures(batch, "portrait"), places)
        return made, part.place.pixels(pictures(batch, "target")[:, 0], size)

    @staticmethod
    def _losses(part: CloseUp, made: Tensor, true: Tensor, batch: Batch) -> dict[str, Tensor]:
        weight = _weights(made.shape[-1], made.device)
        error = made - true
        edges = (error.diff(dim=-1).abs() * weight[..., 1:]).mean() + (error.diff(dim=-2).abs() * weight[1:]).mean()
        true_flow, shown, known = _true_flow(part, batch)
        flow_error = (part.flow - true_flow).abs().sum(1, keepdim=True) * shown
        visible = F.binary_cross_entropy_with_logits(part.shown, shown, reduction="none")
        return {
            "colors": (error.abs() * weight).mean(),
            "edges": edges,
            "flow": (flow_error * weight * known).mean(),
            "shown": (visible * weight * known).mean(),
        }

    def validate(self, batch: Batch) -> Validation:
        """PSNR of the close-ups, of the portrait's own in their place, and of the portrait moved by the true flow."""
        portrait, target = pictures(batch, "portrait"), pictures(batch, "target")[:, 0]
        found: dict[str, list[Tensor]] = {"psnr": [], "psnr_still": [], "psnr_true_flow": []}
        other, sheets = (target != portrait).flatten(1).any(1), []
        for part in self._close_ups(batch):
            size = part.flow.shape[-1]
            places = pixel_centers(size, size, target.device).view(1, size, size, 2)
            true, still = part.place.pixels(target, size), part.source.pixels(portrait, size)
            moved = part._replace(flow=_true_flow(part, batch)[0], shown=torch.full_like(part.shown, 20.0))
            shown = (still, part.picture(portrait, places), true)
            for name, made in (
                ("psnr_still", still),
                ("psnr", shown[1]),
                ("psnr_true_flow", moved.picture(portrait, places)),
            ):
                found[name].append(psnr(made[other], true[other]))
            sheets.append(torch.cat([F.interpolate(column, size=(_SHEET, _SHEET)) for column in shown], -1))
        metrics = {name: float(torch.cat(values).mean()) for name, values in found.items()}
        metrics["psnr_mouth"] = float(found["psnr"][2].mean())
        columns = ("portrait", "result", "truth") * len(sheets)
        return Validation(metrics, strip(torch.cat(sheets, -1)[:, None]), columns)


def _weights(size: int, device: torch.device) -> Tensor:
    """(size, size), mean 1: the middle of a close-up counts more than its border, which fades into the frame."""
    centers = pixel_centers(size, size, device).view(size, size, 2)
    weights = fade(centers) + 2 * torch.exp((centers - 0.5).square().sum(-1) / (-2 * 0.2**2))
    return weights / weights.mean()


def _true_flow(part: CloseUp, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """The renderer's flow in units of the close-up (B, 2, S, S), what is visible and what is known."""
    size = part.flow.shape[-1]
    centers = pixel_centers(size, size, part.flow.device)
    points = part.place.back(centers)
    grid = 2 * points.view(-1, size, size, 2) - 1
    fields = torch.cat([batch["flow"][:, 0], batch["visible"][:, 0].float()], 1)
    there = F.grid_sample(fields, grid, padding_mode="border", align_corners=False)
    flow = part.source.into(points + there[:, :2].flatten(2).mT) - centers
    known = batch["flow_known"][:, None, None, None]
    return flow.mT.reshape(-1, 2, size, size), there[:, 2:], known
