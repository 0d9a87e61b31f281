"""Where hair, clothes and hats begin, as signed distances in canonical coordinates (the mean head's).

Identities grow hair where these say that there is scalp; the shader paints scalp, cloth and knitwear by them.
"""

import numpy as np

from megactor.synth.anatomy.subject import ClothesLook

_HAIRLINE_AZIMUTHS = np.array([0, 0.55, 1.0, 1.3, 1.6, 2.2, np.pi])
_HAIRLINE_HEIGHTS = np.array([11.2, 10.76, 7.61, 3.7, 5.5, -2.3, -6.5])
"""The hairline over the angle from straight ahead: forehead, temples, down before the ear, round it, nape."""
_HEAD_CENTER_Z = 0.5


def scalp_distance(points: np.ndarray, shift: float = 0.0) -> np.ndarray:
    """Height above the hairline, positive on the scalp.

    Args:
        points: (N, 3) canonical.
        shift: raises the hairline in front, rig units.

    Returns:
        (N,) rig units along y.
    """
    azimuth = np.abs(np.arctan2(points[:, 0], points[:, 2] - _HEAD_CENTER_Z))
    hairline = np.interp(azimuth, _HAIRLINE_AZIMUTHS, _HAIRLINE_HEIGHTS)
    return points[:, 1] - hairline - shift * np.maximum(0, np.cos(0.9 * azimuth))


def cloth_distance(points: np.ndarray, clothes: ClothesLook) -> np.ndarray:
    """Depth below the collar's edge, positive where there is cloth.

    Args:
        points: (N, 3) canonical.
        clothes: whose neckline it is.

    Returns:
        (N,) rig units.
    """
    across = np.abs(points[:, 0])
    opening = clothes.neck_v * np.maximum(0, 1 - across / 6) * (points[:, 2] > 0)
    collar = clothes.neckline - opening + 0.55 * np.maximum(0, across - clothes.neck_width)
    return collar - (points[:, 1] + 0.3 * (points[:, 2] - 1))


def hat_distance(points: np.ndarray, clothes: ClothesLook) -> np.ndarray:
    """Height above the hat's lower rim, positive under the hat; far below without a hat.

    Args:
        points: (N, 3) canonical.
        clothes: whose hat it is.

    Returns:
        (N,) rig units along y.
    """
    if clothes.hat is None:
        return np.full(len(points), -100.0)
    return points[:, 1] - clothes.hat_height - 0.16 * (points[:, 2] - 6)
