"""Strands of hair and earrings, drawn beside a head."""

import cv2
import numpy as np

from megactor.drive.layers import tell_apart
from megactor.drive.strands import hanging_on

SIZE = 512
WALL, HAIR, GOLD = (90, 120, 150), (60, 35, 20), (220, 190, 90)


def head(wall: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A head with hair and a golden collar before a wall, and its mask."""
    picture = np.full((SIZE, SIZE, 3), WALL, np.uint8) if wall is None else wall.copy()
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(mask, (256, 220), (110, 150), 0, 0, 360, 1, -1)
    cv2.rectangle(mask, (100, 400), (412, SIZE), 1, -1)
    cv2.rectangle(mask, (200, 330), (312, 420), 1, -1)
    picture[mask > 0] = (200, 160, 140)
    picture[:160][mask[:160] > 0], picture[400:420][mask[400:420] > 0] = HAIR, GOLD
    return picture, mask.astype(np.float32)


def with_strands(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A lock of hair, a ring in the ear, and where both are."""
    drawn = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(drawn, (366, 300), (14, 60), 0, -90, 90, 1, 3)
    cv2.circle(drawn, (134, 250), 14, 2, 2)
    picture = picture.copy()
    picture[drawn == 1], picture[drawn == 2] = HAIR, GOLD
    return picture, drawn > 0


def noisy(picture: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_what_hangs_on_the_person_is_theirs():
    picture, mask = head()
    picture, drawn = with_strands(picture)
    strands = hanging_on(noisy(picture), mask)
    assert strands is not None
    found = strands.cover

    beside = drawn & (mask == 0)
    assert found[beside].mean() > 0.8
    assert found[cv2.dilate((drawn | (mask > 0)).astype(np.uint8), np.ones((7, 7))) == 0].mean() < 1e-3
    assert not found[mask > 0].any()
    assert np.abs(strands.colors[290:310, 372:384].astype(int) - HAIR).mean() < 12


def test_it_is_not_in_the_plate():
    picture, mask = head()
    picture, drawn = with_strands(picture)
    layers = tell_apart(picture, mask)

    beside = drawn & (cv2.dilate(mask, np.ones((9, 9))) == 0)
    assert np.abs(layers.plate[beside].astype(int) - WALL).mean() < 12
    assert np.abs(picture[beside].astype(int) - WALL).mean() > 50


def test_a_shadow_on_the_wall_and_a_calm_wall_are_nobodys():
    shadow = np.full((SIZE, SIZE, 3), WALL, np.uint8)
    cv2.ellipse(shadow, (310, 230), (120, 160), 0, 0, 360, (60, 85, 110), -1)
    for wall in (None, cv2.GaussianBlur(shadow, (0, 0), 6)):
        picture, mask = head(wall)
        assert hanging_on(noisy(picture), mask) is None


def test_what_is_not_of_the_persons_colors_is_the_walls():
    wall = np.full((SIZE, SIZE, 3), WALL, np.uint8)
    cv2.rectangle(wall, (330, 120), (400, 190), (20, 190, 30), 3)  # a picture, partly behind the head
    picture, mask = head(wall)
    assert hanging_on(noisy(picture), mask) is None


def test_before_blinds_and_branches_nothing_is_told():
    blinds = np.full((SIZE, SIZE, 3), WALL, np.uint8)
    blinds[::16], blinds[1::16] = 255, 255
    branches = np.full((SIZE, SIZE, 3), WALL, np.uint8)
    rng = np.random.default_rng(1)
    for _ in range(60):
        start, way = rng.integers(0, SIZE, 2), rng.integers(-60, 60, 2)
        cv2.line(branches, start.tolist(), (start + way).tolist(), (30, 60, 30), 3)
    for wall in (blinds, branches):
        picture, mask = head(wall)
        assert hanging_on(noisy(picture), mask) is None


def test_a_picture_that_is_all_person_or_empty():
    picture, _ = head()
    for matte in (np.ones((SIZE, SIZE), np.float32), np.zeros((SIZE, SIZE), np.float32)):
        assert hanging_on(picture, matte) is None
