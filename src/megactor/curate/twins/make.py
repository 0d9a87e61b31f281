"""Twins of a clip, made and checked.

The motion must have stayed; of a swapped face nobody may see where it begins, nor whose face is below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from megactor.curate.twins.backend import Made, TwinBackend, TwinError
from megactor.curate.twins.img2img import ImageToImage
from megactor.curate.twins.likeness import likeness
from megactor.curate.twins.mesh_swap import MeshSwap
from megactor.curate.twins.seams import seam_strength
from megactor.curate.twins.styles import Styles
from megactor.drive.crop import face_size
from megactor.errors import InputError
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import MESH_TO_68, Face

LEAST_MOTION = 0.9
"""Correlation of the landmarks' motion."""

LEAST_FOUND = 0.8
"""Share of the looked-at frames in which the analyzer must find the twin's face."""

MOST_SEAM = 1.3
"""Edge energy along the rim of a swapped face over that of the clip, see `seams.seam_strength`."""

MOST_LIKENESS = 0.8
"""See `likeness.likeness`; halves of a clip have 0.96 and more."""

FARTHEST = 0.06
"""Of the face's width: how far a twin's landmarks may lie from where the analyzer finds them, in the median."""

STILL = 0.004
"""Landmarks that move by less than this part of the face are no motion to correlate."""

_ATTEMPTS = 2
"""With another donor or style, where one does not suit a clip."""

_LOOKED_AT, _LOOKED_CLOSELY = 16, 8


@dataclass(frozen=True)
class Twin:
    """One twin of a clip.

    frames: uint8 (T, S, S, 3), or None where it failed.
    landmarks: (T, 478, 2) float32 pixels, or None where it failed.
    scores: "found" (share), "motion" (correlation), "off" (of the landmarks, face widths), "seam" (ratio), "likeness"
        (correlation), as far as they were measured.
    reason: why it failed.
    """

    frames: np.ndarray | None
    landmarks: np.ndarray | None = None
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
        for attempt in range(_ATTEMPTS):
            twin = _made(backend, frames, landmarks, seed + attempt, analyzer)
            if twin.frames is not None:
                break
        twins[backend.stream] = twin
    return twins


def _made(backend: TwinBackend, frames: np.ndarray, landmarks: np.ndarray, seed: int, analyzer: FaceAnalyzer) -> Twin:
    try:
        made = backend.make(frames, landmarks, seed)
    except TwinError as error:
        return Twin(None, reason=str(error))
    return _checked(made, frames, landmarks, backend.stream, analyzer)


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


def _checked(made: Made, frames: np.ndarray, landmarks: np.ndarray, stream: str, analyzer: FaceAnalyzer) -> Twin:
    numbers = np.linspace(0, len(frames) - 1, min(len(frames), _LOOKED_AT)).astype(int)
    seen = {}
    for number in numbers:
        face = _same_place(analyzer.near_faces(made.frames[number]), landmarks[number])
        if face is not None:
            seen[int(number)] = face.landmarks
    scores = {"found": len(seen) / len(numbers)}
    if scores["found"] < LEAST_FOUND:
        return Twin(None, None, scores, "the twin's face is not found")
    looked, found = list(seen), np.stack(list(seen.values()))
    inner = list(MESH_TO_68)
    scores["motion"] = motion_correlation(landmarks[looked][:, inner], found[:, inner])
    if scores["motion"] < LEAST_MOTION:
        return Twin(None, None, scores, "the twin moves otherwise")
    if made.landmarks is not None:
        off = np.linalg.norm(made.landmarks[looked][:, inner] - found[:, inner], axis=2)
        scores["off"] = float(np.median(off) / np.ptp(landmarks[..., 0], axis=1).mean())
        if scores["off"] > FARTHEST:
            return Twin(None, None, scores, "the twin's face lies elsewhere")
    if stream == "swapped":
        every = max(1, len(looked) // _LOOKED_CLOSELY)
        close, there = looked[::every], found[::every]
        scores["seam"] = seam_strength(made.frames[close], frames[close], landmarks[close])
        if scores["seam"] > MOST_SEAM:
            return Twin(None, None, scores, "the twin's face has a rim")
        scores["likeness"] = likeness(made.frames[close], there, frames[close], landmarks[close])
        if scores["likeness"] > MOST_LIKENESS:
            return Twin(None, None, scores, "the twin looks like the same person")
    known = made.landmarks if made.landmarks is not None else _followed(made.frames, landmarks, analyzer)
    return Twin(made.frames, known, scores)


def _followed(frames: np.ndarray, landmarks: np.ndarray, analyzer: FaceAnalyzer) -> np.ndarray:
    """(T, 478, 2) of a twin: its own face where one is found near the clip's, else the clip's, which it follows."""
    result = landmarks.copy()
    for number, frame in enumerate(frames):
        here = Face(landmarks[number]).box
        near = [face for face in analyzer.faces(frame) if np.abs(face.box - here).max() < face_size(here) / 2]
        if near:
            result[number] = near[0].landmarks
    return result


def _same_place(faces: list[Face], mesh: np.ndarray) -> Face | None:
    """The face that lies where the source's does."""
    middle, size = mesh.mean(0), np.ptp(mesh, axis=0).mean()
    for face in faces:
        if np.linalg.norm(face.landmarks.mean(0) - middle) < 0.3 * size:
            return face
    return None
