"""Where a surface point seen in one frame of a clip lies in another: the exact teacher for motion."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import minimum_filter

from megactor.synth.renderer import Rendered
from megactor.synth.subject import Subject

TOLERANCE = 0.35
"""How much nearer another surface must be to hide a point, rig units (3 mm): more than skin bends between pixels."""


@dataclass(frozen=True)
class Correspondence:
    """For each pixel of a frame, where its surface point lies in the source frame.

    flow: (S, S, 2) float32 pixels: the point seen at pixel p is at p + flow(p) in the source; zero for background.
    visible: (S, S) bool, whether it can be seen there: inside of the picture and in front. Background is visible
        where the source shows background too.
    """

    flow: np.ndarray
    visible: np.ndarray


def correspond(subject: Subject, frame: Rendered, source: Rendered, supersampling: int = 2) -> Correspondence:
    """Finds all points of a frame in another frame of the same person, scene and size; hair and clothes included.

    Args:
        subject: who is seen in both.
        frame: the pixels asked about.
        source: where they are looked for, for example the portrait.
        supersampling: that both were rendered with.
    """
    size = len(frame.triangle_ids)
    person = frame.triangle_ids >= 0
    rows, columns = np.nonzero(person)
    corners = subject.triangles[frame.triangle_ids[person]]
    offset = (supersampling // 2 + 0.5) / supersampling  # of the sample that `triangle_ids` holds
    samples = np.stack([columns + offset, rows + offset], axis=1)
    weights = _surface_weights(frame.screen[corners].astype(np.float64), samples)

    there = source.screen[corners].astype(np.float64)
    depth = (weights * there[:, :, 2]).sum(1)
    # what is linear on the surface is x * depth, not x: the camera's view is a perspective one
    place = ((weights * there[:, :, 2])[..., None] * there[:, :, :2]).sum(1) / depth[:, None]

    flow = np.zeros((size, size, 2), np.float32)
    flow[person] = place - samples
    visible = ~person & (source.triangle_ids < 0)
    visible[person] = _in_front(place, depth, source.depth)
    return Correspondence(flow, visible)


def _surface_weights(corners: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """(N, 3) barycentric weights, on the surface, of the points of (N, 3, 3) projected triangles at (N, 2) samples."""
    a, b, c = corners[:, 0, :2], corners[:, 1, :2], corners[:, 2, :2]

    def twice_area(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return (q[:, 0] - p[:, 0]) * (r[:, 1] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (r[:, 0] - p[:, 0])

    shares = np.stack([twice_area(b, c, samples), twice_area(c, a, samples), twice_area(a, b, samples)], axis=1)
    shares = shares / np.where(shares.sum(1) == 0, 1, shares.sum(1))[:, None]
    shares = shares.clip(0, 1) / corners[:, :, 2]
    return shares / shares.sum(1, keepdims=True)


def _in_front(place: np.ndarray, depth: np.ndarray, seen_depth: np.ndarray) -> np.ndarray:
    """(N,) bool: no surface lies clearly nearer to the camera at these places.

    The farthest surface within a pixel counts: at a silhouette the pixel's own sample may be of the other side.
    """
    size = len(seen_depth)
    columns, rows = np.floor(place).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < size) & (rows < size)
    farthest = -minimum_filter(-seen_depth, size=3, mode="nearest")
    at = rows.clip(0, size - 1), columns.clip(0, size - 1)
    hidden = depth > np.minimum(farthest[at], seen_depth[at] + 3 * TOLERANCE) + TOLERANCE
    return inside & ~hidden
