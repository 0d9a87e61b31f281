"""Distances between what two faces do: landmarks, expression, head pose and gaze.

The names are those of the papers; the papers' networks (SMIRK, DECA, L2CS) are not part of this project, so expression,
pose and gaze are read off landmarks. Figures compare systems judged by this code, not with figures from papers.

Every frame in which the reference shows a face counts. Where the result shows none, its error is that of the still
portrait or that of the clip's worst frame, whichever is larger: losing a face must not pay.
"""

from collections.abc import Callable, Sequence

import numpy as np

from megactor.faces import measures
from megactor.faces.face import Face
from megactor.faces.head_pose import frontal_landmarks, head_pose

Faces = Sequence[Face | None]

_CODE_SCALES = np.array([0.107, 0.093, 0.035, 0.027, 0.029, 0.052, 0.05])
"""Standard deviations of `expression_code` over 235 frames of 20 rendered clips that are not in SynthBench."""

_EYE_WIDTHS = 2.5
"""Eye openings of about 30 mm over the eyeball's radius of about 12 mm."""

_OPEN = 0.12
"""Lid distance over eye width below which an iris is guessed, not seen."""


def nme(faces: Faces, reference: Faces, portrait: Face | None = None) -> float:
    """Normalized mean error of the 68 landmarks in percent of the distance between the outer eye corners.

    As in the 300-W challenge (Sagonas et al., 2013). Only for two performances of one person in one framing.

    Args:
        faces: F faces of a result.
        reference: F faces that it should show.
        portrait: what a result that does nothing shows.

    Returns:
        Mean over the frames whose reference is known, NaN without any.
    """

    def error(face: Face, other: Face) -> float:
        points, wanted = face.landmarks68, other.landmarks68
        eyes = max(float(np.linalg.norm(wanted[36] - wanted[45])), 1e-6)
        return 100 * float(np.linalg.norm(points - wanted, axis=1).mean()) / eyes

    return _mean(faces, reference, portrait, error)


def expression_distance(faces: Faces, reference: Faces, portrait: Face | None = None) -> float:
    """AED: mean absolute difference of expression codes, in standard deviations of ordinary expressions.

    The average expression distance of PIRenderer (Ren et al., 2021) and later papers, there of 3DMM coefficients.

    Args and result as in `nme`, here for any two people.
    """

    def error(face: Face, other: Face) -> float:
        return float(np.abs(expression_code(face) - expression_code(other)).mean())

    return _mean(faces, reference, portrait, error)


def pose_distance(faces: Faces, reference: Faces, portrait: Face | None = None) -> float:
    """APD: mean absolute difference of yaw, pitch and roll, degrees.

    The average pose distance of PIRenderer (Ren et al., 2021), there of 3DMM parameters in radians.

    Args and result as in `nme`, here for any two people.
    """

    def error(face: Face, other: Face) -> float:
        difference = head_pose(face.landmarks68).degrees - head_pose(other.landmarks68).degrees
        return float(np.abs((difference + 180) % 360 - 180).mean())

    return _mean(faces, reference, portrait, error)


def gaze_error(faces: Faces, reference: Faces, portrait: Face | None = None) -> float:
    """Mean angle between the directions in which the eyes look, relative to the head, degrees.

    Papers (Guo et al., LivePortrait, 2024) take a gaze network's directions relative to the camera; here the head's
    part is in `pose_distance`. Frames in which either has closed eyes are left out.

    Args and result as in `nme`, here for any two people.
    """

    def error(face: Face, other: Face) -> float:
        if min(np.mean(measures.eye_opening(face)), np.mean(measures.eye_opening(other))) < _OPEN:
            return float("nan")
        return float(np.degrees(np.arccos(np.clip(np.dot(gaze_direction(face), gaze_direction(other)), -1, 1))))

    return _mean(faces, reference, portrait, error)


def gaze_direction(face: Face) -> np.ndarray:
    """(3,) unit vector in the head: right, down, towards the camera; irises on an eyeball of average size."""
    x, y = np.clip(_EYE_WIDTHS * np.array(measures.gaze(face)), -0.7, 0.7)
    return np.array([x, y, np.sqrt(1 - x * x - y * y)])


def expression_code(face: Face) -> np.ndarray:
    """What an expression does to a face, the head's pose taken out.

    Returns:
        (7,) in standard deviations: mouth opening, width and height of the corners; left and right lids; inner and
        outer brows.
    """
    return _raw_code(face.landmarks68) / _CODE_SCALES


def _raw_code(landmarks68: np.ndarray) -> np.ndarray:
    points = frontal_landmarks(landmarks68, head_pose(landmarks68))

    def span(a: int, b: int) -> float:
        return float(np.linalg.norm(points[a] - points[b]))

    lips = (points[51] + points[57]) / 2
    return np.array(
        [
            span(62, 66),
            span(48, 54),
            (points[48, 1] + points[54, 1]) / 2 - lips[1],
            (span(37, 41) + span(38, 40)) / 2,
            (span(43, 47) + span(44, 46)) / 2,
            (points[21, 1] + points[22, 1] - points[39, 1] - points[42, 1]) / 2,
            (points[19, 1] + points[24, 1] - points[36, 1] - points[45, 1]) / 2,
        ]
    )


def _mean(faces: Faces, reference: Faces, portrait: Face | None, error: Callable[[Face, Face], float]) -> float:
    pairs = [(face, other) for face, other in zip(faces, reference, strict=True) if other is not None]
    seen = [error(face, other) for face, other in pairs if face is not None]
    worst = max((value for value in seen if np.isfinite(value)), default=float("nan"))
    # a reference that cannot be compared even with itself, such as the gaze of closed eyes, is not known
    lost = [other for face, other in pairs if face is None and np.isfinite(error(other, other))]
    doing_nothing = [float("nan") if portrait is None else error(portrait, other) for other in lost]
    errors = np.array(seen + [float(np.fmax(value, worst)) for value in doing_nothing])
    known = errors[np.isfinite(errors)]
    return float(known.mean()) if len(known) else float("nan")
