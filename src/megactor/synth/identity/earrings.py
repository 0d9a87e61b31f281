"""Earrings: studs, hoops and drops at the lobes."""

import numpy as np

from megactor.synth.anatomy.bust import Bust
from megactor.synth.anatomy.subject import Material
from megactor.synth.identity.attached import Attached, attach, grid_triangles, join, tube
from megactor.synth.identity.traits import EarringTraits

_EAR = (7.6, -2.5, 2.0)
"""On the mean head an ear lies beyond this |x|, between these z."""


def build_earrings(bust: Bust, rest: np.ndarray, earrings: EarringTraits) -> Attached | None:
    """Earrings that hang at a person's lobes.

    Args:
        bust: for which vertices are ears.
        rest: (B, 3) the identity at rest.
        earrings: which.

    Returns:
        None where the head has no ears.
    """
    parts = []
    for side in (1, -1) if earrings.both else (1,):
        lobe = _lobe(bust, rest, side)
        if lobe is not None:
            parts += [(points + lobe, triangles) for points, triangles in _parts(earrings, side)]
    if not parts:
        return None
    positions, triangles = join(parts)
    return attach(positions, triangles, Material.FRAME, np.array(earrings.color), 1.0)


def _lobe(bust: Bust, rest: np.ndarray, side: int) -> np.ndarray | None:
    """(3,) the lowest point of an ear, a little outside."""
    skin = np.unique(bust.triangles[bust.materials == Material.SKIN])
    x, _, z = bust.rest[skin].T
    ear = skin[(side * x > _EAR[0]) & (z > _EAR[1]) & (z < _EAR[2])]
    if len(ear) == 0:
        return None
    lobe = rest[ear[np.argmin(bust.rest[ear, 1])]].astype(float)
    return lobe + np.array([0.12 * side, 0.15, 0.1])


def _parts(earrings: EarringTraits, side: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Meshes about the lobe."""
    size = earrings.size
    if earrings.kind == "stud":
        return [_ball(0.3 * size)]
    if earrings.kind == "drop":
        chain = np.linspace([0, 0, 0], [0.05 * side, -1.1 * size, 0], 5)
        points, triangles = _ball(0.3 * size)
        return [tube(chain, 0.06, closed=False), (points + chain[-1], triangles)]
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    ring = size * np.stack([np.sin(turn), np.cos(turn) - 1, np.zeros(28)], axis=1)
    points, triangles = tube(ring, 0.09, closed=True)
    angle = side * earrings.angle
    about_y = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return [(points @ about_y.T, triangles)]


def _ball(radius: float, rows: int = 6, columns: int = 10) -> tuple[np.ndarray, np.ndarray]:
    down = np.linspace(0, np.pi, rows)[:, None]
    around = np.arange(columns) / columns * 2 * np.pi
    points = [np.sin(down) * np.sin(around), np.cos(down) + 0 * around, np.sin(down) * np.cos(around)]
    return radius * np.stack(points, axis=-1).reshape(-1, 3), grid_triangles(rows, columns, False, True)
