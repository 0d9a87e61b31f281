"""Which triangle each sample of the picture sees.

Corners are rounded to 1/256 of a sample and edges are tested with integers: triangles that share an edge leave no gap
and never draw a sample twice, and two machines that differ in the last bit of a vertex still draw the same samples.
Depth is minus the reciprocal of the distance, which is linear in the picture.
"""
# mypy: disallow-untyped-defs=false

import math

import numpy as np

from megactor.synth.jit import inlined, kernel

EMPTY = -1
"""In `Samples.triangles`: nothing is seen there."""

_STEPS = 256
"""Positions a corner can take along the side of a sample."""
_TILE = 8
"""Samples along the side of a tile of the coarse depth buffer."""
_DEPTH_CLASSES = 256
_LIMIT = 1 << 28
"""Corners further out than this many steps are pulled in, so that products fit in 64 bits."""


@kernel
def corners(screen):
    """(V, 3) float32 sample x, y and distance -> (V, 2) int32 in steps, as the rasteriser takes them."""
    steps = np.empty((screen.shape[0], 2), np.int32)
    for v in range(screen.shape[0]):
        for axis in range(2):
            step = math.floor(screen[v, axis] * np.float32(_STEPS) + np.float32(0.5))
            steps[v, axis] = min(max(step, -_LIMIT), _LIMIT)
    return steps


