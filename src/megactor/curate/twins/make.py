"""Twins of a clip, made and checked: the motion must have stayed, and of a swapped one the identity must have gone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from megactor.curate.twins.backend import TwinBackend, TwinError
from megactor.curate.twins.img2img import ImageToImage
from megactor.curate.twins.mesh_swap import MeshSwap
from megactor.curate.twins.styles import Styles
from megactor.errors import InputError
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import MESH_TO_68, Face
from megactor.metrics.identity import color_difference, face_colors

LEAST_MOTION = 0.9
"""Correlation of the landmarks' motion."""

LEAST_FOUND = 0.8
"""Share of the looked-at frames in which the analyzer must find the twin's face."""

LEAST_IDENTITY = 8.0
"""Delta E*ab between swapped face and source; frames of one person differ by about 5 (`metrics.identity`)."""

STILL = 0.004
"""Landmarks that move by less than this part of the face are no motion to correlate."""

_LOOKED_AT = 32


@dataclass(frozen=True)
class Twin:
    """One twin of a clip.

    frames: uint8 (T, S, S, 3), or None where it failed.
    scores: "motion" (correlation), "found" (share), "identity" (delta E*ab), as far as they were measured.
    reason: why it failed.
    """

    frames: np.ndarray | None
    scores: dict[str, float] = field(default_factory=dict)
    reason: str | None = None


def backends_from_names(names: Sequence[str], donors: Path | None) -> list[TwinBackend]:
    """What makes the twins of these names.

    Args:
        names: "mesh-swap", "styles", "img2img=DIR" with the folder of a diffusers pipeline.
        donors: folder of portraits for mesh-swap; None for the packaged ones.

    Raises:
        InputError: there is no such backend, or no face among the donors.
        ModelError: no image-to-image pipeline in the folder.
    """
    backends: list[TwinBackend] = []
    for name in names:
        if name == MeshSwap.name:
            backends.append(MeshSwap(donors))
        elif name == Styles.name:
            backends.append(Styles())
        elif name.startswith(f"{ImageToImage.name}="):
            backends.append(ImageToImage(Path(name.partition("=")[2])))
        else:
            raise InputError(f"--twins {name}: there are {MeshSwap.name}, {Styles.name} and {ImageToImage.name}=DIR")
    return backends


def make_twins(
    frames: np.ndarray,
    landmarks: np.ndarray,
    backends: Sequence[TwinBackend],
    seed: int,
    analyzer: FaceAnalyzer,
) -> dict[str, Twin]:
    """Makes and checks a twin with every backend.

    Args:
        frames: uint8 (T, S, S, 3).
        landmarks: (T, 478, 2) pixels.
        backends: one for each stream.
        seed: decides everything that is random.
        analyzer: looks at the twins.

    Returns:
        Stream -> twin, failed ones among them.
    """
    twins = {}
    for backend in backends:
        try:
            made = backend.make(frames, landmarks, seed)
        except TwinError as error:
            twins[backend.stream] = Twin(None, reason=str(error))
            continue
        twins[backend.stream] = _checked(made, frames, landmarks, backend.stream, analyzer)
    return twins


def motion_correlation(points: np.ndarray, others: np.ndarray) -> float:
    """How far two faces move alike: correlation of their landmarks' ways around their mean places.

    The second face is first laid over the first by one affine map for the clip, since its shape and place are its own.

    Args:
        points: (T, K, 2).
        others: (T, K, 2), the same landmarks.

    Returns:
        Pearson's r over all coordinates; 1 where neither moves.
    """
    mean, other_mean = points.mean(0), others.mean(0)
    design = np.column_stack([other_mean, np.ones(len(other_mean))])
    affine = np.linalg.lstsq(design, mean, rcond=None)[0]
    moved = others @ affine[:2] + affine[2]
    a, b = points - mean, moved - moved.mean(0)
    least = STILL * np.ptp(mean, axis=0).mean()
    if a.std() < least and b.std() < least:
        return 1.0
    return float((a * b).sum() / np.sqrt(np.square(a).sum() * np.square(b).sum() + 1e-12))


def _checked(made: np.ndarray, frames: np.ndarray, landmarks: np.ndarray, stream: str, analyzer: FaceAnalyzer) -> Twin:
    numbers = np.linspace(0, len(frames) - 1, min(len(frames), _LOOKED_AT)).astype(int)
    seen = {}
    for number in numbers:
        face = _same_place(analyzer.faces(made[number]), landmarks[number])
        if face is not None:
            seen[int(number)] = face.landmarks68
    scores = {"found": len(seen) / len(numbers)}
    if scores["found"] < LEAST_FOUND:
        return Twin(None, scores, "the twin's face is not found")
    mesh68 = landmarks[:, list(MESH_TO_68)]
    scores["motion"] = motion_correlation(mesh68[list(seen)], np.stack(list(seen.values())))
    if scores["motion"] < LEAST_MOTION:
        return Twin(None, scores, "the twin moves otherwise")
    if stream == "swapped":
        middle = list(seen)[:: max(1, len(seen) // 8)]
        pairs = [(face_colors(made[n], mesh68[n]), face_colors(frames[n], mesh68[n])) for n in middle]
        scores["identity"] = float(np.mean([color_difference(*pair) for pair in pairs]))
        if scores["identity"] < LEAST_IDENTITY:
            return Twin(None, scores, "the twin looks like the same person")
    return Twin(made, scores)


def _same_place(faces: list[Face], mesh: np.ndarray) -> Face | None:
    """The face that lies where the source's does."""
    middle, size = mesh.mean(0), np.ptp(mesh, axis=0).mean()
    for face in faces:
        if np.linalg.norm(face.landmarks.mean(0) - middle) < 0.3 * size:
            return face
    return None
