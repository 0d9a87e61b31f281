"""Which part of a portrait is the person: the analyzer's mask, looked for more than once.

On drawings and in odd light one look may take a shadow for the person, or nobody at all; another one, of the mirror
image or from farther away, seldom makes the same mistake. The face tells which looks saw the person.
"""

import cv2
import numpy as np

from megactor.drive.crop import CropBox
from megactor.drive.outside import continued_crop
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import Face

_SURROUNDINGS = 0.0, 0.12, 0.25
"""How much more is shown on each side, in parts of the square's side."""
_SIDE = 256
"""Of what the analyzer looks at, in pixels: its network sees no more."""
_BLIND, _SEES = 0.5, 0.9
"""Mean of a mask on the face: with the first or less a look counts for nothing, from the second on it counts fully."""


def find_person(picture: np.ndarray, face: Face, crop: CropBox, analyzer: FaceAnalyzer, size: int) -> np.ndarray:
    """The mean of all looks that saw the face as part of a person.

    Args:
        picture: uint8 (H, W, 3).
        face: whose it is; one without extent is nowhere, and all looks count.
        crop: the square that is asked about.
        analyzer: looks.
        size: side of the result in pixels.

    Returns:
        float32 (size, size) in [0, 1], 1 on the person; 0 everywhere if no look saw them.
    """
    looks = [look for around in _SURROUNDINGS for look in _looks(picture, crop, around, analyzer, size)]
    on_face = _inside(face, crop, size)
    seen = [look[on_face].mean() if on_face.any() else 1.0 for look in looks]
    counts = np.clip((np.array(seen) - _BLIND) / (_SEES - _BLIND), 0, 1)
    return (np.tensordot(counts, np.stack(looks), 1) / max(counts.sum(), 1e-6)).astype(np.float32)


def _looks(
    picture: np.ndarray, crop: CropBox, around: float, analyzer: FaceAnalyzer, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Masks (size, size) of the square, seen with so much around it: as it is, and in the mirror."""
    margin = around * crop.side
    shown = continued_crop(picture, CropBox(crop.x - margin, crop.y - margin, crop.side + 2 * margin), _SIDE)
    mirrored = analyzer.foreground(np.ascontiguousarray(shown[:, ::-1]))[:, ::-1]
    scale = size * (1 + 2 * around) / _SIDE
    first = (size / scale * around) - (1 - 1 / scale) / 2  # pixel centers
    to_shown = np.array([[1 / scale, 0, first], [0, 1 / scale, first]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    plain, other = (
        cv2.warpAffine(np.ascontiguousarray(mask), to_shown, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        for mask in (analyzer.foreground(shown), mirrored)
    )
    return plain, other


def _inside(face: Face, crop: CropBox, size: int) -> np.ndarray:
    """Bool (size, size): the face's convex hull in the square."""
    hull = cv2.convexHull(np.round(crop.to_crop(face.landmarks, size)).astype(np.int32))
    mask = np.zeros((size, size), np.uint8)
    if cv2.contourArea(hull) > 0:
        cv2.fillConvexPoly(mask, hull, 1)
    return mask > 0
