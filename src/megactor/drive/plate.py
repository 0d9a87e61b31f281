"""The plate: the background with the person painted out, and what they leave beside themselves.

Hair that is too fine for a matte, a shadow's rim and the glow of a retouched outline stay where they are when the
person moves, and draw their outline on the wall. Where the background is calm, what differs there is theirs.
"""

import cv2
import numpy as np

from megactor.drive.painting import painted_out, surroundings
from megactor.drive.textures import BARE, continued_texture

_BESIDE, _RIM = 0.2, 0.008
"""In picture sizes: how far from the person traces of them are looked for, and where all that differs is one."""
_TINTED = 0.004
"""In picture sizes: what is so near to the person tells nothing of the background."""
_THIN = 0.05
"""In picture sizes: half as wide are traces farther away at most."""
_CALM, _BUSY, _MOST = 2, 14, 0.15
"""A background is calm if half of it differs from what is around by no more than the first, 255 = white, and by more
than the second no more of it than the third, in parts."""
_APART = 0.85
"""How far a trace's color may lie beside the way from the background's to the person's, in parts of the difference."""
_SEEN, _OVER_NOISE, _LITTLE = 4, 3, 40
"""Differences from the calm background that a trace has, 255 = white: less is not seen, nor what is less than so many
of the usual differences; more may be a thing."""


def plate_behind(picture: np.ndarray, covered: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Paints the person out.

    Args:
        picture: uint8 (N, N, 3).
        covered: float32 (N, N) in [0, 1], how much of a pixel shows the person.
        person: uint8 (N, N, 3), the person's colors, continued beyond their outline.

    Returns:
        uint8 (N, N, 3); the picture where nothing of the person is.
    """
    plate = np.where(covered[..., None] > 0, painted_out(picture, covered < BARE), picture)
    return _without_traces(picture, covered, person, continued_texture(picture, covered, plate))


def _without_traces(picture: np.ndarray, covered: np.ndarray, person: np.ndarray, plate: np.ndarray) -> np.ndarray:
    size = len(picture)
    distance = cv2.distanceTransform((covered < BARE).astype(np.uint8), cv2.DIST_L2, 3) / size
    beside, known = (distance > 0) & (distance <= _BESIDE), distance > max(_TINTED, 1 / size)
    if not (beside & known).any():
        return plate
    unlike = cv2.absdiff(picture, surroundings(picture, known, max(3, round(_THIN * size)) | 1)).max(2)
    usual = float(np.median(unlike[beside & known]))
    if usual > _CALM or (unlike[beside & known] > _BUSY).mean() > _MOST:
        return plate
    unlike[distance == 0] = 0
    differs = unlike >= max(_SEEN, _OVER_NOISE * usual)
    _, parts = cv2.connectedComponents(differs.astype(np.uint8))
    thin = beside & differs & ~np.isin(parts, np.unique(parts[unlike > _LITTLE]))
    rim = beside & (distance <= _RIM)
    calm = painted_out(picture, (distance > _RIM) & ~thin)
    traces = (thin | (rim & (unlike <= _LITTLE))) & _between(picture, calm, person)
    # what is painted where the person is goes on from a rim: if there are traces in it, from beyond it
    among, rims = (cv2.GaussianBlur(part.astype(np.float32), (0, 0), _RIM * size) for part in (traces & rim, rim))
    wide = cv2.dilate(traces.astype(np.float32), np.ones((3, 3)))
    share = np.where(beside, cv2.GaussianBlur(wide, (0, 0), size / 1024), among / (rims + 1e-3))
    wiped = plate + np.where(distance <= _BESIDE, share, 0)[..., None] * (calm.astype(np.float32) - plate)
    return np.asarray(np.round(wiped), np.uint8)


def _between(picture: np.ndarray, background: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Bool (N, N): colors that are visibly off those of a background towards those of a person."""
    off, way = (colors.astype(np.float32) - background for colors in (picture, person))
    along = (off * way).sum(-1) / np.maximum((way**2).sum(-1), 1)
    beside = np.linalg.norm(off - along[..., None] * way, axis=-1)
    return (along > 0) & (np.abs(off).max(-1) >= _SEEN) & (beside <= _APART * np.linalg.norm(off, axis=-1))
