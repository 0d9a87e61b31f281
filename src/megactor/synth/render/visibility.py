"""Which surface points of a person can be seen from the camera: each point against every triangle before it."""

# mypy: disallow-untyped-defs=false

import numpy as np

from megactor.synth.anatomy.subject import Subject
from megactor.synth.jit import kernel

_CLEARANCE = 0.03
"""How much nearer a surface must be to hide a point, rig units (0.2 mm): lids lie 0.1 and more before the eyes."""


def seen(
    subject: Subject, screen: np.ndarray, owners: np.ndarray, places: np.ndarray, depths: np.ndarray, size: int
) -> np.ndarray:
    """Tells which points are inside of a picture with nothing in front of them.

    Unlike a look into a depth buffer this knows lids from the eyes just behind them, at any resolution. Lashes are
    mostly air: they hide nothing.

    Args:
        subject: whose surface it is.
        screen: (V, 3) pixel x, y and distance of the vertices, `Rendered.screen`.
        owners: (N,) triangle of each point.
        places: (N, 2) float64 pixels, from `project`.
        depths: (N,) float64 distances, from `project`.
        size: side of the picture in pixels.

    Returns:
        (N,) bool.
    """
    visible = ((places >= 0) & (places < size)).all(axis=1)
    pixels = places[visible].astype(np.int64)
    cells = pixels[:, 1] * size + pixels[:, 0]
    order = np.argsort(cells, kind="stable")
    starts = np.searchsorted(cells[order], np.arange(size * size + 1))
    asked = np.flatnonzero(visible)[order]
    solid = len(subject.triangles) - subject.lash_triangles
    hidden = _hidden(
        places[asked],
        depths[asked],
        owners[asked],
        starts,
        size,
        screen.astype(np.float64),
        subject.triangles,
        subject.two_sided,
        solid,
    )
    visible[asked[hidden]] = False
    return visible


def project(corners: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points of projected triangles lie.

    Args:
        corners: (N, 3, 3) pixel x, y and distance of each triangle's corners.
        weights: (N, 3) barycentric weights on the surface.

    Returns:
        (N, 2) float64 pixels and (N,) float64 distances.
    """
    # what is linear on the surface is x * depth, not x: the camera's view is a perspective one
    shares = weights * corners[:, :, 2]
    depths = shares @ np.ones(3)
    return np.einsum("nk,nkd->nd", shares, corners[:, :, :2]) / depths[:, None], depths


@kernel
def _hidden(places, depths, owners, starts, size, screen, triangles, two_sided, solid):
    """(N,) bool. Points are sorted by pixel; `starts` (size * size + 1,) says where those of each pixel begin."""
    hidden = np.zeros(len(places), np.bool_)
    for i in range(len(places)):
        t = owners[i]
        hidden[i] = (
            not two_sided[t] and t < solid and _area(screen, triangles[t, 0], triangles[t, 1], triangles[t, 2]) >= 0
        )
    for t in range(solid):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        area = _area(screen, a, b, c)
        if area == 0 or (area > 0 and not two_sided[t]):  # pixel rows run down: what faces us turns the other way
            continue
        left = max(int(np.floor(min(screen[a, 0], screen[b, 0], screen[c, 0]))), 0)
        right = min(int(np.floor(max(screen[a, 0], screen[b, 0], screen[c, 0]))), size - 1)
        top = max(int(np.floor(min(screen[a, 1], screen[b, 1], screen[c, 1]))), 0)
        bottom = min(int(np.floor(max(screen[a, 1], screen[b, 1], screen[c, 1]))), size - 1)
        nearest = min(screen[a, 2], screen[b, 2], screen[c, 2])
        for row in range(top, bottom + 1):
            if left > right:
                break
            for i in range(starts[row * size + left], starts[row * size + right + 1]):
                if hidden[i] or nearest > depths[i] - _CLEARANCE or _touch(triangles, t, owners[i]):
                    continue
                x, y = places[i, 0], places[i, 1]
                u = ((screen[b, 0] - x) * (screen[c, 1] - y) - (screen[b, 1] - y) * (screen[c, 0] - x)) / area
                v = ((screen[c, 0] - x) * (screen[a, 1] - y) - (screen[c, 1] - y) * (screen[a, 0] - x)) / area
                w = 1 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                # the reciprocal of the distance is linear in the picture
                if 1 / (u / screen[a, 2] + v / screen[b, 2] + w / screen[c, 2]) < depths[i] - _CLEARANCE:
                    hidden[i] = True
    return hidden


@kernel
def _area(screen, a, b, c):
    """Twice the signed area of a projected triangle."""
    return (screen[b, 0] - screen[a, 0]) * (screen[c, 1] - screen[a, 1]) - (screen[b, 1] - screen[a, 1]) * (
        screen[c, 0] - screen[a, 0]
    )


@kernel
def _touch(triangles, t, other):
    """Whether two triangles share a corner: neighbors on a bent surface do not hide each other."""
    for i in range(3):
        for j in range(3):
            if triangles[t, i] == triangles[other, j]:
                return True
    return False
