"""The shape of head and torso, and the proportions of animated figures."""

import numpy as np

from megactor.synth.anatomy.bust import Bust, smoothstep
from megactor.synth.anatomy.subject import LocalScale
from megactor.synth.identity.traits import AvatarTraits, ShapeTraits

_EYE, _NOSE, _NECK, _JAW = (3.11, 3.6, 8.0), (0.0, 1.0, 11.0), (0.0, -12.0, 0.0), (0.0, -4.0, 4.0)
"""Centers of what avatars exaggerate; the left eye's, the right is its mirror image."""

_MORE_IN_MEN = np.array([1.0, 0.8, 0.6, 1.0, -0.7, -0.5, 0.6])
"""How much more men have of each distance in `_dimorphism`, in standard deviations; signs and sizes are rough."""
_MODE_LIMIT = 2.4


def rest_shape(bust: Bust, shape: ShapeTraits) -> np.ndarray:
    """(B, 3) float32 rest positions of a person."""
    modes = bust.rig.identity_modes
    count = min(len(modes), len(shape.modes))
    weights = np.array(shape.modes[:count]) + shape.masculinity * _masculine_direction(bust)[:count]
    weights = np.clip(weights, -_MODE_LIMIT, _MODE_LIMIT).astype(np.float32)
    offsets = (weights @ modes[:count].reshape(count, -1)).reshape(-1, 3)
    widths = shape.stretch[0] * (1 + (shape.shoulders - 1) * (1 - bust.head_weight))
    factors = np.stack([widths, np.full_like(widths, shape.stretch[1]), np.ones_like(widths)], axis=1)
    return (bust.shaped(offsets) * factors).astype(np.float32)


def _masculine_direction(bust: Bust) -> np.ndarray:
    """(M,) unit vector in the space of identity modes along which faces of men and women differ most.

    The modes know nothing of it; it is put together from what each does to a few distances that differ in the mean.
    """
    landmarks = bust.rig.identity_modes[:, bust.rig.landmarks]
    spread = np.stack([_dimorphism(mode) for mode in landmarks], axis=1)
    direction = (spread / (np.linalg.norm(spread, axis=1, keepdims=True) + 1e-9)).T @ _MORE_IN_MEN
    return direction / (np.linalg.norm(direction) + 1e-9)


def _dimorphism(points: np.ndarray) -> np.ndarray:
    """Widths of jaw, chin and nose, depth of the brows, fullness of the lips, height of the eyes, length of the chin.

    Linear in the (68, 3) points or displacements of landmarks.
    """
    x, y, z = points.T
    return np.array(
        [
            x[12] - x[4] + x[13] - x[3],
            x[10] - x[6],
            x[35] - x[31],
            z[[19, 24]].mean() - z[[37, 44]].mean(),
            y[51] - y[57],
            y[[37, 38, 43, 44]].sum() - y[[40, 41, 46, 47]].sum(),
            y[57] - y[8],
        ]
    )


def avatar_scales(bust: Bust, avatar: AvatarTraits) -> tuple[LocalScale, ...]:
    """What makes a figure of a 3-D animation of a person: scales applied after expressions."""
    points = bust.rest
    scales = []
    for side in (1, -1):
        center = np.array(_EYE) * [side, 1, 1]
        near = 1 - smoothstep(_distance(points, center, (1, 1, 1.4)), 1.9, 4.6)
        scales.append(_scale(center, avatar.eyes * near, (1, 1, 0.55)))
    near_nose = 1 - smoothstep(_distance(points, np.array(_NOSE), (1.1, 1.2, 1.4)), 1.2, 3.6)
    scales.append(_scale(np.array(_NOSE), -avatar.nose * near_nose, (1, 1, 1)))
    scales.append(_scale(np.array(_NECK), avatar.head * smoothstep(points[:, 1], -14, -4), (1, 1, 1)))
    jaw = smoothstep(-points[:, 1], 1, 7) * bust.head_weight
    scales.append(_scale(np.array(_JAW), -avatar.jaw * jaw, (1, 0.3, 0)))
    return tuple(scales)


def scaled(rest: np.ndarray, scales: tuple[LocalScale, ...]) -> np.ndarray:
    """(B, 3) float32 positions after the scales: what hair and glasses are fitted to."""
    points = rest.astype(np.float64)
    for scale in scales:
        points = points + (points - scale.center) * scale.weight[:, None] * scale.axes
    return points.astype(np.float32)


def _distance(points: np.ndarray, center: np.ndarray, radii: tuple[float, float, float]) -> np.ndarray:
    return np.linalg.norm((points - center) / radii, axis=1)


def _scale(center: np.ndarray, weight: np.ndarray, axes: tuple[float, float, float]) -> LocalScale:
    return LocalScale(center=center, weight=weight.astype(np.float32), axes=np.array(axes, np.float32))
