"""What a system must beat: the portrait that does nothing, and a warp by landmarks as it was done before networks."""

from collections.abc import Sequence

import cv2
import numpy as np

from megactor.evaluation.case import Case
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import Face
from megactor.faces.head_pose import head_pose
from megactor.metrics.motion import find_faces

_BORDER = 8
"""Fixed points along each side of the picture."""
_GRID = 64
"""Side of the grid on which the warp is computed; a thin plate is smooth between its nodes."""
_STIFFNESS = 1e-3
"""Weight of the bending energy: landmarks jitter, and two that come together must not tear the picture."""


def still_portrait(case: Case) -> np.ndarray:
    """The portrait in place of every frame: uint8 (F, S, S, 3)."""
    return np.broadcast_to(case.portrait, case.driver.shape)


def landmark_warp(case: Case, analyzer: FaceAnalyzer) -> np.ndarray:
    """The portrait, bent so that its landmarks move as the driver's do: thin-plate splines (Bookstein, 1989).

    The driver's landmarks are taken relative to the frame in which its head lies most like the portrait's, scaled to
    the portrait's face and added to the portrait's landmarks; the picture's border stays where it is. What the
    portrait hides (teeth, the far cheek) cannot appear.

    Args:
        case: of the portrait and the driver.
        analyzer: reads both.

    Returns:
        uint8 (F, S, S, 3); the portrait where a frame, or the portrait, shows no face.
    """
    (portrait,) = find_faces(analyzer, [case.portrait])
    faces = find_faces(analyzer, case.driver)
    index = like_portrait(portrait, faces, case.first_is_portrait)
    reference = None if index is None else faces[index]
    if portrait is None or reference is None:
        return still_portrait(case)
    source = _points(portrait)
    ratio = head_pose(portrait.landmarks68).scale / max(head_pose(reference.landmarks68).scale, 1e-6)
    frames, last = [], case.portrait
    for face in faces:
        if face is not None:
            last = warp(case.portrait, source, source + ratio * (_points(face) - _points(reference)))
        frames.append(last)
    return np.stack(frames)


def like_portrait(portrait: Face | None, faces: Sequence[Face | None], first_is_portrait: bool) -> int | None:
    """The driver's frame whose head pose is nearest to the portrait's; None without a face."""
    known = [index for index, face in enumerate(faces) if face is not None]
    if not known or (first_is_portrait and known[0] != 0):
        return None
    if portrait is None or first_is_portrait:
        return known[0]
    wanted = head_pose(portrait.landmarks68).degrees

    def distance(index: int) -> float:
        face = faces[index]
        assert face is not None
        return float(np.abs(head_pose(face.landmarks68).degrees - wanted).sum())

    return min(known, key=distance)


def warp(picture: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Moves points of a picture and bends what lies between like a thin plate.

    Args:
        picture: uint8 (S, S, 3).
        source: (N, 2) pixels.
        target: (N, 2), where they go.

    Returns:
        uint8 (S, S, 3).
    """
    size = len(picture)
    ticks = np.linspace(0, size, _BORDER + 1)[:-1]
    zeros, ends = np.zeros(_BORDER), np.full(_BORDER, size)
    border = np.concatenate(
        [np.column_stack(pair) for pair in ((ticks, zeros), (ends, ticks), (size - ticks, ends), (zeros, size - ticks))]
    )
    # backwards: where in the portrait does each pixel of the result come from?
    to, come_from = (np.concatenate([points, border]) / size for points in (target, source))
    count = len(to)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bend(to, to) + _STIFFNESS * np.eye(count)
    affine = np.column_stack([np.ones(count), to])
    system[:count, count:], system[count:, :count] = affine, affine.T
    weights = np.linalg.solve(system, np.concatenate([come_from, np.zeros((3, 2))]))

    centers = (np.arange(_GRID) + 0.5) / _GRID
    grid = np.stack(np.meshgrid(centers, centers), axis=-1).reshape(-1, 2)
    found = _bend(grid, to) @ weights[:count] + np.column_stack([np.ones(len(grid)), grid]) @ weights[count:]
    shift = (found - grid).reshape(_GRID, _GRID, 2).astype(np.float32) * size
    shift = cv2.resize(shift, (size, size), interpolation=cv2.INTER_CUBIC)
    x, y = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    moved = cv2.remap(picture, x + shift[..., 0], y + shift[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved)


def _points(face: Face) -> np.ndarray:
    return np.concatenate([face.landmarks68, face.iris]).astype(np.float64)


def _bend(points: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """r^2 log r, the bending of a plate pushed at one knot."""
    squared = ((points[:, None] - knots[None]) ** 2).sum(-1)
    return np.asarray(0.5 * squared * np.log(np.maximum(squared, 1e-12)))
