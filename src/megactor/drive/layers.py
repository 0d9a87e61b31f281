"""The portrait taken apart: the person, how much of each pixel they cover, and what lies behind them.

A background that is told apart stays where it is while the person moves before it, so nothing is smeared along with a
jaw or a lock of hair.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from megactor.drive.painting import painted_out
from megactor.drive.person_colors import likeness
from megactor.drive.strands import Strands, hanging_on
from megactor.drive.textures import BARE, continued_texture

LEAST_PERSON, MOST_PERSON = 0.02, 0.98
"""Parts of the picture: with less or more of it, person and background are not told apart."""

_DOUBT, _SURE = 0.5, 0.8
"""Of the analyzer's mask: below the first nobody is, from the second on somebody, whatever the colors say."""
_CORE, _NEAR, _NEAR_REACH = 0.9, 0.3, 0.06
"""Of the analyzer's mask: what is this sure belongs to the person but for a rim, and nobody is farther from the second
than the third, in picture sizes. In between colors decide."""
_COLOR_SIDE, _COLOR_ROUNDS = 256, 3
_BACKGROUNDS, _PERSONS, _OWN = 0.15, 0.4, 0.65
"""Of a color's likeness to the person's: up to the first nobody is there, whatever the matte says, from the second on
the matte is right, from the third on the color is the person's own."""
_STRANDS_RIM = 0.004
"""In picture sizes: of what is painted out around them, which is tinted by them."""
_RADIUS, _EDGE = 0.016, 1e-4
"""Of the guided filter, in picture sizes, and its regularization: how different colors must be to be an edge."""
_WORKING_SIDE = 512
"""The guided filter's coefficients are smooth: they are computed at no more than this and enlarged."""


@dataclass(frozen=True)
class PortraitLayers:
    """Portrait = matte * person + (1 - matte) * plate, with strands before both.

    matte: float32 (N, N) in [0, 1], 1 on the person.
    person: uint8 (N, N, 3), the person's own colors, continued beyond their outline, and over a rim that is mixed with
        what lies behind.
    plate: uint8 (N, N, 3), the background with the person painted out; the portrait itself where nothing of them is
        within a pixel.
    strands: what hangs on the person, or None.
    """

    matte: np.ndarray
    person: np.ndarray
    plate: np.ndarray
    strands: Strands | None = None


def tell_apart(picture: np.ndarray, foreground: np.ndarray) -> PortraitLayers | None:
    """Refines a coarse mask to hair's breadth and paints both layers where the other one covers them.

    Args:
        picture: uint8 (N, N, 3).
        foreground: float32 (N, N) in [0, 1], what the face analyzer says is the person.

    Returns:
        The layers, or None where the picture is all person or shows nobody.
    """
    if not LEAST_PERSON <= foreground.mean() <= MOST_PERSON:
        return None
    matte = refined_matte(picture, foreground)
    alike = likeness(picture, matte)
    matte = np.minimum(matte, _smooth((alike - _BACKGROUNDS) / (_PERSONS - _BACKGROUNDS)))
    strands = hanging_on(picture, matte)
    full = (matte > 1 - BARE) & (alike > _OWN)
    person = np.where(full[..., None], picture, painted_out(picture, full))
    covered = cv2.dilate(matte, np.ones((3, 3)))  # beside an outline pixels are tinted by the person
    if strands is not None:
        rim = 2 * max(1, round(_STRANDS_RIM * len(picture))) + 1
        covered = np.maximum(covered, cv2.dilate(strands.cover, np.ones((rim, rim))))
    plate = np.where(covered[..., None] > 0, painted_out(picture, covered < BARE), picture)
    return PortraitLayers(matte, person, continued_texture(picture, covered, plate), strands)


def refined_matte(picture: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """A coarse mask drawn to the picture's own edges.

    The guided filter with colors as guide (He et al., 2010, section 3.6), its coefficients at a smaller size (He and
    Sun, arXiv 1505.00996). Well inside and outside of the mask nothing is changed.

    Args:
        picture: uint8 (N, N, 3).
        foreground: float32 (N, N) in [0, 1].

    Returns:
        float32 (N, N) in [0, 1].
    """
    size = len(picture)
    side = min(size, _WORKING_SIDE)
    mask = np.maximum(_smooth((foreground - _DOUBT) / (_SURE - _DOUBT)), _person_by_colors(picture, foreground))
    guide = picture.astype(np.float32) / 255
    small_guide, small_mask = (cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in (guide, mask))
    radius = max(2, round(_RADIUS * side))
    slope, offset = (
        cv2.resize(p, (size, size), interpolation=cv2.INTER_LINEAR)
        for p in _guided_coefficients(small_guide, small_mask, radius)
    )
    matte = np.clip(((slope * guide).sum(-1) + offset - 0.05) / 0.9, 0, 1)
    reach = np.ones((2 * max(2, round(_RADIUS * size)) + 1,) * 2)
    matte[cv2.erode((foreground > 0.8).astype(np.uint8), reach) > 0] = 1
    matte[cv2.erode((foreground < 0.1).astype(np.uint8), reach) > 0] = 0
    return matte.astype(np.float32)


def _smooth(values: np.ndarray) -> np.ndarray:
    """0 to 1, smoothly, float32."""
    values = np.clip(values, 0, 1).astype(np.float32)
    return values * values * (3 - 2 * values)


def _person_by_colors(picture: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """What has the person's colors rather than the background's, near a coarse mask: curls that it cuts off.

    GrabCut (Rother et al., 2004) started from the mask; only what hangs together counts.

    Returns:
        float32 (N, N) in [0, 1].
    """
    size = (_COLOR_SIDE, _COLOR_SIDE)
    small, mask = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (picture, foreground))
    rim, reach = (
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1,) * 2)
        for pixels in (4, round(_NEAR_REACH * _COLOR_SIDE))
    )
    labels = np.where(mask > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.erode((mask > _CORE).astype(np.uint8), rim) > 0] = cv2.GC_FGD
    labels[cv2.dilate((mask > _NEAR).astype(np.uint8), reach) == 0] = cv2.GC_BGD
    kinds = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if not kinds.any() or kinds.all():
        return mask
    cv2.setRNGSeed(0)  # the clusters of colors start at random
    cv2.grabCut(small, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), _COLOR_ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(found)
    if count > 1:
        found = parts == 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
    return cv2.resize(found.astype(np.float32), picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _guided_coefficients(guide: np.ndarray, mask: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean slope (H, W, 3) and offset (H, W) of the mask as a linear function of the guide (H, W, 3) around a pixel."""

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(values, -1, (2 * radius + 1,) * 2, borderType=cv2.BORDER_REFLECT)

    mean_guide, mean_mask = mean(guide), mean(mask)
    covariance = mean(guide * mask[..., None]) - mean_guide * mean_mask[..., None]
    variance = np.empty((*mask.shape, 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            shared = mean(guide[..., i] * guide[..., j]) - mean_guide[..., i] * mean_guide[..., j]
            variance[..., i, j] = variance[..., j, i] = shared
    variance += _EDGE * np.eye(3, dtype=np.float32)
    slope = np.linalg.solve(variance, covariance[..., None])[..., 0]
    offset = mean_mask - (slope * mean_guide).sum(-1)
    return mean(slope), mean(offset)
