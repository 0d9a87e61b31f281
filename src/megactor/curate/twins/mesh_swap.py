"""Swapped twins without any network's weights: a donor's face laid over the clip's, triangle by triangle.

The donor lends skin, brows and nose and part of the features' places. Eyes and the inside of the mouth stay the clip's,
so gaze, blinks and speech do too. Colors are matched once for the whole clip, so nothing flickers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial import Delaunay

from megactor.curate.twins.backend import TwinError
from megactor.errors import InputError, MegActorError
from megactor.faces.analyzer import FaceAnalyzer, create_analyzer
from megactor.faces.face import MESH_TO_68
from megactor.media.images import load_image
from megactor.metrics.identity import color_difference, face_colors

POINTS = 468
"""Of the mesh, without the irises."""

OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
"""Rings of MediaPipe's face mesh."""

_SHAPE, _LIGHT, _COLOR = 0.45, 0.6, 0.25
"""How far features move to the donor's places; how far light and color of the donor's skin move to the clip's."""


@dataclass(frozen=True)
class _Donor:
    picture: np.ndarray
    points: np.ndarray


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
        if donors is None:
            with resources.as_file(resources.files("megactor") / "assets" / "demo") as folder:
                self._donors = _read_donors(folder, finder)
        else:
            self._donors = _read_donors(donors, finder)
        if not self._donors:
            raise InputError(f"no portrait with a face in {donors}: give a folder of pictures with --donors")
        if analyzer is None:
            finder.close()

    def make(self, frames: np.ndarray, landmarks: np.ndarray, seed: int) -> np.ndarray:
        """See `TwinBackend`."""
        points = landmarks[:, :POINTS].astype(np.float32)
        others = self._least_alike(frames[len(frames) // 2], points[len(frames) // 2])
        donor = others[seed % len(others)]
        moved = _with_donors_shape(points, donor.points)
        triangles = Delaunay(donor.points).simplices
        lent = [_lend(donor, triangles, target, frames.shape[1]) for target in moved]
        match = _color_match(frames, points, [picture for picture, _ in lent])
        twin = np.empty_like(frames)
        for number, (picture, known) in enumerate(lent):
            mask = _mask(points[number], moved[number], frames.shape[1]) * known
            mixed = frames[number] + mask[..., None] * (match(picture) - frames[number])
            twin[number] = np.clip(mixed, 0, 255).round()
        return twin

    def _least_alike(self, frame: np.ndarray, points: np.ndarray) -> list[_Donor]:
        """The half of the donors whose faces have the most other colors."""
        own = face_colors(frame, points[list(MESH_TO_68)])

        def difference(donor: _Donor) -> float:
            return color_difference(own, face_colors(donor.picture, donor.points[list(MESH_TO_68)]))

        return sorted(self._donors, key=difference, reverse=True)[: (len(self._donors) + 1) // 2]


def _read_donors(folder: Path, analyzer: FaceAnalyzer) -> list[_Donor]:
    donors = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            picture = load_image(path)
        except MegActorError:
            continue
        faces = analyzer.faces(picture)
        if faces:
            donors.append(_Donor(picture, faces[0].landmarks[:POINTS].astype(np.float32)))
    return donors


def _similarity(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(2, 3), the turn, scale and shift that takes points nearest to target (Umeyama, 1991)."""
    a, b = points - points.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1.0, np.sign(np.linalg.det(u @ vt))])
    matrix = u @ sign @ vt * (s * sign.diagonal()).sum() / np.square(a).sum()
    return np.column_stack([matrix, target.mean(0) - matrix @ points.mean(0)])


def _with_donors_shape(points: np.ndarray, donor: np.ndarray) -> np.ndarray:
    """(T, 468, 2): the clip's mesh with inner features partly where the donor has them; border, eyes, lips stay."""
    mean = points.mean(0)
    to_mean = _similarity(donor, mean)
    offset = donor @ to_mean[:, :2].T + to_mean[:, 2] - mean
    kept = mean[[*OVAL, *LEFT_EYE, *RIGHT_EYE, *INNER_LIPS]]
    size = np.ptp(mean, axis=0).mean()
    distance = np.linalg.norm(mean[:, None] - kept[None], axis=2).min(1)
    offset = offset * (_SHAPE * np.clip(distance / (0.08 * size), 0, 1))[:, None]
    turns = np.stack([_similarity(mean, frame)[:, :2] for frame in points])
    return (points + np.einsum("tij,kj->tki", turns, offset)).astype(np.float32)


def _lend(donor: _Donor, triangles: np.ndarray, target: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The donor's face in the target's shape: (S, S, 3) float32, and (S, S) 1 where it is."""
    ids = np.zeros((size, size), np.int32)
    for number, triangle in enumerate(target[triangles].round().astype(np.int32), start=1):
        cv2.fillConvexPoly(ids, triangle, number)
    corners = np.concatenate([target[triangles], np.ones((len(triangles), 3, 1), np.float32)], axis=2)
    flat = np.abs(np.linalg.det(corners)) < 1e-3
    corners[flat] = np.eye(3)
    maps = np.linalg.solve(corners, donor.points[triangles])
    y, x = np.nonzero(ids)
    # as a picture of places: in one row OpenCV takes no more than 32766 of them
    where = np.zeros((size, size, 2), np.float32)
    where[y, x] = np.einsum("nk,nkj->nj", np.stack([x, y, np.ones_like(x)], 1), maps[ids[y, x] - 1])
    lent = cv2.remap(donor.picture, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    known = (ids > 0).astype(np.float32)
    return lent * known[..., None], known


def _mask(points: np.ndarray, moved: np.ndarray, size: int) -> np.ndarray:
    """(S, S) in [0, 1]: the face without eyes and inner mouth, feathered."""
    mask = np.zeros((size, size), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(moved[list(OVAL)]).round().astype(np.int32), 1.0)
    feather = max(3.0, 0.05 * float(np.ptp(points[:, 0])))
    reach = 2 * round(feather) + 1
    mask = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    mask = cv2.GaussianBlur(mask, (0, 0), feather / 2)
    holes = np.zeros((size, size), np.float32)
    for ring in (LEFT_EYE, RIGHT_EYE, INNER_LIPS):
        cv2.fillPoly(holes, [points[list(ring)].round().astype(np.int32)], 1.0)
    # a pixel wider: the soft border would close the eyes of small faces
    holes = cv2.GaussianBlur(cv2.dilate(holes, np.ones((3, 3), np.uint8)), (0, 0), feather / 5)
    return mask * (1 - holes)


class _Match:
    """A change of CIELAB means and spreads."""

    def __init__(self, mean: np.ndarray, scale: np.ndarray, target: np.ndarray) -> None:
        self.mean, self.scale, self.target = mean, scale, target

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        lab = cv2.cvtColor(picture / 255, cv2.COLOR_RGB2LAB)
        matched = ((lab - self.mean) * self.scale + self.target).astype(np.float32)
        return np.clip(cv2.cvtColor(matched, cv2.COLOR_LAB2RGB), 0, 1) * 255


def _color_match(frames: np.ndarray, points: np.ndarray, lent: Sequence[np.ndarray]) -> _Match:
    """Brings the donor's skin part of the way to the clip's (Reinhard et al., 2001), the same for all frames."""
    numbers = np.linspace(0, len(frames) - 1, min(len(frames), 8)).astype(int)
    statistics = []
    for number in numbers:
        inside = _mask(points[number], points[number], frames.shape[1]) > 0.5
        inside &= lent[number].any(axis=2)
        if inside.sum() < 50:
            continue
        pair = (frames[number].astype(np.float32), lent[number])
        labs = [cv2.cvtColor(picture / 255, cv2.COLOR_RGB2LAB)[inside] for picture in pair]
        statistics.append([(lab.mean(0), lab.std(0)) for lab in labs])
    if not statistics:
        raise TwinError("the face is too small")
    (mean, spread), (donor_mean, donor_spread) = np.array(statistics).mean(0)
    share = np.array([_LIGHT, _COLOR, _COLOR])
    scale = (spread / np.maximum(donor_spread, 1)) ** share
    return _Match(donor_mean, np.clip(scale, 0.5, 2), donor_mean + share * (mean - donor_mean))
