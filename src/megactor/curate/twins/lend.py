"""Draws a donor's face over a frame, triangle by triangle."""
# mypy: disallow-untyped-defs=false

import math
from collections.abc import Callable
from functools import cache

import numpy as np


@cache
def compiled() -> tuple[Callable[..., None], Callable[..., np.ndarray]]:
    """`lend` and `hidden`, compiled; numba is loaded no sooner than a face is swapped."""
    from megactor.synth.jit import kernel

    return kernel(lend), kernel(hidden)


def lend(frame, picture, triangles, order, target, source, factors, dark, cover, twin):
    """Blends a warped picture into a frame.

    Where triangles overlap, the one drawn last is seen. Pixel (i, j) has its center at x = j + 0.5, y = i + 0.5.

    Args:
        frame: (H, W, 3) uint8.
        picture: (h, w, 3) float32, the donor.
        triangles: (N, 3) int32.
        order: (M,) which triangles to draw, the farthest first.
        target: (K, 2) float32 pixels of the frame.
        source: (K, 2) float32 pixels of the picture.
        factors: (K, 3) float32 on the donor's colors.
        dark: what colors have more of before the factor, and less again after it.
        cover: (K,) float32 in [0, 1], how much of the donor is seen.
        twin: (H, W, 3) uint8, a copy of `frame` that is drawn into.
    """
    height, width = frame.shape[:2]
    bottom_row, last_column = picture.shape[0] - 1, picture.shape[1] - 1
    for number in range(order.shape[0]):
        a, b, c = triangles[order[number], 0], triangles[order[number], 1], triangles[order[number], 2]
        ax, ay, bx, by = target[a, 0], target[a, 1], target[b, 0], target[b, 1]
        cx, cy = target[c, 0], target[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        left = max(math.ceil(min(ax, bx, cx) - 0.5), 0)
        right = min(math.floor(max(ax, bx, cx) - 0.5), width - 1)
        top = max(math.ceil(min(ay, by, cy) - 0.5), 0)
        bottom = min(math.floor(max(ay, by, cy) - 0.5), height - 1)
        for i in range(top, bottom + 1):
            y = i + 0.5
            for j in range(left, right + 1):
                x = j + 0.5
                wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                wa = 1 - wb - wc
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                share = wa * cover[a] + wb * cover[b] + wc * cover[c]
                u = wa * source[a, 0] + wb * source[b, 0] + wc * source[c, 0] - 0.5
                v = wa * source[a, 1] + wb * source[b, 1] + wc * source[c, 1] - 0.5
                u, v = min(max(u, 0.0), float(last_column)), min(max(v, 0.0), float(bottom_row))
                column, row = min(int(u), last_column - 1), min(int(v), bottom_row - 1)
                right_part, down_part = u - column, v - row
                for channel in range(3):
                    upper = picture[row, column, channel] * (1 - right_part)
                    upper += picture[row, column + 1, channel] * right_part
                    lower = picture[row + 1, column, channel] * (1 - right_part)
                    lower += picture[row + 1, column + 1, channel] * right_part
                    factor = wa * factors[a, channel] + wb * factors[b, channel] + wc * factors[c, channel]
                    lent = (upper * (1 - down_part) + lower * down_part + dark) * factor - dark
                    mixed = frame[i, j, channel] + share * (lent - frame[i, j, channel])
                    twin[i, j, channel] = np.uint8(min(max(mixed + 0.5, 0.0), 255.0))


def hidden(points, depth, triangles):
    """Which vertices of a mesh lie behind others of its triangles.

    Args:
        points: (K, 2) float32 pixels.
        depth: (K,), larger is farther.
        triangles: (N, 3) int32.

    Returns:
        (K,) bool.
    """
    behind = np.zeros(points.shape[0], np.bool_)
    for number in range(triangles.shape[0]):
        a, b, c = triangles[number, 0], triangles[number, 1], triangles[number, 2]
        ax, ay, bx, by = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        left, right = min(ax, bx, cx), max(ax, bx, cx)
        top, bottom = min(ay, by, cy), max(ay, by, cy)
        for k in range(points.shape[0]):
            x, y = points[k, 0], points[k, 1]
            if behind[k] or x < left or x > right or y < top or y > bottom:
                continue
            wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
            wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
            wa = 1 - wb - wc
            # a little behind: neighbors are laid over each other by noise
            if min(wa, wb, wc) > 0 and depth[k] > wa * depth[a] + wb * depth[b] + wc * depth[c] + 0.03:
                behind[k] = True
    return behind
