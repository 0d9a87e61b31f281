"""Pictures with holes, painted over."""

import cv2
import numpy as np


def painted_out(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Continues what is known over the rest, coarser the farther away (pull and push, Gortler et al., 1996).

    Args:
        picture: uint8 (H, W, 3).
        known: bool (H, W).

    Returns:
        uint8 (H, W, 3), the picture where it is known.
    """
    weights = known.astype(np.float32)
    return np.clip(_pull_push(picture.astype(np.float32), weights) + 0.5, 0, 255).astype(np.uint8)


def _pull_push(colors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    height, width = weights.shape
    if min(height, width) <= 2:
        mean = (colors * weights[..., None]).sum((0, 1)) / max(float(weights.sum()), 1e-6)
        return np.broadcast_to(mean, colors.shape).astype(np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    known = cv2.resize(weights, half, interpolation=cv2.INTER_AREA)
    pulled = cv2.resize(colors * weights[..., None], half, interpolation=cv2.INTER_AREA)
    pushed = _pull_push(pulled / np.maximum(known, 1e-6)[..., None], known)
    far = cv2.resize(pushed, (width, height), interpolation=cv2.INTER_LINEAR)
    return colors * weights[..., None] + far * (1 - weights[..., None])
