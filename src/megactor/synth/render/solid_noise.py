"""Smooth noise in space, for grain that sticks to surfaces."""
# mypy: disallow-untyped-defs=false

import math

import numpy as np

from megactor.synth.jit import inlined


@inlined
def solid_noise(x, y, z):
    """Value noise in [0, 1] with one random number per unit cube's corner."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    u, v, w = _fade(x - i), _fade(y - j), _fade(z - k)
    i, j, k = np.int64(i), np.int64(j), np.int64(k)
    near = _mix(
        _mix(_corner(i, j, k), _corner(i + 1, j, k), u), _mix(_corner(i, j + 1, k), _corner(i + 1, j + 1, k), u), v
    )
    k += 1
    far = _mix(
        _mix(_corner(i, j, k), _corner(i + 1, j, k), u), _mix(_corner(i, j + 1, k), _corner(i + 1, j + 1, k), u), v
    )
    return _mix(near, far, w)


@inlined
def _corner(i, j, k):
    n = (i * 73856093) ^ (j * 19349663) ^ (k * 83492791)
    n = (n ^ (n >> 13)) * 1274126177
    n = n ^ (n >> 16)
    return (n & 0xFFFF) * (1.0 / 65535.0)


@inlined
def _fade(t):
    return t * t * (3 - 2 * t)


@inlined
def _mix(a, b, t):
    return a + (b - a) * t
