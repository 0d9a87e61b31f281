import math

import numpy as np
import pytest
from fake_faces import face_at
from hypothesis import given, settings
from hypothesis import strategies as st

from megactor.drive.motion_scale import move_frame, move_points, scaling_affine

RIGID = [33, 263, 168, 1, 152, 10]
FIRST = face_at(64, 64, 40).landmarks


def turned(points: np.ndarray, angle: float, scale: float, x: float, y: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    center = points[RIGID].mean(0)
    return (points - center) @ np.array([[c, s], [-s, c]]) * scale + center + (x, y)


motions = st.tuples(st.floats(-0.7, 0.7), st.floats(0.6, 1.6), st.floats(-20, 20), st.floats(-20, 20))


@settings(deadline=None)
@given(motions)
def test_factor_one_is_exactly_the_identity(motion: tuple[float, float, float, float]) -> None:
    affine = scaling_affine(turned(FIRST, *motion), FIRST, 1.0)
    np.testing.assert_allclose(affine, [[1, 0, 0], [0, 1, 0]], rtol=0, atol=1e-9)


@settings(deadline=None)
@given(motions)
def test_factor_zero_holds_the_head(motion: tuple[float, float, float, float]) -> None:
    now = turned(FIRST, *motion)
    np.testing.assert_allclose(move_points(now, scaling_affine(now, FIRST, 0.0)), FIRST, atol=1e-2)


@settings(deadline=None)
@given(motions, st.floats(0, 2))
def test_motion_is_multiplied(motion: tuple[float, float, float, float], factor: float) -> None:
    angle, scale, x, y = motion
    now = turned(FIRST, *motion)
    expected = turned(FIRST, angle * factor, scale**factor, x * factor, y * factor)
    np.testing.assert_allclose(move_points(now, scaling_affine(now, FIRST, factor)), expected, atol=2e-2)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 3.0])
def test_the_first_frame_never_moves(factor: float) -> None:
    np.testing.assert_allclose(scaling_affine(FIRST, FIRST, factor), [[1, 0, 0], [0, 1, 0]], atol=1e-9)


def test_a_frame_moves_with_its_points() -> None:
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[20, 30] = 255
    moved = move_frame(frame, np.array([[1.0, 0, 5], [0, 1, -3]]))
    assert moved[17, 35].tolist() == [255] * 3 and moved.sum() == 3 * 255
