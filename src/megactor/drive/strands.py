"""Thin things that hang on a person: strands of hair and earrings, which a coarse mask does not know.

What belongs to nobody stays behind when the person moves, as a ring that floats beside a neck. Before a calm background
what is thin, unlike what is around it and joined to the person is theirs.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from megactor.drive.painting import painted_out

_THIN = 0.05
"""In picture sizes: a median of this width does not see what is half as wide."""
_REACH, _BESIDE, _GAP = 0.2, 0.004, 0.008
"""In picture sizes: how far strands go from the person, how wide the person's own rim is, and gaps that they bridge."""
_LEAST, _OVER_NOISE = 14, 4
"""How different a strand is at least, 255 = white: at all, and in the usual differences beside the person."""
_CORE = 0.8
"""Of a strand's cover: there its own color is seen."""
_LONG = 0.015
"""In picture sizes from the person: what nowhere gets so far is their rim."""
_ALIKE = 0.7
"""Part of a strand that must have colors of the person."""
_USUAL, _APART = 0.01, 0.4
"""Part of the person that has a color, and how far a strand may lie beside the way from the background's to it."""
_STRAY = 0.2
"""Part of what stands out that is joined to nobody: with more of it the background has thin things of its own."""


@dataclass(frozen=True)
class Strands:
    """What hangs on a person.

    cover: float32 (N, N) in [0, 1], how much of a pixel they cover; 0 on the person.
    colors: uint8 (N, N, 3), their own, continued beyond their rims.
    """

    cover: np.ndarray
    colors: np.ndarray


def hanging_on(picture: np.ndarray, matte: np.ndarray) -> Strands | None:
    """Finds what hangs on the person.

    Args:
        picture: uint8 (N, N, 3).
        matte: float32 (N, N) in [0, 1], 1 on the person.

    Returns:
        None where nothing does, or the background is not calm.
    """
    size, person = len(picture), matte > 0.5
    distance = cv2.distanceTransform((~person).astype(np.uint8), cv2.DIST_L2, 3) / size
    outside, near = distance > max(_BESIDE, 1 / size), distance <= _REACH
    if not person.any() or not (outside & near).any():
        return None
    width = max(3, round(_THIN * size)) | 1
    channels = np.moveaxis(painted_out(picture, outside), 2, 0)  # what lies between an arm and a neck is not thin
    around = np.dstack([cv2.medianBlur(np.ascontiguousarray(channel), width) for channel in channels])
    unlike = cv2.absdiff(picture, around).max(2)
    stands_out = outside & (unlike > max(_LEAST, _OVER_NOISE * float(np.median(unlike[outside & near]))))
    _, parts = cv2.connectedComponents(_grown(stands_out, round(_GAP * size / 2)).astype(np.uint8))
    theirs = np.setdiff1d(parts[distance <= _GAP], [0])
    if (stands_out & near & np.isin(parts, theirs)).sum() <= (1 - _STRAY) * (stands_out & near).sum():
        return None
    beyond = ~near
    beyond[:, [0, -1]] = True  # what goes on there is the background's
    theirs = np.intersect1d(np.setdiff1d(theirs, parts[beyond]), parts[distance > _LONG])
    alike = _colored_as(picture[person], picture, around, stands_out & np.isin(parts, theirs))
    counts, of_person = (np.bincount(parts[places], minlength=parts.max() + 1) for places in (stands_out, alike))
    joined = stands_out & np.isin(parts, theirs[of_person[theirs] >= _ALIKE * counts[theirs]])
    if not joined.any():
        return None
    # in its middle a strand covers the whole pixel, at its rim as much less as it differs less
    strongest = cv2.dilate(np.where(joined, unlike, 0), np.ones((5, 5), np.uint8))
    share = np.minimum(unlike / np.maximum(strongest, 1).astype(np.float32), 1)
    cover = np.where(_grown(joined, 1) & ~person, share, 0).astype(np.float32)
    return Strands(cover, painted_out(picture, cover > _CORE))


def _colored_as(person: np.ndarray, picture: np.ndarray, around: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Bool (N, N): places whose color lies between that of the background around and one that the person has.

    Args:
        person: uint8 (n, 3), the person's colors.
        picture: uint8 (N, N, 3).
        around: uint8 (N, N, 3), the background's colors.
        where: bool (N, N), the places.
    """
    bins = (person // 43).astype(int) @ [36, 6, 1]
    counts = np.bincount(bins, minlength=216)
    usual = np.flatnonzero(counts > _USUAL * len(person))
    behind = around[where].astype(np.float32)
    away = picture[where] - behind
    beside = np.full(len(away), np.inf, np.float32)
    for color in (person[bins == number].mean(0, dtype=np.float32) for number in usual):
        way = color - behind
        along = (away * way).sum(1, keepdims=True) / np.maximum((way**2).sum(1, keepdims=True), 1)
        beside = np.minimum(beside, np.linalg.norm(away - np.clip(along, 0, 1) * way, axis=1))
    found = np.zeros(where.shape, bool)
    found[where] = beside < _APART * np.linalg.norm(away, axis=-1)
    return found


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Bool (N, N)."""
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, pixels) + 1,) * 2)
    return cv2.dilate(mask.astype(np.uint8), disk) > 0
