"""Whether a face looks pasted: how steep a twin's picture is along the rim of the face, beside the clip's own."""

import cv2
import numpy as np

from megactor.curate.twins.face_mesh import OVAL

_FACE = 160.0
"""Width in pixels at which faces are looked at."""
_OUTSIDE, _INSIDE = 0.04, 0.2
"""The rim: from so far outside of the face's outline to so far inside, in widths of the face."""
_SECTORS, _BANDS = 12, 8
"""Parts of the rim along the outline and across it: a seam lies in one band."""
_LEAST = 1.0
"""Gray levels a pixel that the clip is taken to have anyway: noise on even skin is no edge."""


def seam_strength(twin: np.ndarray, frames: np.ndarray, points: np.ndarray) -> float:
    """Edge energy along the rim of a twin's face over that of its clip's: 1 where nothing is to be seen.

    A seam runs along the outline at some distance from it, so in every sector of the rim the band tells in which the
    twin has most beside the clip; of the sectors the median, as one fold or strand of hair is no seam.

    Args:
        twin: (T, S, S, 3) uint8.
        frames: the clip's, alike.
        points: (T, 478, 2) or (T, 468, 2) pixels, the clip's landmarks.
    """
    energies = np.zeros((2, _SECTORS * _BANDS))
    counts = np.zeros(_SECTORS * _BANDS)
    for made, own, face in zip(twin, frames, points, strict=True):
        parts, places = _rim(face)
        for row, picture in zip(energies, (made, own), strict=True):
            row += np.bincount(parts, _steepness(picture, face, places), _SECTORS * _BANDS)
        counts += np.bincount(parts, minlength=_SECTORS * _BANDS)
    made, own = energies / np.maximum(counts, 1)
    ratios = ((made + _LEAST) / (own + _LEAST)).reshape(_SECTORS, _BANDS)
    return float(np.median(ratios.max(1)))


def _window(points: np.ndarray) -> tuple[np.ndarray, float, int]:
    """Upper left corner and scale of the square that is looked at, and its side in pixels."""
    low, high = points.min(0), points.max(0)
    width = max(float(high[0] - low[0]), 1.0)
    side = 1.2 * float((high - low).max())
    return (low + high - side) / 2, _FACE / width, max(round(side * _FACE / width), 8)


def _steepness(picture: np.ndarray, points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Gray levels a pixel at some places (indices into the flat window)."""
    corner, scale, side = _window(points)
    # the middle of a pixel lies half a pixel from its corner, before and after
    matrix = np.column_stack([np.eye(2) / scale, corner + 0.5 / scale - 0.5])
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        gray = cv2.GaussianBlur(gray, (0, 0), 0.4 / scale)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    window = cv2.warpAffine(gray, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    window = cv2.GaussianBlur(window, (0, 0), 1.5)
    steep = np.hypot(cv2.Sobel(window, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(window, cv2.CV_32F, 0, 1, scale=1 / 8))
    return np.asarray(steep.ravel()[places])


def _rim(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rim's pixels: in which part of it they are, and where they lie in the flat window."""
    corner, scale, side = _window(points)
    outline = ((points[list(OVAL)] - corner) * scale).astype(np.float32)
    inside = np.zeros((side, side), np.uint8)
    cv2.fillPoly(inside, [outline.round().astype(np.int32)], 1)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    across = (depth.ravel() / _FACE + _OUTSIDE) / (_OUTSIDE + _INSIDE)
    places = np.nonzero((across > 0) & (across < 1))[0]
    at = np.stack([places % side, places // side], axis=1).astype(np.float32)
    nearest = np.linalg.norm(at[:, None] - outline[None], axis=2).argmin(1)
    sector = nearest * _SECTORS // len(OVAL)
    return sector * _BANDS + (across[places] * _BANDS).astype(int), places
