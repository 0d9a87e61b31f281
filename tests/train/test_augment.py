import cv2
import numpy as np
import pytest

from megactor.train.augment import (
    MIRROR,
    Recoloring,
    covered,
    mirror_picture,
    mirror_points,
    noisy,
    random_recoloring,
    random_shift,
    shaded,
)

SIZE = 64


def dot(x: float, y: float) -> np.ndarray:
    """A soft dot whose center of mass is at (x, y), the first pixel's center being 0.5."""
    ys, xs = np.mgrid[:SIZE, :SIZE] + 0.5
    bump = 255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 18)
    return np.repeat(bump[..., None], 3, axis=2).astype(np.uint8)


def center(picture: np.ndarray) -> np.ndarray:
    ys, xs = np.mgrid[:SIZE, :SIZE] + 0.5
    weights = picture[..., 0].astype(float)
    return np.array([(xs * weights).sum(), (ys * weights).sum()]) / weights.sum()


@pytest.mark.parametrize("seed", range(8))
def test_points_move_with_the_picture(seed):
    rng = np.random.default_rng(seed)
    point = rng.uniform(26, 38, 2)
    shift = random_shift(rng, SIZE, scale=0.1, degrees=20, shift=0.05)
    moved = center(shift.picture(dot(*point), cv2.BORDER_CONSTANT))
    np.testing.assert_allclose(moved, shift.points(point), atol=0.15)


def test_mirroring():
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(70))
    points = np.random.default_rng(0).uniform(10, 50, (70, 2))
    mirrored = mirror_points(points, SIZE)
    np.testing.assert_allclose(mirror_points(mirrored, SIZE), points)
    corner = 36  # the outer corner of the eye on the picture's left becomes the one on the right
    np.testing.assert_allclose(center(mirror_picture(dot(*points[corner]))), mirrored[45], atol=0.15)
    iris = mirror_points(points, SIZE)[69]
    np.testing.assert_allclose(iris, [SIZE - points[68, 0], points[68, 1]])


def test_recoloring_is_a_curve_of_each_channel():
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    np.testing.assert_array_equal(Recoloring(np.ones(3), 1.0)(picture), picture)
    darker = Recoloring(np.array([0.5, 1.0, 1.0]), 1.0)(picture)
    np.testing.assert_array_equal(darker[..., 1:], picture[..., 1:])
    np.testing.assert_array_equal(darker[..., 0], picture[..., 0] // 2)
    assert random_recoloring(np.random.default_rng(0), 0.1, 0.1, 0.1)(picture).dtype == np.uint8


def test_noise_and_cover_leave_the_shape():
    picture = np.full((SIZE, SIZE, 3), 128, np.uint8)
    rng = np.random.default_rng(1)
    assert noisy(rng, picture, 0.1).std() > 1
    changed = (covered(rng, picture) != picture).any(-1).mean()
    assert 0 < changed < 0.12
    assert (picture == 128).all()


def test_light_and_shadow_fall_over_more_than_a_pixel():
    """Neighbors are lit alike, and both sides of a face are not."""
    rng = np.random.default_rng(5)
    lights = np.stack([shaded(rng, np.full((64, 64, 3), 120, np.uint8), strongest=0.6) for _ in range(20)]).astype(int)

    assert (lights[..., 0] == lights[..., 1]).all()
    assert np.abs(np.diff(lights[..., 0], axis=2)).max() < 40
    assert np.abs(lights[:, :, 5] - lights[:, :, -5]).mean() > 20
