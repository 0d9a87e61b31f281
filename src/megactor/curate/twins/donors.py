"""Who lends a face: portraits, and which of them suit a clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from megactor.curate.twins.colors import fit_light, skin_vertices, vertex_colors
from megactor.curate.twins.face_mesh import POINTS, Poses, poses
from megactor.curate.twins.visible import in_view, turned_here
from megactor.errors import InputError, MegActorError
from megactor.faces.analyzer import FaceAnalyzer
from megactor.media.images import load_image

_CHOICE = 6
"""Donors among which chance decides."""
_POSE, _COLOR = 0.35, 0.4
"""What counts as much: radians between two heads, and the logarithm of a factor on the skin's colors."""


@dataclass(frozen=True)
class Donor:
    """A face that is lent.

    picture: (H, W, 3) uint8.
    points: (468, 2) float32 pixels.
    colors: (468, 3), logarithms of the vertices' colors.
    pose: of this one face, T = 1.
    seen: (468,) in [0, 1], 0 where the picture shows the skin from the side or not at all.
    """

    picture: np.ndarray
    points: np.ndarray
    colors: np.ndarray
    pose: Poses
    seen: np.ndarray


def read_donors(folder: Path | None, analyzer: FaceAnalyzer) -> list[Donor]:
    """Reads the portraits in which a face is found.

    Args:
        folder: of portraits; None for the packaged rendered ones.
        analyzer: finds their faces.

    Raises:
        InputError: there is none.
    """
    if folder is None:
        with resources.as_file(resources.files("megactor") / "assets" / "donors") as packaged:
            return read_donors(packaged, analyzer)
    donors = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            picture = load_image(path)
        except MegActorError:
            continue
        faces = analyzer.faces(picture)
        if faces:
            donors.append(_donor(picture, faces[0].landmarks[:POINTS].astype(np.float32)))
    if not donors:
        raise InputError(f"no portrait with a face in {folder}: give a folder of pictures with --donors")
    return donors


def _donor(picture: np.ndarray, points: np.ndarray) -> Donor:
    pose = poses(points[None])
    seen = (turned_here(pose) * in_view(points[None], pose))[0]
    return Donor(picture, points, vertex_colors([picture], points[None])[0], pose, seen)


def choose_donor(donors: Sequence[Donor], pose: Poses, colors: np.ndarray, seen: np.ndarray, seed: int) -> Donor:
    """One of the donors who suit a clip best: their heads are turned alike, and their colors need little change.

    Args:
        donors: at least one.
        pose: of the clip's frames.
        colors: (T, 468, 3) of the clip, as in `Donor.colors`.
        seen: (T, 468) of the clip, as in `Donor.seen`.
        seed: decides among the best.
    """
    forward, mean, weight = pose.rotation[:, 2], colors.mean(0, keepdims=True), seen.mean(0, keepdims=True)
    skin = skin_vertices()

    def cost(donor: Donor) -> float:
        turned = np.arccos(np.clip(forward @ donor.pose.rotation[0, 2], -1, 1)).mean()
        factor = fit_light(mean, donor.colors, weight * donor.seen * skin)[0, skin]
        return float(turned / _POSE + np.sqrt(np.square(factor).mean()) / _COLOR)

    ranked = sorted(range(len(donors)), key=lambda number: cost(donors[number]))
    return donors[ranked[seed % min(_CHOICE, len(ranked))]]
