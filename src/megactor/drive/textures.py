"""A background that repeats itself is continued behind the person: blinds, panels, curtains, bricks.

What is known of such a wall recurs at certain shifts (He and Sun, "Statistics of patch offsets for image completion",
ECCV 2012). A hidden pixel is the mean of the few that lie at the shifts which match best in a window around it, as in
non-local means (Buades et al., 2005), but only where they explain most of what the window shows. Elsewhere, on plain
walls and where nothing repeats, the smooth continuation stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

BARE = 0.02
"""Of a matte: where less of a pixel is the person's, it shows the background."""
_SIDE = 256
"""Pixels of the picture in which shifts are looked for."""
_SHIFTS, _SHORTEST, _LONGEST, _STEP = 150, 6, 100, 4
"""How many of a picture's own shifts are tried, the shortest of them, and how far and how densely straight ones go."""
_LEAST_PAIRS = 0.02
"""Part of the picture that must be seen twice for a shift to be believed."""
_WINDOW, _LEAST_KNOWN = 13, 60
"""Radius of the window around a pixel, and how many of its pixels must be known here and at the shift."""
_BEST, _SHARPNESS = 4, 0.3
"""How many shifts are averaged, and how much worse than the best, in parts, halves a weight or so."""
_BELIEVED, _DOUBTED = 0.25, 0.45
"""Part of the window's variance that is left after a shift: up to the first it is believed, from the second on not."""
_PLAIN = 40.0
"""Variance of a window, in squared levels of 255: nothing is to be continued below it, everything from twice it on."""
_ROUNDS = 3
"""Each reaches a window's radius farther behind the person."""
_SURE, _SOFT = 0.3, 10.0
"""What is trusted less than the first is left; how far inwards from there trust grows, in pixels of `_SIDE`."""


@dataclass(frozen=True)
class _Guess:
    """What n hidden pixels are made of.

    places: (2, n) int, rows and columns.
    shifts: (`_BEST`, n, 2) int, x and y from a place to where it is seen.
    weights: (`_BEST`, n), adding up to 1.
    trust: (n,) in [0, 1].
    """

    places: np.ndarray
    shifts: np.ndarray
    weights: np.ndarray
    trust: np.ndarray


def continued_texture(picture: np.ndarray, matte: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """The plate with the background's own pattern where it had been painted out smoothly.

    Args:
        picture: uint8 (N, N, 3).
        matte: float32 (N, N) in [0, 1], 1 on the person.
        plate: uint8 (N, N, 3), the picture where the matte is 0, and smooth elsewhere.

    Returns:
        uint8 (N, N, 3).
    """
    size = len(picture)
    small, mask = (cv2.resize(p, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for p in (picture, matte))
    known = cv2.erode((mask < BARE).astype(np.uint8), np.ones((3, 3))) > 0
    colors = small.astype(np.float32)
    if not _has_texture(colors, known):
        return plate
    shifts = _recurring_shifts(_gray(colors), known)
    trust, textured = known.astype(np.float32), picture.astype(np.float32)
    for _ in range(_ROUNDS):
        guess = _guess(_gray(colors), known, shifts)
        if guess is None:
            break
        rows, columns = guess.places
        found, believed = np.zeros((len(rows), 3), np.float32), np.zeros(len(rows), np.float32)
        for (x, y), weight in zip(np.moveaxis(guess.shifts, -1, 1), guess.weights, strict=True):
            there = np.clip(rows + y, 0, _SIDE - 1), np.clip(columns + x, 0, _SIDE - 1)
            found += weight[:, None] * colors[there]
            believed += weight * trust[there]
        believed *= guess.trust
        kept = believed > 0.05
        textured = _enlarged(textured, guess, kept)
        rows, columns = rows[kept], columns[kept]
        colors[rows, columns], trust[rows, columns], known[rows, columns] = found[kept], believed[kept], True
    sure = cv2.morphologyEx((trust > _SURE).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5)))
    deep = np.clip(cv2.distanceTransform(sure, cv2.DIST_L2, 3) / _SOFT, 0, 1)
    trust = cv2.resize(cv2.GaussianBlur(np.minimum(trust, deep), (0, 0), 1.5), (size, size))[..., None]
    mixed = np.clip(textured * trust + plate * (1 - trust) + 0.5, 0, 255).astype(np.uint8)
    return np.where(matte[..., None] > 0, mixed, plate)


