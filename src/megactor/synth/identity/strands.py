"""Hair as ribbons: strands of points become narrow strips of triangles."""

from dataclasses import dataclass

import numpy as np

from megactor.synth.anatomy.subject import Material
from megactor.synth.identity.attached import Attached, turning_weight


@dataclass(frozen=True)
class Strands:
    """N strands of K points.

    points: (N, K, 3) from root to tip.
    outwards: (N, K, 3) unit directions away from what they grow on.
    anchors, anchor_weights: (N, 3) for strands that follow the skin, else weights of zero.
    """

    points: np.ndarray
    outwards: np.ndarray
    anchors: np.ndarray
    anchor_weights: np.ndarray


def rooted_on_head(points: np.ndarray, center: np.ndarray) -> Strands:
    """Strands that only the head carries, outwards = away from the head's center."""
    count = len(points)
    return Strands(
        points=points,
        outwards=unit(points - center),
        anchors=np.zeros((count, 3), np.int32),
        anchor_weights=np.zeros((count, 3), np.float32),
    )


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1 along the last axis."""
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)


def ribbons(
    strands: Strands,
    color: np.ndarray,
    tip_color: np.ndarray,
    width: tuple[float, float],
    rng: np.random.Generator,
    tip: float = 0.2,
) -> Attached:
    """Ribbons that face outwards, narrow towards the tip and differ a little in color.

    Args:
        strands: where they run.
        color: (3,) linear RGB at the root.
        tip_color: at the tip.
        width: range of the ribbons' widths, rig units.
        rng: twist, width and color of every strand.
        tip: width at the tip as a part of that at the root.
    """
    points = strands.points
    count, steps, _ = points.shape
    t = np.linspace(0, 1, steps)[None, :, None]
    along = unit(np.gradient(points, axis=1))
    across = unit(np.cross(along, strands.outwards + rng.normal(0, 0.35, (count, 1, 3))))
    facing = np.cross(across, along)
    facing = facing * np.sign((facing * strands.outwards).sum(axis=2, keepdims=True) + 1e-9)
    # a lock is round, not flat: its light is half that of the whole head of hair
    normals = unit(0.45 * facing + 0.55 * strands.outwards)
    half = rng.uniform(*width, (count, 1, 1)) * (1 - (1 - tip) * t**2) / 2
    sides = np.stack([points - across * half, points + across * half], axis=2)
    tone = np.exp(rng.normal(0, 0.24, (count, 1, 1)) + rng.normal(0, 0.03, (count, 1, 3)))
    colors = np.clip((color + (tip_color - color) * t) * tone, 0.002, 1)
    first = np.arange(count)[:, None] * steps * 2 + np.arange(steps - 1) * 2
    quads = np.stack([first, first + 1, first + 2, first + 1, first + 3, first + 2], axis=-1)
    positions = sides.reshape(-1, 3)
    return Attached(
        positions=positions,
        triangles=quads.reshape(-1, 3),
        material=Material.HAIR,
        colors=np.repeat(colors[:, :, None], 2, axis=2).reshape(-1, 3),
        head_weight=turning_weight(positions),
        normals=np.repeat(normals[:, :, None], 2, axis=2).reshape(-1, 3),
        tangents=np.repeat(along[:, :, None], 2, axis=2).reshape(-1, 3),
        anchors=np.repeat(strands.anchors, 2 * steps, axis=0),
        anchor_weights=np.repeat(strands.anchor_weights, 2 * steps, axis=0),
        # half of them cast the same shadow and cost half
        casts_shadow=np.repeat(np.arange(count) % 2 == 0, 2 * (steps - 1)),
    )


def scatter(
    points: np.ndarray, triangles: np.ndarray, density: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Random places on a surface.

    Args:
        points: (V, 3).
        triangles: (T, 3).
        density: (T,) relative number of places per area, not all 0.
        count: how many.
        rng: of the places.

    Returns:
        (count,) indices of triangles and (count, 3) barycentric coordinates.
    """
    corners = points[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share = area * density
    chosen = rng.choice(len(triangles), count, p=share / share.sum())
    return chosen, rng.dirichlet([1, 1, 1], count)
