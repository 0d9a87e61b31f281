"""What every task offers to the trainer."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from megactor.metrics.pictures import psnr
from megactor.train.samples import Batch


@dataclass(frozen=True)
class Validation:
    """How good a task is on samples that training never sees.

    metrics: name -> number.
    strips: (N, F, 3, S, W) in [0, 1], pictures to look at: N samples of F frames, columns side by side.
    columns: what each of them shows, from left to right; all are equally wide.
    """

    metrics: dict[str, float]
    strips: Tensor | None = field(default=None, repr=False)
    columns: tuple[str, ...] = ()


class TrainingTask(nn.Module, ABC):
    """Networks, which of their weights learn, and a loss. Weights that do not learn have `requires_grad` off.

    The random numbers of a step come from the numbers of its samples, so they are the same in every process and after
    every restart.
    """

    seed: int

    @abstractmethod
    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Losses of a batch as `samples.collate` makes it, on the networks' device: "loss" is to be minimized."""

    @abstractmethod
    def validate(self, batch: Batch) -> Validation:
        """Judges one batch, with the weights as they are; called without gradients."""

    def generators(self, batch: Batch) -> list[torch.Generator]:
        """A source of random numbers for each sample, on the CPU."""
        return [torch.Generator().manual_seed(mixed(self.seed, int(number))) for number in batch["number"]]

    def step_draw(self, step: int) -> float:
        """A number in [0, 1) that all processes share at this step."""
        generator = torch.Generator().manual_seed(mixed(self.seed + 1, step))
        return float(torch.rand((), generator=generator))


def mixed(seed: int, number: int) -> int:
    """One seed out of two; neighbors get unrelated ones (the finalizer of SplitMix64, Steele et al. 2014)."""
    mask = (1 << 64) - 1
    z = (seed * 0x9E3779B97F4A7C15 + number * 0xD1B54A32D192ED03 + 1) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 1


def pictures(batch: Batch, name: str) -> Tensor:
    """A uint8 picture of a batch -> float32 in [0, 1], any number of leading dimensions."""
    return batch[name].float() / 255


def known_motion(batch: Batch) -> Tensor:
    """(B * F, 1, 1, 1), 1 where the batch tells the frame's true motion, else 0."""
    return batch["flow_known"].repeat_interleave(batch["target"].shape[1])[:, None, None, None]


def learn_only(task: nn.Module, learning: list[Any]) -> None:
    """Turns gradients off everywhere in the task except in these modules."""
    task.requires_grad_(False)
    for module in learning:
        module.requires_grad_(True)


def strip(*columns: Tensor) -> Tensor:
    """(N, F, 3, S, S) pictures each -> (N, F, 3, S, columns * S); columns of one frame are repeated."""
    frames = max(column.shape[1] for column in columns)
    return torch.cat([column.expand(-1, frames, -1, -1, -1) for column in columns], dim=-1).clamp(0, 1).cpu()


def mean_psnr(result: Tensor, truth: Tensor, portrait: Tensor) -> float:
    """Mean PSNR of pictures (N, 3, S, S) in [0, 1], but for those whose truth is the portrait itself.

    The still portrait would be perfect there, and one perfect picture outweighs all others.
    """
    other = (truth != portrait).flatten(1).any(1)
    return float(psnr(result[other], truth[other]).mean())
