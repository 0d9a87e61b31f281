"""A person whom the portrait's edge cuts off goes on to the edge, however they move.

A head that the upper edge cuts off and that goes down uncovers what nobody painted: its last row, repeated, is a block
of streaks on the hair. Hair, necks and shoulders may be longer than they are; so what lies near the edge is stretched
up to it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion.flow import warp
from megactor.models.dense_motion.network import DenseMotion
from megactor.models.dense_motion.sampling import pixel_centers

_ROOM = 3.0
"""How far what is stretched reaches into the portrait, in widths of what is missing; more than 1 leaves no folds."""
_MOST = 0.05
"""In picture sizes: so much is held at most, or faces would be stretched; beyond that the denoiser paints."""
_BLUR = 7
"""Pixels of the flow, taken twice, over which that begins beside a person."""


def hold_at_edges(motion: DenseMotion, matte: Tensor) -> DenseMotion:
    """Stretches a person to the edges that cut them off in the portrait.

    Args:
        motion: of B frames, with the person's flow.
        matte: (1, 1, H, W) in [0, 1], 1 on the portrait's person.

    Returns:
        The motion, its flow bent where the portrait had nothing to show, visible there and said to be `stretched`.
    """
    flow = motion.flow
    side = flow.shape[-1]
    moved = warp(matte.expand(len(flow), -1, -1, -1).to(flow), flow)
    person = F.interpolate(moved, size=(side, side), mode="area")[:, 0]
    centers = pixel_centers(side, side, flow.device).mT.reshape(1, 2, side, side)
    x, y = (flow + centers).unbind(1)
    (x, across), (y, down) = _held(x, person, 2), _held(y, person, 1)
    stretched = across.maximum(down)[:, None]
    visibility = motion.visibility.maximum(F.interpolate(stretched, size=motion.visibility.shape[-2:], mode="area"))
    return motion._replace(flow=torch.stack([x, y], 1) - centers, visibility=visibility, stretched=stretched)


def _held(places: Tensor, person: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Along one axis of the portrait, of a person (B, H, W) in [0, 1].

    Returns:
        Places (B, H, W), the person's between 0 and 1, and how far each was stretched there, in [0, 1].
    """
    most = torch.zeros_like(places)
    for _ in range(2):  # the lower end, then, mirrored, the upper one
        places, stretched = _held_at_start(places, person, dim)
        places, most, person = (1 - places).flip(dim), most.maximum(stretched).flip(dim), person.flip(dim)
    return places, most


def _held_at_start(places: Tensor, person: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    inside = places - 0.5 / places.shape[dim]  # of the middle of the portrait's first pixel
    missing = F.relu(-inside.narrow(dim, 0, 1)).clamp(max=_MOST) * person.narrow(dim, 0, 1)
    missing = _smooth(missing.flatten(1)).view_as(missing)
    room = _ROOM * missing
    # 1 at the edge, 0 from the end of the room on, where nothing changes
    share = ((room - inside) / (room + missing).clamp(min=1e-6)).clamp(0, 1)
    # all of what was beyond the edge, less and less of the room
    beyond = (share * (_ROOM + 1) / _ROOM).clamp(max=1) * (missing * places.shape[dim]).clamp(max=1)
    held = places + missing * share.square()
    return held, beyond * (1 + held * places.shape[dim]).clamp(0, 1)


def _smooth(line: Tensor) -> Tensor:
    """(B, N) -> (B, N)."""
    line = line[:, None]
    for _ in range(2):
        line = F.avg_pool1d(F.pad(line, (_BLUR // 2, _BLUR // 2), mode="replicate"), _BLUR, 1)
    return line[:, 0]
