"""Expression and pose read off landmarks: numbers to correlate with a drive, not calibrated angles.

All are ratios of distances in the picture, so they do not depend on the face's size or place.
"""

import numpy as np

from megactor.faces.face import Face

FRONTAL = 0.5
"""Radians of yaw up to which both eyes are seen well enough to measure them."""
AWAKE = 0.4
"""Weight of eyeBlink up to which there is an iris to look at."""

_LEFT_EYE = (33, 133, 159, 145)  # outer, inner, upper lid, lower lid; left in the picture
_RIGHT_EYE = (263, 362, 386, 374)


def mouth_opening(face: Face) -> float:
    """Distance of the inner lips over the face's height."""
    return _span(face.landmarks, 13, 14) / max(_span(face.landmarks, 10, 152), 1e-6)


def mouth_width(face: Face) -> float:
    """Distance of the mouth's corners over that of the outer eye corners; about 0.55 at rest, 0.7 in a smile."""
    return _span(face.landmarks, 61, 291) / max(_span(face.landmarks, 33, 263), 1e-6)


def eye_opening(face: Face) -> tuple[float, float]:
    """Lid distance over eye width, the eye on the picture's left first; about 0.3 open, below 0.1 closed."""
    left, right = (
        _span(face.landmarks, upper, lower) / max(_span(face.landmarks, outer, inner), 1e-6)
        for outer, inner, upper, lower in (_LEFT_EYE, _RIGHT_EYE)
    )
    return left, right


def head_yaw(face: Face) -> float:
    """Where the nose tip lies between the sides of the face: -1 at the picture's left side, 1 at its right."""
    nose, left, right = (face.landmarks[i] for i in (1, 234, 454))
    across = right - left
    return float(2 * np.dot(nose - left, across) / max(np.dot(across, across), 1e-6) - 1)


def head_pitch(face: Face) -> float:
    """Where the nose tip lies between the eyes' line (0) and the chin (1); larger when looking down."""
    eyes = (face.landmarks[33] + face.landmarks[263]) / 2
    down = face.landmarks[152] - eyes
    return float(np.dot(face.landmarks[1] - eyes, down) / max(np.dot(down, down), 1e-6))


def head_roll(face: Face) -> float:
    """Angle of the line through the outer eye corners in radians, positive clockwise."""
    x, y = face.landmarks[263] - face.landmarks[33]
    return float(np.arctan2(y, x))


def gaze(face: Face) -> tuple[float, float]:
    """Mean place of the irises between the eye corners (x, positive right) and the lids (y, positive down).

    In eye widths from the eye's center.
    """
    offsets = []
    for iris, (outer, inner, _, _) in zip(face.iris, (_LEFT_EYE, _RIGHT_EYE), strict=True):
        a, b = sorted((face.landmarks[outer], face.landmarks[inner]), key=lambda p: float(p[0]))
        along = b - a
        width = max(float(np.linalg.norm(along)), 1e-6)
        from_center = iris - (a + b) / 2
        normal = np.array([-along[1], along[0]])
        offsets.append((np.dot(from_center, along) / width**2, np.dot(from_center, normal) / width**2))
    x, y = np.mean(offsets, axis=0)
    return float(x), float(y)


def mouth_opening_68(points: np.ndarray) -> float:
    """Distance of the inner lips over that from the bridge of the nose to the chin; of (68, 2) iBUG landmarks."""
    return _span(points, 62, 66) / max(_span(points, 27, 8), 1e-6)


def mouth_width_68(points: np.ndarray) -> float:
    """Distance of the mouth's corners over that of the outer eye corners; of (68, 2) iBUG landmarks."""
    return _span(points, 48, 54) / max(_span(points, 36, 45), 1e-6)


def eye_opening_68(points: np.ndarray) -> float:
    """Lid distance over eye width, mean of both eyes; of (68, 2) iBUG landmarks."""
    eyes = ((36, 39, 37, 41, 38, 40), (42, 45, 43, 47, 44, 46))
    ratios = [
        (_span(points, a, b) + _span(points, c, d)) / 2 / max(_span(points, outer, inner), 1e-6)
        for outer, inner, a, b, c, d in eyes
    ]
    return float(np.mean(ratios))


def _span(points: np.ndarray, a: int, b: int) -> float:
    return float(np.linalg.norm(points[a] - points[b]))
