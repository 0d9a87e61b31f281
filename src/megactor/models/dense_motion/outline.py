"""Where the person ends: the moved portrait's matte, or what the small model says of it where that is another.

The first is sharp and may be wrong; the second is as soft as it is unsure. Adding the difference would show both edges.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion.enlargement import enlarged
from megactor.models.dense_motion.nearby import mean_nearby, most_nearby
from megactor.models.dense_motion.smoothstep import smoothstep

_ADDED, _TAKEN = 0.5, 0.02
"""A person is added where the outline has more than the first, and taken away where it has less of them than the moved
one by more than the second. One who is added where they may be or may not be is a veil beside hair; where one is taken
away the plate is seen, which is right more often than the portrait's rim."""
_ALL = 0.4
"""Change, within two pixels, from which on nothing of the moved edge is left; below it, tips of hair are worth more."""
_BROAD, _ELSEWHERE = 7, (0.12, 0.3)
"""Where motion is rigid the moved edge is shown, sharp, though it may lie some of a pixel beside the true one. Not so
where the change is broad: where its mean over so many pixels is above the first number, surely from the second on."""
_CONTRAST = 1.25
"""Of the small model's outline. 1 is nearer to the truth, and a glow around heads at the result's size; the sharper it
is, the better single frames look and the farther they are from the truth (model card)."""


def outlined(matte: Tensor, outline: Tensor, generated: Tensor, rigid: Tensor) -> Tensor:
    """A matte with another outline where the small model surely says so.

    Args:
        matte: (1, 1, H, W) in [0, 1], of the moved portrait.
        outline: (1, 1, h, w) in [0, 1], how much of a pixel the person covers as the small model says.
        generated: (1, 1, h, w) in [0, 1], how far it is to be asked.
        rigid: (1, 1, ., .) in [0, 1], how rigid the motion is, see `rigidity.rigid`.

    Returns:
        (1, 1, H, W) in [0, 1], the same numbers as before wherever nothing changes within four pixels of `outline`.
    """
    known = F.interpolate(matte, size=outline.shape[-2:], mode="area")
    change = _change(known, outline) * generated
    rigid = F.interpolate(rigid, size=outline.shape[-2:], mode="bilinear")
    change = change * (1 - rigid * (1 - _is_broad(change)))
    share = most_nearby(smoothstep(change.abs() / _ALL), 5, faded=3)
    share = F.interpolate(share, size=matte.shape[-2:], mode="bilinear")
    made = enlarged((known + change).clamp(0, 1), matte.shape[-1])
    return torch.lerp(matte, ((made - 0.5) * _CONTRAST + 0.5).clamp(0, 1), share)


def _change(known: Tensor, outline: Tensor) -> Tensor:
    """How far an outline surely changes what is known of it, of what is said to change."""
    more = (outline - _ADDED) / (1 - _ADDED) - known
    less = (known - outline - _TAKEN) / (1 - _TAKEN)
    return F.relu(more) - F.relu(less)


def _is_broad(change: Tensor) -> Tensor:
    """(1, 1, h, w) -> the same in [0, 1]: whether an edge lies elsewhere, or is only a little softer or beside."""
    least, most = _ELSEWHERE
    broad = smoothstep((mean_nearby(change.abs(), _BROAD) - least) / (most - least))
    return most_nearby(broad, _BROAD, faded=5)
