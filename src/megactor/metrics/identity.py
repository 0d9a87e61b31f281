"""Whose face it is: a proxy that needs no recognition network.

A face is described by its colors at the 51 inner landmarks (brows, nose, eyes, lips), so background, hair and clothes
have no say: a picture of the portrait into which the driver's face was pasted counts as the driver. What it cannot see
is the shape of a face, and it cannot tell people of the same coloring in the same light apart. Face proportions from
landmarks were tried beside it and added nothing: pose and expression change them more than another person does.
"""

from collections.abc import Sequence

import cv2
import numpy as np

_BLUR = 0.036
"""Standard deviation over the distance from brows to chin, so that landmarks may be a little off."""
_INNER = slice(17, 68)


def face_colors(picture: np.ndarray, landmarks68: np.ndarray) -> np.ndarray:
    """Colors at the inner landmarks of a face.

    Args:
        picture: uint8 (H, W, 3).
        landmarks68: (68, 2) pixels, iBUG 300-W.

    Returns:
        (51, 3) float32, CIELAB.
    """
    top, bottom = landmarks68[17:27].mean(0), landmarks68[8]
    sigma = _BLUR * float(np.linalg.norm(bottom - top))
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    soft = cv2.GaussianBlur(lab, (0, 0), max(sigma, 0.5))
    x, y = (landmarks68[_INNER].astype(np.float32) - 0.5).T
    sampled = cv2.remap(soft, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled[0], np.float32)


def color_difference(colors: np.ndarray, others: np.ndarray) -> float:
    """Mean color difference of two faces as CIE 1976 delta E*ab; about 5 for frames of one rendered person, 20 for two.

    Args:
        colors: (51, 3) from `face_colors`.
        others: the same.
    """
    return float(np.linalg.norm(colors - others, axis=1).mean())


def portrait_lead(results: Sequence[np.ndarray | None], portrait: np.ndarray, driver: np.ndarray) -> np.ndarray:
    """By how much results look more like the portrait than like the driver.

    The driver's frame should show the pose of the portrait: against the one that drives the very frame, the common
    pose would speak for the driver.

    Args:
        results: `face_colors` of each frame; None where no face was found.
        portrait: (51, 3), of the portrait.
        driver: (51, 3), of one frame of the driver.

    Returns:
        (F,) delta E*ab to the driver less that to the portrait: positive is the portrait. NaN without a face.
    """
    leads = [
        np.nan if colors is None else color_difference(colors, driver) - color_difference(colors, portrait)
        for colors in results
    ]
    return np.array(leads, float)
