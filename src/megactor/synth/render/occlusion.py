"""Ambient occlusion from the depth buffer: creases and cavities get less of the light from all around."""
# mypy: disallow-untyped-defs=false

import math

import numpy as np

from megactor.synth.jit import inlined, kernel

_PAIRS = 8
"""Pairs of opposite taps a point."""
_PATTERNS = 16
"""The pairs are turned from point to point by one of so many angles; blurring hides the pattern."""
_RADIUS = 1.7
"""Reach in rig units."""


def ambient_occlusion(depth: np.ndarray, focal: float, step: int) -> tuple[np.ndarray, np.ndarray]:
    """How open each point of a coarse grid is.

    Args:
        depth: (N, N) float32 depth buffer of `raster`.
        focal: of the buffer's camera, in samples.
        step: samples between grid points.

    Returns:
        (ceil(N / step), ceil(N / step)) float32 in [0.15, 1], 1 = open, and the grid's distances from the camera
        (inf where nothing is seen).
    """
    rows = (depth.shape[0] + step - 1) // step
    openness, distance = np.empty((2, rows, rows), np.float32)
    _measure(depth, np.float32(focal), step, _TAPS, openness, distance)
    blurred = np.empty_like(openness)
    _blur(openness, distance, blurred)
    return blurred, distance


def _tap_table() -> np.ndarray:
    """(_PATTERNS, _PAIRS, 2) points in the unit disc, evenly spread."""
    pair = np.arange(_PAIRS)[None, :]
    angle = (pair + np.arange(_PATTERNS)[:, None] / _PATTERNS) * 2.399963
    radius = np.sqrt((pair + 0.5) / _PAIRS) * np.ones_like(angle)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1).astype(np.float32)


_TAPS = _tap_table()


@kernel
def _measure(depth, focal, step, taps, openness, distance):
    size = depth.shape[0]
    rows = openness.shape[0]
    for i in range(rows):
        for j in range(rows):
            y, x = min(i * step + step // 2, size - 1), min(j * step + step // 2, size - 1)
            if depth[y, x] == 0:
                openness[i, j], distance[i, j] = 1, np.inf
                continue
            here = -1 / depth[y, x]
            reach = _RADIUS * focal / here
            pattern = ((i * 7) ^ (j * 3 + (i >> 2))) & (_PATTERNS - 1)
            closed, count = np.float32(0), 0
            for k in range(_PAIRS):
                dx, dy = int(reach * taps[pattern, k, 0]), int(reach * taps[pattern, k, 1])
                x1, y1, x2, y2 = x + dx, y + dy, x - dx, y - dy
                if min(x1, x2) < 0 or min(y1, y2) < 0 or max(x1, x2) >= size or max(y1, y2) >= size:
                    continue
                count += 1
                # both sides together: a slanted plane cancels out, a crease does not
                rise = np.float32(0.5) * (_rise(depth[y1, x1], here) + _rise(depth[y2, x2], here))
                if rise > 0:
                    closed += min(np.float32(1), rise / np.float32(0.35 * _RADIUS))
            openness[i, j] = max(np.float32(0.15), 1 - np.float32(0.75) * closed / max(count, 1))
            distance[i, j] = here


@inlined
def _rise(depth, here):
    """How much nearer to the camera a neighbor is; no more is known of things far in front or behind."""
    if depth == 0:
        return np.float32(-_RADIUS)
    rise = here + 1 / depth
    if rise > np.float32(1.5 * _RADIUS):
        return np.float32(0)
    return max(rise, np.float32(-_RADIUS))


@kernel
def _blur(openness, distance, blurred):
    """Mean over 3 x 3 grid points of about the same distance."""
    rows = openness.shape[0]
    for i in range(rows):
        for j in range(rows):
            total, weight = openness[i, j], np.float32(1)
            if distance[i, j] < np.inf:
                for y in range(max(i - 1, 0), min(i + 2, rows)):
                    for x in range(max(j - 1, 0), min(j + 2, rows)):
                        if abs(distance[y, x] - distance[i, j]) < 1:
                            total += openness[y, x]
                            weight += 1
            blurred[i, j] = total / weight


@inlined
def occlusion_at(openness, distance, step, x, y, here):
    """Openness at a sample: the mean of the four grid points round it that lie at about its distance."""
    gx, gy = (x - step // 2) / step, (y - step // 2) / step
    j, i = math.floor(gx), math.floor(gy)
    fx, fy = gx - j, gy - i
    rows = openness.shape[0]
    total, weight = 0.0, 1e-6
    for di in range(2):
        for dj in range(2):
            row, column = min(max(i + di, 0), rows - 1), min(max(j + dj, 0), rows - 1)
            part = (fy if di else 1 - fy) * (fx if dj else 1 - fx)
            if abs(distance[row, column] - here) > 1:
                part *= 0.01
            total += part * openness[row, column]
            weight += part
    return total / weight
