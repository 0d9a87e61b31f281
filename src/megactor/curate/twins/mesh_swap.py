"""Swapped twins without any network's weights: a donor's face laid over the clip's, triangle by triangle.

The donor lends skin, brows and nose and part of the features' places, in the clip's light. Eyes and the inside of the
mouth stay the clip's, so gaze, blinks and speech do too. What is turned away or behind the nose is not lent.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from megactor.curate.twins.backend import Made, TwinError
from megactor.curate.twins.colors import (
    DARKEST,
    fit_light,
    shows_skin,
    skin_vertices,
    spread_from_border,
    vertex_colors,
)
from megactor.curate.twins.donors import Donor, choose_donor, read_donors
from megactor.curate.twins.face_mesh import (
    OPENINGS,
    OVAL,
    POINTS,
    Poses,
    face_mesh,
    facing,
    poses,
    smoothstep,
)
from megactor.curate.twins.lend import compiled
from megactor.curate.twins.visible import in_view, turned_here
from megactor.faces.analyzer import FaceAnalyzer, create_analyzer

_SHAPE = 0.45
"""How far features move to the donor's places."""
_LEAST_FACE = 24.0
"""Pixels of a face's width below which there is nothing to lend."""


class MeshSwap:
    """See `TwinBackend`.

    Args:
        donors: folder of portraits, or None for the packaged rendered ones.
        analyzer: finds their faces; by default the default analyzer.

    Raises:
        InputError: no portrait with a face in the folder.
    """

    name = "mesh-swap"
    stream = "swapped"

    def __init__(self, donors: Path | None = None, analyzer: FaceAnalyzer | None = None) -> None:
        finder = analyzer or create_analyzer()
        self._donors = read_donors(donors, finder)
        if analyzer is None:
            finder.close()

    def make(self, frames: np.ndarray, landmarks: np.ndarray, seed: int) -> Made:
        """See `TwinBackend`."""
        points = landmarks[:, :POINTS].astype(np.float32)
        pose = poses(points)
        if pose.scale.min() < _LEAST_FACE:
            raise TwinError("the face is too small")
        turned = turned_here(pose)
        seen = turned * in_view(points, pose)
        colors = vertex_colors(frames, points)
        donor = choose_donor(self._donors, pose, colors, seen, seed)
        moved = _with_donors_shape(points, pose, donor)
        factors, bare = _factors(colors, donor, seen)
        cover = (turned * donor.seen * bare * _inside()).astype(np.float32)
        picture = _as_sharp(donor, frames, points)
        mesh, twin = face_mesh(), frames.copy()
        lend, _ = compiled()
        depth = pose.depth(mesh.points)[:, mesh.triangles].mean(2)
        towards = facing(pose)[:, mesh.triangles].max(2) > 0
        for number, frame in enumerate(frames):
            order = np.nonzero(towards[number])[0]
            order = order[np.argsort(-depth[number, order], kind="stable")]
            lend(
                frame,
                picture,
                mesh.triangles,
                order,
                moved[number],
                donor.points,
                factors[number],
                DARKEST,
                cover[number],
                twin[number],
            )
        return Made(twin, np.concatenate([moved, landmarks[:, POINTS:]], axis=1).astype(np.float32))


@cache
def _inside() -> np.ndarray:
    """(468,) in [0, 1]: 0 at the outline, at eyes and inner lips; 1 well inside."""
    mesh = face_mesh()
    inside = smoothstep(mesh.distance(OVAL), 0.02, 0.16)
    inside[list({*OPENINGS, *OVAL})] = 0
    return inside


def _factors(colors: np.ndarray, donor: Donor, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T, 468, 3) factors on the donor's colors, and (T, 468) where the clip shows skin."""
    weights = seen * donor.seen
    light = fit_light(colors, donor.colors, weights * skin_vertices())
    off = colors - donor.colors - light
    bare = shows_skin(off)
    light += spread_from_border(off, weights * bare)
    return np.exp(light).astype(np.float32), bare


def _with_donors_shape(points: np.ndarray, pose: Poses, donor: Donor) -> np.ndarray:
    """(T, 468, 2): the clip's mesh with inner features partly where the donor has them; border, eyes, lips stay.

    What differs between two people is told from how each differs from the mean face in its own pose.
    """
    mesh = face_mesh()
    own = _residual(points, pose).mean(0)
    offset = _residual(donor.points[None], donor.pose)[0] - own
    kept = mesh.distance((*OVAL, *OPENINGS))
    offset *= (_SHAPE * np.clip(kept / 0.08, 0, 1))[:, None]
    moved = points + pose.scale[:, None, None] * np.einsum("tij,kj->tki", pose.rotation[:, :2, :2], offset)
    return moved.astype(np.float32)


def _residual(points: np.ndarray, pose: Poses) -> np.ndarray:
    """(T, 468, 2) by how much faces differ from the mean face, in widths of the face along its own axes."""
    off = (points - pose.projected(face_mesh().points)) / pose.scale[:, None, None]
    return np.asarray(np.einsum("tij,tkj->tki", np.linalg.pinv(pose.rotation[:, :2, :2]), off))


def _as_sharp(donor: Donor, frames: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The donor's picture as float32, blurred until it is no sharper than the clip."""
    wanted = float(np.median([_detail(frames[number], points[number]) for number in _some(len(frames), 5)]))
    picture = donor.picture.astype(np.float32)
    scale = float(np.ptp(donor.points[:, 0]) / np.median(np.ptp(points[..., 0], axis=1)))
    for sigma in (0.0, 0.5, 0.8, 1.2, 1.8, 2.7):
        soft = cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture
        if _detail(soft, donor.points, 1 / scale) <= wanted:
            break
    return soft


def _detail(picture: np.ndarray, points: np.ndarray, scale: float = 1.0) -> float:
    """Fine contrast of a face's skin, as if the picture were `scale` times as large."""
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    part = picture[max(int(y0), 0) : max(int(y1), 1), max(int(x0), 0) : max(int(x1), 1)]
    gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
    if scale != 1:
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    fine = np.abs(gray - cv2.GaussianBlur(gray, (0, 0), 1.5)) / (cv2.GaussianBlur(gray, (0, 0), 6) + DARKEST)
    return float(np.median(fine))


def _some(count: int, most: int) -> np.ndarray:
    return np.linspace(0, count - 1, min(count, most)).astype(int)