def nothing_hidden(buffer: np.ndarray) -> np.ndarray:
    """`farthest_depths` of a buffer in which nothing is drawn yet."""
    rows, columns = ((side + _TILE - 1) // _TILE for side in buffer.shape)
    return np.full((rows, columns), np.inf, np.float32)


@kernel
def draw(steps, depths, triangles, order, two_sided, farthest, buffer, ids):
    """Draws triangles into a depth buffer; the nearest wins, the first drawn among equals.

    Args:
        steps: (V, 2) int32 from `corners`.
        depths: (V,) float32, smaller is nearer; linear in the picture.
        triangles: (T, 3) int32.
        order: (M,) int32 which triangles to draw, in this order.
        two_sided: (T,) bool; of others only the side is drawn whose corners run counter-clockwise in the picture.
        farthest: from `farthest_depths`; triangles behind all that their tiles show are skipped early.
        buffer: (H, W) float32.
        ids: (H, W) int32, gets the triangle's index.
    """
    height, width = buffer.shape
    half = _STEPS // 2
    for k in range(order.shape[0]):
        t = order[k]
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        left = _first_center(min(steps[a, 0], steps[b, 0], steps[c, 0]), 0)
        right = _last_center(max(steps[a, 0], steps[b, 0], steps[c, 0]), width - 1)
        if left > right:
            continue
        top = _first_center(min(steps[a, 1], steps[b, 1], steps[c, 1]), 0)
        bottom = _last_center(max(steps[a, 1], steps[b, 1], steps[c, 1]), height - 1)
        if top > bottom:
            continue
        nearest = min(depths[a], depths[b], depths[c])
        if _hidden(nearest, farthest, top // _TILE, bottom // _TILE, left // _TILE, right // _TILE):
            continue
        area = _twice_area(steps, a, b, c)
        if area < 0:
            b, c = c, b
            area = -area
        elif area == 0 or not two_sided[t]:
            continue
        px, py = np.int64(left) * _STEPS + half, np.int64(top) * _STEPS + half
        # how much each edge's function is above zero: opposite to a, b and c
        row_a, right_a, down_a = _edge(steps, b, c, px, py)
        row_b, right_b, down_b = _edge(steps, c, a, px, py)
        row_c, right_c, down_c = _edge(steps, a, b, px, py)
        slope_b = (np.float64(depths[b]) - depths[a]) / area
        slope_c = (np.float64(depths[c]) - depths[a]) / area
        inverse_a, inverse_b, inverse_c = _inverse(right_a), _inverse(right_b), _inverse(right_c)
        for y in range(top, bottom + 1):
            # the part of the row in which all edges are positive, give or take a sample
            low, high = np.float64(0), np.float64(right - left)
            low, high = _cut(low, high, row_a, right_a, inverse_a)
            low, high = _cut(low, high, row_b, right_b, inverse_b)
            low, high = _cut(low, high, row_c, right_c, inverse_c)
            first, last = max(int(low) - 1, 0), min(int(high) + 1, right - left)
            edge_a, edge_b, edge_c = row_a + first * right_a, row_b + first * right_b, row_c + first * right_c
            for x in range(left + first, left + last + 1):
                if (edge_a | edge_b | edge_c) >= 0:
                    depth = np.float32(depths[a] + edge_b * slope_b + edge_c * slope_c)
                    if depth < buffer[y, x]:
                        buffer[y, x] = depth
                        ids[y, x] = t
                edge_a += right_a
                edge_b += right_b
                edge_c += right_c
            row_a += down_a
            row_b += down_b
            row_c += down_c


@kernel
def draw_lashes(steps, depths, triangles, first, uv_triangles, uvs, density, length, buffer, ids):
    """Draws both sides of the triangles from index `first` on as rows of hairs cut out of them.

    Arguments that are not explained here are those of `draw`. `uv_triangles` (T, 3) int32 and `uvs` (U, 2) float32
    say where hairs grow: u runs along the lid, v from root to tip. `density` is the number of hairs along a row,
    `length` how thick they are and so how dark the row is, about 0.25 to 0.6.
    """
    height, width = buffer.shape
    half = _STEPS // 2
    for t in range(first, triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        left = _first_center(min(steps[a, 0], steps[b, 0], steps[c, 0]), 0)
        right = _last_center(max(steps[a, 0], steps[b, 0], steps[c, 0]), width - 1)
        top = _first_center(min(steps[a, 1], steps[b, 1], steps[c, 1]), 0)
        bottom = _last_center(max(steps[a, 1], steps[b, 1], steps[c, 1]), height - 1)
        if left > right or top > bottom:
            continue
        area = _twice_area(steps, a, b, c)
        if area == 0:
            continue
        ua, ub, uc = uv_triangles[t, 0], uv_triangles[t, 1], uv_triangles[t, 2]
        # how fast u grows over the samples says how far apart the hairs are
        u_ab, u_ac = np.float64(uvs[ub, 0] - uvs[ua, 0]), np.float64(uvs[uc, 0] - uvs[ua, 0])
        growth_x = u_ab * (steps[c, 1] - steps[a, 1]) - u_ac * (steps[b, 1] - steps[a, 1])
        growth_y = u_ac * (steps[b, 0] - steps[a, 0]) - u_ab * (steps[c, 0] - steps[a, 0])
        growth = math.sqrt(growth_x * growth_x + growth_y * growth_y) / abs(area) * _STEPS
        spacing = 1 / max(growth * density, 1e-6)
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                px, py = np.int64(x) * _STEPS + half, np.int64(y) * _STEPS + half
                part_b = _edge(steps, c, a, px, py)[0] / area
                part_c = _edge(steps, a, b, px, py)[0] / area
                part_a = 1 - part_b - part_c
                if part_a < 0 or part_b < 0 or part_c < 0:
                    continue
                depth = np.float32(depths[a] * part_a + depths[b] * part_b + depths[c] * part_c)
                u = uvs[ua, 0] * part_a + uvs[ub, 0] * part_b + uvs[uc, 0] * part_c
                v = uvs[ua, 1] * part_a + uvs[ub, 1] * part_b + uvs[uc, 1] * part_c
                # cover becomes a number of samples: each of four neighbors has a threshold of its own
                threshold = 0.125 + 0.25 * ((x & 1) ^ (y & 1)) + 0.5 * (y & 1)
                if depth < buffer[y, x] and _lash_cover(u, v, density, length, spacing) > threshold:
                    buffer[y, x] = depth
                    ids[y, x] = t


@kernel
def front_to_back(depths, triangles, members):
    """The triangles `members` (M,) ordered by the depth of their nearest corner, to one part in 256."""
    near, far = np.float32(0), np.float32(-1e9)
    for k in range(members.shape[0]):
        depth = depths[triangles[members[k], 0]]
        near, far = min(near, depth), max(far, depth)
    scale = np.float32(_DEPTH_CLASSES - 1) / max(far - near, np.float32(1e-9))
    classes = np.empty(members.shape[0], np.uint8)
    ends = np.zeros(_DEPTH_CLASSES + 1, np.int64)
    for k in range(members.shape[0]):
        t = members[k]
        nearest = min(depths[triangles[t, 0]], depths[triangles[t, 1]], depths[triangles[t, 2]])
        classes[k] = np.uint8(max((nearest - near) * scale, np.float32(0)))
        ends[classes[k] + 1] += 1
    ends = np.cumsum(ends)
    order = np.empty_like(members)
    for k in range(members.shape[0]):
        order[ends[classes[k]]] = members[k]
        ends[classes[k]] += 1
    return order


@kernel
def farthest_depths(buffer):
    """The largest depth in each tile of 8 x 8 samples of a depth buffer (H, W): (H / 8, W / 8) rounded up."""
    height, width = buffer.shape
    farthest = np.full(((height + _TILE - 1) // _TILE, (width + _TILE - 1) // _TILE), np.float32(-np.inf))
    for y in range(height):
        for x in range(width):
            farthest[y // _TILE, x // _TILE] = max(farthest[y // _TILE, x // _TILE], buffer[y, x])
    return farthest


@inlined
def _first_center(low, smallest):
    """The first sample whose center is not left of `low` steps."""
    return max((low + _STEPS // 2 - 1) // _STEPS, smallest)


@inlined
def _last_center(high, largest):
    return min((high - _STEPS // 2) // _STEPS, largest)


@inlined
def _hidden(nearest, farthest, top, bottom, left, right):
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            if nearest <= farthest[row, column]:
                return False
    return True


@inlined
def _twice_area(steps, a, b, c):
    """Negative where corners run counter-clockwise in the picture (y down)."""
    abx, aby = np.int64(steps[b, 0]) - steps[a, 0], np.int64(steps[b, 1]) - steps[a, 1]
    acx, acy = np.int64(steps[c, 0]) - steps[a, 0], np.int64(steps[c, 1]) - steps[a, 1]
    return abx * acy - acx * aby


@inlined
def _edge(steps, start, end, px, py):
    """An edge's function at a sample (>= 0 inside) and its steps to the right and down.

    A sample exactly on an edge belongs to the triangle of which it is the top or left edge.
    """
    dx, dy = np.int64(steps[end, 0]) - steps[start, 0], np.int64(steps[end, 1]) - steps[start, 1]
    value = dx * (py - steps[start, 1]) - dy * (px - steps[start, 0])
    if not (dy < 0 or (dy == 0 and dx > 0)):
        value -= 1
    return value, -dy * _STEPS, dx * _STEPS


@inlined
def _inverse(step):
    return 1.0 / step if step != 0 else 0.0


@inlined
def _cut(low, high, value, step, inverse):
    """Limits a range of x to where value + x * step >= 0, as far as a float can tell."""
    if step > 0:
        return max(low, -value * inverse), high
    if step < 0:
        return low, min(high, -value * inverse)
    return low, high


@inlined
def _lash_cover(u, v, density, length, spacing):
    """How much of a sample lashes cover: hairs that narrow to their tips, or their mean where they are too fine.

    `spacing` is the number of samples from one hair to the next.
    """
    hair = math.floor(u * density)
    spread = math.sin(hair * 127.1) * 43758.5
    height = 0.55 + 0.45 * (spread - math.floor(spread))
    apart = min(max((spacing - 3) / 5, 0.0), 1.0)
    height = 0.8 + apart * (height - 0.8)
    if v >= height:
        return 0.0
    thickness = 1.5 * length * (1 - v / height) * height + 0.05
    across = abs(u * density - hair - 0.5) * 2
    shade = 0.75 * thickness  # fine hairs let light through
    return shade + apart * ((1.0 if across < thickness else 0.0) - shade)
