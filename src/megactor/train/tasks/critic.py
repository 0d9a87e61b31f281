"""A critic: the adversarial part of a loss.

Where a face turns, what comes into view can be many things, and the mean of many things is haze. A critic that learns
to tell results from true frames makes the networks choose one of them, as PatchGAN does (Isola et al., 2017,
arXiv 1611.07004), with the hinge loss (Lim and Ye, 2017, arXiv 1705.02894) and its features compared as well
(Wang et al., 2018, arXiv 1711.11585).
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

_CHANNELS = (32, 64, 128)
_GROUPS = 8
_SLOPE = 0.2
_FEATURES = 4.0
"""Weight of the features' distance, relative to the critic's opinion."""


class Critic(nn.Module):
    """Says of every patch of a picture whether it is real, above zero, or made.

    Args:
        in_channels: of the pictures, with whatever it is told beside their colors.
        seed: of its weights, so that a run does not depend on what was drawn before it.
    """

    def __init__(self, in_channels: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            widths = (in_channels, *_CHANNELS)
            self.levels = nn.ModuleList(
                nn.Sequential(
                    nn.Conv2d(before, after, 4, 2, 1),
                    nn.GroupNorm(_GROUPS, after) if before != in_channels else nn.Identity(),
                    nn.LeakyReLU(_SLOPE),
                )
                for before, after in pairwise(widths)
            )
            self.opinion = nn.Conv2d(_CHANNELS[-1], 1, 3, 1, 1)

    def forward(self, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(N, C, S, S) -> (N, 1, S / 8, S / 8) and the features of every level."""
        features = []
        for level in self.levels:
            picture = level(picture)
            features.append(picture)
        return self.opinion(picture), features


def adversarial_losses(critic: Critic, made: Tensor, true: Tensor) -> dict[str, Tensor]:
    """Both sides of the contest, so that one backward pass and one optimizer do.

    Args:
        critic: whose weights get gradients from its own loss only.
        made: (N, C, S, S) in [0, 1], with gradients to what made them, which come from "fooled" only.
        true: (N, C, S, S) in [0, 1].

    Returns:
        "critic": what the critic minimizes. "fooled": what the maker minimizes.
    """
    real, wanted = critic(true * 2 - 1)
    fake, _ = critic(made.detach() * 2 - 1)
    fixed = {name: weight.detach() for name, weight in critic.named_parameters()}
    opinion, features = functional_call(critic, fixed, (made * 2 - 1,))
    apart = [F.l1_loss(mine, other.detach()) for mine, other in zip(features, wanted, strict=True)]
    return {
        "critic": F.relu(1 - real).mean() + F.relu(1 + fake).mean(),
        "fooled": -opinion.mean() + _FEATURES * torch.stack(apart).mean(),
    }
