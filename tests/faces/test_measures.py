import math

import numpy as np
import pytest
from fake_faces import face_at
from hypothesis import given, settings
from hypothesis import strategies as st

from megactor.faces.face import Face
from megactor.faces.measures import eye_opening, gaze, head_pitch, head_roll, head_yaw, mouth_opening


def test_a_face_that_looks_straight_ahead() -> None:
    face = face_at(100, 100)
    assert mouth_opening(face) == pytest.approx(0.06 / 1.2, rel=1e-4)
    assert eye_opening(face) == pytest.approx((0.3, 0.3), rel=1e-4)
    assert head_yaw(face) == pytest.approx(0, abs=1e-6)
    assert head_pitch(face) == pytest.approx(0.3 / 0.75, rel=1e-4)
    assert head_roll(face) == pytest.approx(0, abs=1e-6)
    assert gaze(face) == pytest.approx((0, 0), abs=1e-6)


@pytest.mark.parametrize("x, y", [(0.05, 0), (-0.05, 0), (0, 0.02), (0, -0.02)])
def test_gaze_follows_the_irises(x: float, y: float) -> None:
    face = face_at(100, 100, moved={468: (-0.24 + x, -0.15 + y), 473: (0.24 + x, -0.15 + y)})
    assert gaze(face) == pytest.approx((x / 0.2, y / 0.2), abs=1e-4)


def test_each_measure_answers_to_its_own_landmarks() -> None:
    assert mouth_opening(face_at(0, 0, moved={14: (0, 0.45)})) > 2 * mouth_opening(face_at(0, 0))
    left, right = eye_opening(face_at(0, 0, moved={159: (-0.24, -0.13)}))
    assert left < 0.1 < right
    assert head_yaw(face_at(0, 0, moved={1: (0.2, 0.15)})) == pytest.approx(0.4, rel=1e-4)
    assert head_pitch(face_at(0, 0, moved={1: (0, 0.25)})) > head_pitch(face_at(0, 0))


@settings(deadline=None)
@given(st.floats(0.3, 20), st.floats(-500, 500), st.floats(-500, 500), st.floats(-1.2, 1.2))
def test_size_place_and_roll_do_not_matter(scale: float, x: float, y: float, angle: float) -> None:
    face = face_at(0, 0, moved={468: (-0.2, -0.16), 473: (0.28, -0.16), 1: (0.1, 0.15)})
    c, s = math.cos(angle), math.sin(angle)
    turned = Face((face.landmarks @ np.array([[c, s], [-s, c]]) * scale + (x, y)).astype(np.float32))
    for measure in (mouth_opening, eye_opening, head_yaw, head_pitch, gaze):
        assert measure(turned) == pytest.approx(measure(face), abs=5e-3), measure.__name__
    assert head_roll(turned) == pytest.approx(angle, abs=1e-3)


def test_points_that_coincide_are_no_failure() -> None:
    nothing = Face(np.zeros((478, 2), np.float32))
    values = [mouth_opening(nothing), *eye_opening(nothing), head_yaw(nothing), head_pitch(nothing), *gaze(nothing)]
    assert np.isfinite(values).all()


def test_moved_and_box() -> None:
    face = face_at(100, 50, 40)
    np.testing.assert_allclose(face.box, (80, 26, 120, 74), atol=1e-3)
    assert face.area == pytest.approx(40 * 48, rel=1e-4)
    np.testing.assert_allclose(face.moved(2, (5, 7)).box, face.box * 2 + (5, 7, 5, 7), atol=1e-3)
    assert face.landmarks68.shape == (68, 2)
