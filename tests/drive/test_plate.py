"""What people leave on the wall behind them."""

import cv2
import numpy as np
import pytest

from megactor.drive.plate import plate_behind

SIZE, WALL, HAIR = 512, (180, 170, 150), (60, 40, 30)


@pytest.fixture
def covered() -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.clip(120 - np.hypot(x - 256, y - 256) + 0.5, 0, 1).astype(np.float32)


def portrait(covered: np.ndarray, wall: np.ndarray) -> np.ndarray:
    """Hair before a wall, dark in its rim as retouching leaves it, with two wisps too fine for a matte."""
    share = np.maximum(covered, 0.1 * cv2.dilate(covered, np.ones((9, 9))))
    for away, strength in ((30, 0.2), (50, 0.15)):
        wisp = np.zeros_like(covered)
        cv2.ellipse(wisp, (256, 256), (120 + away,) * 2, 0, 200, 250, 1.0, 1, cv2.LINE_AA)
        share = np.maximum(share, strength * wisp)
    colors = share[..., None] * np.array(HAIR) + (1 - share[..., None]) * wall
    return np.round(colors).astype(np.uint8)


def behind(covered: np.ndarray, wall: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Picture and plate."""
    picture = portrait(covered, wall)
    return picture, plate_behind(picture, covered, np.broadcast_to(np.uint8(HAIR), picture.shape))


def test_a_calm_wall_keeps_no_traces_of_the_person(covered: np.ndarray) -> None:
    wall = np.broadcast_to(np.float32(WALL), (SIZE, SIZE, 3))
    picture, plate = behind(covered, wall)
    assert np.abs(picture[covered == 0] - wall[covered == 0]).max() > 12
    assert np.abs(plate - wall).max() <= 6


def test_things_on_the_wall_stay_to_the_bit(covered: np.ndarray) -> None:
    wall = np.full((SIZE, SIZE, 3), WALL, np.float32)
    wall[300:302, 400:] = 90  # a shelf
    wall[40:120, 420:424] = wall[40:44, 420:500] = 230  # a frame
    wall[44:46, 424:500] = 200  # and its shadow
    picture, plate = behind(covered, wall)
    for place in (np.s_[296:306, 395:], np.s_[36:124, 416:504]):
        np.testing.assert_array_equal(plate[place], picture[place])
    corner = np.s_[480:, 480:]
    np.testing.assert_array_equal(plate[corner], picture[corner])


def test_a_busy_background_is_left_as_it_is(covered: np.ndarray) -> None:
    leaves = np.random.default_rng(0).uniform(40, 220, (SIZE, SIZE, 3)).astype(np.float32)
    picture, plate = behind(covered, leaves)
    np.testing.assert_array_equal(plate[covered == 0], picture[covered == 0])


def test_where_nobody_is_nothing_changes() -> None:
    picture = np.full((64, 64, 3), 128, np.uint8)
    np.testing.assert_array_equal(plate_behind(picture, np.zeros((64, 64), np.float32), picture), picture)
