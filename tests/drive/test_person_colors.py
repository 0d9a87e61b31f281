"""Outlines before backgrounds that have edges of their own."""

import cv2
import numpy as np
import pytest

from megactor.drive.layers import refined_matte, tell_apart
from megactor.drive.person_colors import likeness

SIZE = 512


@pytest.fixture(scope="module")
def webcam() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A dark head before the blinds of a bright window, out of focus by a pixel; its true matte, and a coarse mask."""
    y, x = np.mgrid[:SIZE, :SIZE]
    matte = np.clip(170 - np.hypot(x - 256, (y - 256) / 1.2) + 0.5, 0, 1).astype(np.float32)
    blinds = np.where(y % 16 < 5, 150.0, 250.0)[..., None] * np.ones(3)
    skin = np.array([120.0, 85.0, 65.0]) + 12 * np.sin(x / 7)[..., None]
    picture = cv2.GaussianBlur(matte[..., None] * skin + (1 - matte[..., None]) * blinds, (0, 0), 1.2)
    coarse = cv2.resize(matte, (32, 32), interpolation=cv2.INTER_AREA)
    return np.round(picture).astype(np.uint8), matte, cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def test_blinds_do_not_grow_out_of_a_head(webcam: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    picture, matte, coarse = webcam
    beside = cv2.dilate((matte > 0).astype(np.uint8), np.ones((9, 9))) == 0
    assert refined_matte(picture, coarse)[beside].max() > 0.3  # what a guided filter makes of the slats
    layers = tell_apart(picture, coarse)
    assert layers is not None
    assert layers.matte[beside].max() < 0.02
    assert np.abs(layers.matte - matte).mean() < 0.006


def test_a_rim_that_is_mixed_with_the_window_is_not_carried_along(
    webcam: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    picture, _, coarse = webcam
    layers = tell_apart(picture, coarse)
    assert layers is not None
    red, own = picture[..., 0], layers.person[..., 0]
    moving = layers.matte > 0.5
    assert np.percentile(own[moving], 99.5) < 140 < np.percentile(red[moving], 99.5)


def test_where_person_and_background_have_the_same_colors_nothing_is_told() -> None:
    generator = np.random.default_rng(0)
    picture = generator.integers(90, 110, (SIZE, SIZE, 3), np.uint8)
    matte = np.zeros((SIZE, SIZE), np.float32)
    matte[128:384, 128:384] = 1
    np.testing.assert_array_equal(likeness(picture, matte), 1)


@pytest.mark.parametrize("matte", [0.0, 0.5, 1.0])
def test_where_one_of_them_is_missing_nothing_is_told(matte: float) -> None:
    picture = np.full((64, 64, 3), 128, np.uint8)
    np.testing.assert_array_equal(likeness(picture, np.full((64, 64), matte, np.float32)), 1)
