"""Eyelids that close: skin from above the lashes slides down over the eye.

What a lid that closes shows is hidden in the portrait, folded away between lashes and crease. A network that stretches
what lies there pulls lashes into stripes, and that is read as an eye half open. Where the lids go is known, so the skin
that covers the eye is taken from where there is skin, only in its color where much of it was folded away, and the
lashes' line stays a line.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from megactor.models.dense_motion.smoothstep import smoothstep

OUTER, INNER = 5, 8
"""Corners of the eye, by their number in `face_crops.EYE`, like the following three."""
UPPER, LOWER = (5, 6, 7, 8), (5, 10, 9, 8)
BROW = (0, 1, 2, 3, 4)

_LINE, _LASHES, _BELOW = 0.06, 0.3, 0.25
"""In widths of the eye: of the dark line along a lid, how far lashes reach above it in the portrait, and how far below
the lower lid skin is moved with it."""
_WATERLINE = 0.03
"""In widths of the eye: below the lower lid's points, its rim ends."""
_BROW = 0.4
"""Part of the way from lid to brow that does not stretch."""
_BEGINS, _WHOLE = 0.1, 0.4
"""Part of the portrait's opening by which an eye has closed where lids begin to be moved so, and where they all are."""
_STRETCHED = 0.5
"""Part of the portrait's opening, from where lids begin to be moved, by which an eye has closed where nothing counts of
the skin but its color."""
_SIDE, _OUTER = 0.15, 0.35
"""Beyond the corners, in widths of the eye, over which it fades: lashes reach farther out than the outer one."""
_BENT = 0.05
"""In widths of the eye: how far a lid's curve may leave the straight lines between its points."""


class LidMotion(NamedTuple):
    """Where the skin around a closing eye comes from.

    places: (B, N, 2) in units of the portrait's crop.
    share: (B, N) in [0, 1], how far they are to be believed.
    stretched: (B, N) in [0, 1], how much of the skin there was folded away: of what is pulled apart only the color is
        right, not what is drawn on it.
    """

    places: Tensor
    share: Tensor
    stretched: Tensor


def is_closing(place: Tensor, source: Tensor) -> bool:
    """Whether any of the eyes (B, 12, 2) has closed so far, beside the portrait's, that its lids are moved."""
    return bool((_closed(place, source) > _BEGINS).any())


def lid_motion(place: Tensor, source: Tensor, centers: Tensor) -> LidMotion:
    """See `LidMotion`.

    Args:
        place: (B, 12, 2) points of `EYE` in the animated frame, in units of its crop.
        source: (B, 12, 2) of the portrait, in units of its own.
        centers: (1, N, 2), places in the first crop.
    """
    x, y = centers.unbind(-1)
    along = (x - place[:, OUTER, :1]) / _span(place)  # 0 at the outer corner, 1 at the inner one
    upper, lower = _curve(place, UPPER, along), _curve(place, LOWER, along)
    from_upper, from_lower = _curve(source, UPPER, along), _curve(source, LOWER, along)
    unit = _span(source)
    closed = _closed(place, source)
    # beside the corners there are lashes at the height of the eye: skin is found at that of the lid's arch
    arch = source[:, list(UPPER[1:3]), 1].mean(1, keepdim=True)
    from_skin = torch.lerp(from_upper, from_upper.minimum(arch), closed.clamp(0, 1))
    room, from_room = _room(place, upper, unit), _room(source, from_skin, unit)
    line = _LINE * unit
    lashes = line + closed.clamp(0, 1) * (torch.minimum(_LASHES * unit, 0.35 * from_room) - line)
    above = upper - y
    # what is near the brow keeps its distance to it: brows do not stretch
    rest = _BROW * from_room.minimum(room)
    skin = lashes + (above - line) / (room - rest - line).clamp(min=1e-3) * (from_room - rest - lashes)
    skin = torch.where(above > room - rest, from_room - room + above, skin)
    rows = torch.where(above < line, from_upper - (above.clamp(min=0) + line) / 2, from_skin - skin)
    below = y - lower
    rows = torch.where(below > 0, from_lower + below + _WATERLINE * unit, rows)
    columns = source[:, OUTER, :1] + along * _span(source)
    inside = (above <= 0) & (below <= 0)
    fades = smoothstep((room - above) / (_BROW * room)) * smoothstep(1 - below / (_BELOW * unit))
    fades = fades * smoothstep(1 + along / _OUTER) * smoothstep(1 + (1 - along) / _SIDE)
    share = torch.where(inside, smoothstep((closed - 0.6) / 0.3), smoothstep((closed - _BEGINS) / (_WHOLE - _BEGINS)))
    stretched = (
        smoothstep((closed - _BEGINS) / _STRETCHED)
        * smoothstep((above - line) / line)
        * smoothstep((room - rest - above) / line)
    )
    return LidMotion(torch.stack([columns, rows], -1), fades * share, stretched)


def _span(points: Tensor) -> Tensor:
    """(B, 1), from the outer corner to the inner one along the crop."""
    across = points[:, INNER, :1] - points[:, OUTER, :1]
    return across.clamp(min=0.05)


def _opening(points: Tensor) -> Tensor:
    """(B, 1), of the lids, in widths of the eye."""
    gaps = points[:, [10, 9], 1] - points[:, [6, 7], 1]
    return gaps.mean(1, keepdim=True).clamp(min=0) / _span(points)


def _closed(place: Tensor, source: Tensor) -> Tensor:
    """(B, 1), the part of the portrait's opening that is missing."""
    return 1 - _opening(place) / _opening(source).clamp(min=1e-3)


def _room(points: Tensor, upper: Tensor, unit: Tensor) -> Tensor:
    """(B, N), from the upper lid up to the brow."""
    brow = points[:, list(BROW), 1].mean(1, keepdim=True)
    return (upper - brow).clamp(min=0).maximum(0.25 * unit)


def _curve(points: Tensor, lid: tuple[int, ...], along: Tensor) -> Tensor:
    """(B, N), height of a lid at places between its corners; level beyond them."""
    known = (points[:, list(lid), 0] - points[:, OUTER, :1]) / _span(points)
    rows = points[:, list(lid), 1]
    straight = rows[:, :1].expand_as(along)
    for left in range(len(lid) - 1):
        step = (known[:, left + 1 : left + 2] - known[:, left : left + 1]).clamp(min=1e-3)
        part = ((along - known[:, left : left + 1]) / step).clamp(0, 1)
        straight = straight + part * (rows[:, left + 1 : left + 2] - rows[:, left : left + 1])
    # the cubic through all points (Newton's form); where they lie badly it swings
    slopes = [rows]
    for far in (1, 2, 3):
        apart = known[:, far:] - known[:, :-far]
        slopes.append(slopes[-1].diff(dim=1) / torch.where(apart.abs() < 1e-2, 1e-2, apart))
    at, curve = along.clamp(0, 1), slopes[3][:, :1]
    for number in (2, 1, 0):
        curve = curve * (at - known[:, number : number + 1]) + slopes[number][:, :1]
    bent = _BENT * _span(points)
    return straight + (curve - straight).maximum(-bent).minimum(bent)