def _gray(colors: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(colors, cv2.COLOR_RGB2GRAY)


def _windowed(values: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, K) -> sums over the window around each pixel."""
    return cv2.boxFilter(values, -1, (2 * _WINDOW + 1,) * 2, normalize=False, borderType=cv2.BORDER_CONSTANT)


def _has_texture(colors: np.ndarray, known: np.ndarray) -> bool:
    """Whether any window at the person's edge shows more than a plain wall."""
    mask, gray = known.astype(np.float32), _gray(colors)
    count, mean, square = np.moveaxis(_windowed(np.dstack([mask, gray * mask, gray * gray * mask])), -1, 0)
    edge = ~known & (count > _LEAST_KNOWN)
    variance = (square - mean**2 / np.maximum(count, 1))[edge] / count[edge]
    return bool((variance > _PLAIN).any())


def _recurring_shifts(gray: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(K, 2) int, x and y: the minima of the mean squared difference between known pixels, and straight shifts.

    All shifts at once by Fourier transforms of the masked picture (Padfield, CVPR 2010).
    """
    side, whole = len(gray), (2 * len(gray),) * 2
    mask = known.astype(np.float32)
    centered = (gray - gray[known].mean()) * mask
    of_mask, of_gray, of_square = (np.fft.rfft2(values, whole) for values in (mask, centered, centered**2))

    def matched(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.roll(np.fft.irfft2(np.conj(first) * second, whole), (side, side), (0, 1))

    pairs = matched(of_mask, of_mask)
    squares = matched(of_mask, of_square) + matched(of_square, of_mask)
    difference = (squares - 2 * matched(of_gray, of_gray)) / np.maximum(pairs, 1)
    y, x = np.mgrid[-side:side, -side:side]
    possible = (pairs > _LEAST_PAIRS * side * side) & (np.hypot(x, y) >= _SHORTEST)
    difference = np.where(possible, difference, np.inf).astype(np.float32)
    lowest = possible & (difference <= cv2.erode(difference, np.ones((3, 3))))
    best = np.argsort(difference[lowest], kind="stable")[:_SHIFTS]
    own = np.column_stack([x[lowest][best], y[lowest][best]])
    lengths = np.arange(2 * _STEP, _LONGEST, _STEP)
    lengths = np.concatenate([lengths, -lengths])
    zeros = np.zeros_like(lengths)
    straight = np.concatenate([np.column_stack([lengths, zeros]), np.column_stack([zeros, lengths])])
    return np.unique(np.concatenate([own, straight]), axis=0)


def _guess(gray: np.ndarray, known: np.ndarray, shifts: np.ndarray) -> _Guess | None:
    """Which shifts explain the known pixels around each hidden one that is near enough to them; None if none is."""
    mask = known.astype(np.float32)
    places = np.nonzero(~known & (_windowed(mask) > _LEAST_KNOWN))
    if not len(places[0]):
        return None
    gray = gray * mask
    left = np.full((len(shifts), len(places[0])), np.inf, np.float32)
    variance = np.ones_like(left)
    for number, there in enumerate(_at(np.dstack([gray, mask]), shifts)):
        both = mask * there[..., 1]
        statistics = np.dstack([(gray - there[..., 0]) ** 2 * both, both, gray * both, gray * gray * both])
        difference, count, mean, square = _windowed(statistics)[places].T
        count = np.maximum(count, 1)
        usable = (count > _LEAST_KNOWN) & (there[..., 1][places] > 0.5)
        left[number] = np.where(usable, difference / count, np.inf)
        variance[number] = np.where(usable, square / count - (mean / count) ** 2, 1)
    best = np.argpartition(left, _BEST, axis=0)[:_BEST]
    left, variance = (np.take_along_axis(values, best, 0) for values in (left, variance))
    usable, least = np.isfinite(left), left.min(0)
    least = np.where(np.isfinite(least), least, 1)
    left = np.where(usable, left, least)
    weights = np.where(usable, np.exp((least - left) / np.maximum(_SHARPNESS * least, 4)), 0)
    weights /= np.maximum(weights.sum(0), 1e-6)
    rest = (weights * left / np.maximum(variance, 1)).sum(0)
    trust = np.clip((_DOUBTED - rest) / (_DOUBTED - _BELIEVED), 0, 1)
    trust *= np.clip((weights * variance).sum(0) / _PLAIN - 1, 0, 1) * usable.any(0)
    return _Guess(np.stack(places), shifts[best], weights.astype(np.float32), trust.astype(np.float32))


def _at(values: np.ndarray, shifts: np.ndarray) -> Iterator[np.ndarray]:
    """(H, W, K) as seen at each of the shifts (N, 2) from every pixel; 0 beyond the edges."""
    height, width = values.shape[:2]
    for x, y in shifts:
        there = np.zeros_like(values)
        here = slice(max(0, -y), min(height, height - y)), slice(max(0, -x), min(width, width - x))
        there[here] = values[here[0].start + y : here[0].stop + y, here[1].start + x : here[1].stop + x]
        yield there


def _enlarged(picture: np.ndarray, guess: _Guess, kept: np.ndarray) -> np.ndarray:
    """float32 (N, N, 3) with the kept places of the small picture made of its own pixels."""
    size = len(picture)
    rows, columns = guess.places[:, kept]
    y, x = np.mgrid[:size, :size].astype(np.float32)
    chosen = np.zeros((_SIDE, _SIDE), np.uint8)
    chosen[rows, columns] = 1
    result = np.zeros_like(picture)
    for shifts, weights in zip(guess.shifts[:, kept], guess.weights[:, kept], strict=True):
        parts = np.zeros((_SIDE, _SIDE, 3), np.float32)
        parts[rows, columns] = np.column_stack([shifts * (size / _SIDE), weights])
        by_x, by_y, weight = np.moveaxis(cv2.resize(parts, (size, size), interpolation=cv2.INTER_NEAREST), -1, 0)
        seen = cv2.remap(picture, x + by_x, y + by_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        result += seen * weight[..., None]
    inside = cv2.resize(chosen, (size, size), interpolation=cv2.INTER_NEAREST) > 0
    return np.where(inside[..., None], result, picture)
