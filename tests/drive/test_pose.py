import math

import numpy as np
import pytest
from fake_faces import face_at
from hypothesis import given, settings
from hypothesis import strategies as st

from megactor.drive.framing import Framing
from megactor.drive.pose import (
    BODY_SHIFT,
    BODY_ZOOM,
    GROWTH,
    RIGID,
    ROLL,
    SHIFT,
    InPlanePose,
    scaled_body,
    scaled_motion,
    similarity,
)

START = face_at(64, 64, 40).landmarks[list(RIGID)]


def turned(points: np.ndarray, angle: float, scale: float, x: float, y: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    center = points.mean(0)
    return (points - center) @ np.array([[c, s], [-s, c]]) * scale + center + (x, y)


def scaled(now: np.ndarray, factor: float, limited: bool = False) -> np.ndarray:
    """The points of a frame, moved as its picture would be."""
    pose = InPlanePose.of(now)
    wanted = scaled_motion(pose, InPlanePose.of(START), factor, limited)
    return Framing(similarity(pose, wanted)).points(now)


motions = st.tuples(st.floats(-0.7, 0.7), st.floats(0.6, 1.6), st.floats(-20, 20), st.floats(-20, 20))


@settings(deadline=None)
@given(motions)
def test_factor_one_changes_nothing(motion: tuple[float, float, float, float]) -> None:
    now = turned(START, *motion)
    np.testing.assert_allclose(scaled(now, 1.0), now, atol=1e-4)


@settings(deadline=None)
@given(motions)
def test_factor_zero_holds_the_head(motion: tuple[float, float, float, float]) -> None:
    np.testing.assert_allclose(scaled(turned(START, *motion), 0.0), START, atol=1e-2)


@settings(deadline=None)
@given(motions, st.floats(0, 2))
def test_motion_is_multiplied(motion: tuple[float, float, float, float], factor: float) -> None:
    angle, scale, x, y = motion
    expected = turned(START, angle * factor, scale**factor, x * factor, y * factor)
    np.testing.assert_allclose(scaled(turned(START, *motion), factor), expected, atol=2e-2)


@settings(deadline=None)
@given(st.floats(-3, 3), st.floats(0.2, 5), st.floats(-200, 200), st.floats(-200, 200))
def test_limited_motion_stays_near_the_start(angle: float, scale: float, x: float, y: float) -> None:
    start = InPlanePose.of(START)
    shift, roll, growth = start.way_to(InPlanePose.of(scaled(turned(START, angle, scale, x, y), 1.0, limited=True)))
    assert np.linalg.norm(shift) <= SHIFT * start.size * 1.001
    assert abs(roll) <= ROLL * 1.001 and abs(growth) <= GROWTH * 1.001


def test_limited_motion_leaves_small_motion_alone() -> None:
    now = turned(START, 0.03, 1.03, 1.0, -1.0)
    np.testing.assert_allclose(scaled(now, 1.0, limited=True), now, atol=0.1)


@pytest.mark.parametrize("part", [0.0, 0.3, 1.0])
def test_towards_goes_the_short_way_round(part: float) -> None:
    here, there = (InPlanePose.of(turned(START, angle, 1, 0, 0)) for angle in (math.pi - 0.1, math.pi + 0.3))
    _, roll, _ = here.way_to(here.towards(there, part))
    assert roll == pytest.approx(0.4 * part, abs=1e-6)


def test_a_body_is_held_back_like_the_head_and_more() -> None:
    start = InPlanePose(np.array([0.5, 0.4]), 0.0, 0.15)
    little, far = np.array([0.002, 0.001, 0.002]), np.array([0.3, -0.4, 0.5])

    np.testing.assert_allclose(scaled_body(far, start, 0.5, limited=False), 0.5 * far, atol=1e-6)
    np.testing.assert_allclose(scaled_body(little, start, 1.0, limited=True), little, rtol=0.01)
    held = scaled_body(far, start, 1.0, limited=True)
    assert np.linalg.norm(held[:2]) <= BODY_SHIFT * start.size < SHIFT * start.size
    assert 0 < held[2] <= BODY_ZOOM
    np.testing.assert_allclose(held[0] / held[1], far[0] / far[1], rtol=1e-5)
    assert not scaled_body(far, start, 0.0, limited=True).any()
