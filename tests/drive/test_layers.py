"""A portrait taken apart, on pictures whose layers are known."""

import cv2
import numpy as np
import pytest

from megactor.drive.layers import refined_matte, tell_apart
from megactor.drive.painting import painted_out

SIZE = 512


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture, true matte, and a mask as coarse as a segmenter's: 16 times fewer pixels, half a dozen pixels off."""
    y, x = np.mgrid[:SIZE, :SIZE]
    radius = 170 + 12 * np.sin(9 * np.arctan2(y - 256, x - 256))
    matte = np.clip(radius - np.hypot(x - 256, y - 256) + 0.5, 0, 1).astype(np.float32)
    sky = np.stack([60 + x / 8, 90 + y / 8, np.full_like(x, 200.0, np.float32)], -1)
    person = np.array([190, 120, 80]) + 20 * np.sin(x / 9)[..., None]
    picture = np.round(matte[..., None] * person + (1 - matte[..., None]) * sky).astype(np.uint8)
    coarse = cv2.resize(np.roll(matte, 5, axis=1), (32, 32), interpolation=cv2.INTER_AREA)
    return picture, matte, cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def test_the_matte_follows_the_pictures_edges(scene: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    picture, matte, coarse = scene
    found = refined_matte(picture, coarse)
    assert np.abs(found - matte).mean() < 0.5 * np.abs(coarse - matte).mean()
    assert found[256, 256] == 1
    assert found[5, 5] == 0


def test_untouched_background_is_the_pictures_own(scene: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    picture, matte, coarse = scene
    layers = tell_apart(picture, coarse)
    assert layers is not None
    beside = np.ones((3, 3), np.uint8)
    nobody, somebody = (cv2.erode(part.astype(np.uint8), beside) > 0 for part in (layers.matte == 0, matte == 1))
    np.testing.assert_array_equal(layers.plate[nobody], picture[nobody])
    np.testing.assert_array_equal(layers.person[somebody], picture[somebody])
    # the sky goes on behind the person, and the person's color beyond their outline
    assert np.abs(layers.plate[256, 256].astype(float) - [92, 122, 200]).max() < 25
    assert layers.person[10, 256, 0] > 150


def test_layers_add_up_to_the_picture(scene: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    picture, _, coarse = scene
    layers = tell_apart(picture, coarse)
    assert layers is not None
    matte = layers.matte[..., None]
    again = matte * layers.person + (1 - matte) * layers.plate
    assert np.abs(again - picture).mean() < 1.5


@pytest.mark.parametrize("share", [0.0, 0.01, 0.99, 1.0])
def test_nothing_is_told_apart_where_one_layer_is_missing(share: float) -> None:
    picture = np.full((64, 64, 3), 128, np.uint8)
    assert tell_apart(picture, np.full((64, 64), share, np.float32)) is None


def test_painting_out_keeps_what_is_known_and_continues_it() -> None:
    picture = np.zeros((100, 75, 3), np.uint8)
    picture[:, :30], picture[:, 30:] = (200, 0, 0), (0, 0, 200)
    known = np.ones((100, 75), bool)
    known[40:60, :20] = False
    filled = painted_out(picture, known)
    np.testing.assert_array_equal(filled[known], picture[known])
    np.testing.assert_allclose(filled[50, 2], (200, 0, 0), atol=50)


def test_what_the_coarse_mask_cuts_off_is_found_by_its_colors(
    scene: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    picture, matte, coarse = scene
    bitten = coarse.copy()
    bitten[90:150, 200:300] *= 0.35  # the segmenter is not sure of the hair
    assert np.abs(bitten - matte)[90:150, 200:300].mean() > 0.4
    found = refined_matte(picture, bitten)
    assert np.abs(found - matte)[90:150, 200:300].mean() < 0.05
