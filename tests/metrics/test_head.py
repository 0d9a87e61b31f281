import numpy as np
import pytest
from fake_faces import face_at

from megactor.faces.face import MESH_TO_68, Face
from megactor.faces.head_pose import MEAN_FACE
from megactor.metrics.head import (
    expression_code,
    expression_distance,
    gaze_direction,
    gaze_error,
    nme,
    pose_distance,
)


def mean_face(scale: float = 100.0, move=None) -> Face:
    """The mean face with open eyes that look straight ahead; `move` shifts some of the 68 landmarks."""
    points = MEAN_FACE[:, :2].copy()
    for index, shift in (move or {}).items():
        points[index] += shift
    landmarks = np.zeros((478, 2), np.float32)
    landmarks[list(MESH_TO_68)] = scale * points
    eyes = ((33, 133, 159, 145), (263, 362, 386, 374))
    for iris, (outer, inner, upper, lower) in zip((468, 473), eyes, strict=True):
        middle = (landmarks[outer] + landmarks[inner]) / 2
        landmarks[iris] = middle
        landmarks[upper], landmarks[lower] = middle - np.array([0, 5]), middle + np.array([0, 5])
    return Face(landmarks)


def test_nme_is_a_share_of_the_eyes_distance():
    face = mean_face()
    assert nme([face], [face]) == 0
    assert nme([face.moved(1, (3, 4))], [face]) == pytest.approx(5.0, rel=1e-4)
    assert nme([face.moved(2, (6, 8))], [face.moved(2, (0, 0))]) == pytest.approx(5.0, rel=1e-4)


def test_losing_a_face_does_not_pay():
    face, far = mean_face(), mean_face().moved(1, (30, 40))
    near = mean_face().moved(1, (3, 4))
    assert nme([face, near], [face, face]) == pytest.approx(2.5, rel=1e-4)
    assert nme([face, near, None], [face, face, face], face) == pytest.approx(10 / 3, rel=1e-4)  # as its worst frame
    assert nme([face, face, None], [face, face, far], face) == pytest.approx(50 / 3, rel=1e-4)  # as the portrait
    assert nme([None, None], [far, far], face) == pytest.approx(50, rel=1e-4)


def test_an_unknown_reference_does_not_count():
    face, far = mean_face(), mean_face().moved(1, (30, 40))
    assert nme([far, face], [None, face]) == 0
    for distance in (nme, expression_distance, pose_distance, gaze_error):
        assert np.isnan(distance([None, face], [face, None]))
        assert np.isnan(distance([face], [None], face))


def test_expression_does_not_depend_on_place_size_and_turn():
    face = mean_face()
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    other = Face((face.landmarks @ turn.T * 1.7 + (40, 10)).astype(np.float32))
    assert expression_distance([other], [face]) == pytest.approx(0, abs=1e-3)
    assert pose_distance([other], [face]) == pytest.approx(20 / 3, abs=0.01)


def test_expression_is_what_moves():
    neutral = expression_code(mean_face())
    lower_lip = {index: (0, 0.214) for index in (65, 66, 67)}
    opened = expression_code(mean_face(move=lower_lip))
    assert opened[0] - neutral[0] == pytest.approx(2, abs=0.01)
    assert np.abs(opened - neutral)[1:].max() < 0.01
    assert expression_distance([mean_face(move=lower_lip)], [mean_face()]) == pytest.approx(2 / 7, abs=0.01)


def test_gaze():
    ahead = face_at(0, 0)
    aside = face_at(0, 0, moved={468: (-0.24 + 0.04, -0.15), 473: (0.24 + 0.04, -0.15)})
    assert gaze_direction(ahead) == pytest.approx((0, 0, 1), abs=1e-5)
    assert gaze_direction(aside)[0] == pytest.approx(0.5, abs=1e-3)  # 0.04 / 0.2 eye widths, 2.5 radii each
    assert gaze_error([aside], [ahead]) == pytest.approx(30, abs=0.1)


def test_closed_eyes_look_nowhere():
    shut = face_at(0, 0, moved={159: (-0.24, -0.15), 145: (-0.24, -0.15), 386: (0.24, -0.15), 374: (0.24, -0.15)})
    assert np.isnan(gaze_error([shut], [face_at(0, 0)]))
    aside = face_at(0, 0, moved={468: (-0.24 + 0.04, -0.15), 473: (0.24 + 0.04, -0.15)})
    lost = gaze_error([aside, None, None], [face_at(0, 0), shut, face_at(0, 0)], face_at(0, 0))
    assert lost == pytest.approx(30, abs=0.1)  # where the reference's eyes are closed, losing the face loses no gaze
