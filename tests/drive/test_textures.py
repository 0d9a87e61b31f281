"""Backgrounds behind a person who was cut out of them, in pictures of real size."""

import numpy as np
import pytest

from megactor.drive.layers import tell_apart
from megactor.drive.painting import painted_out
from megactor.drive.textures import continued_texture

SIZE = 512


def cut_out(background: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A head and shoulders before it: the picture, its matte, and the smooth plate."""
    y, x = np.mgrid[:SIZE, :SIZE]
    head = np.hypot((x - 256) / 110, (y - 200) / 140) < 1
    matte = (head | (np.hypot((x - 256) / 200, (y - 520) / 170) < 1)).astype(np.float32)
    picture = np.where(matte[..., None] > 0, np.array([120, 80, 60]), background).astype(np.uint8)
    return picture, matte, np.where(matte[..., None] > 0, painted_out(picture, matte == 0), picture)


def beside_the_head(matte: np.ndarray) -> np.ndarray:
    """Hidden pixels less than 25 of 512 from the background: what a turning head uncovers."""
    seen = np.zeros_like(matte, bool)
    for y, x in ((0, 25), (0, -25), (25, 0), (-25, 0)):
        seen |= np.roll(matte, (y, x), (0, 1)) == 0
    seen[:25] = seen[-25:] = False
    return (matte > 0) & seen


def wall(kind: str) -> np.ndarray:
    """(512, 512, 3) float: a wall with light that falls off."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    if kind == "blinds":
        pattern = (y + x / 40) % 17 < 9
    elif kind == "panels":
        pattern = x % 46 < 12
    else:
        pattern = (x % 40 < 6) | (y % 28 < 6)
    return (80 + 90 * pattern + x / 16)[..., None] * np.array([1, 0.9, 0.8])


@pytest.mark.parametrize("kind", ["blinds", "panels", "tiles"])
def test_what_repeats_is_continued(kind: str) -> None:
    truth = wall(kind)
    picture, matte, smooth = cut_out(truth)
    plate = continued_texture(picture, matte, smooth)
    here = beside_the_head(matte)
    error, before = (np.abs(p - truth)[here].mean() for p in (plate, smooth))
    assert error < 0.5 * before
    np.testing.assert_array_equal(plate[matte == 0], picture[matte == 0])


def test_a_plain_wall_stays_smooth() -> None:
    y, x = np.mgrid[:SIZE, :SIZE]
    picture, matte, smooth = cut_out(np.stack([100 + x / 8, 120 + y / 8, 140 + 0 * x], -1))
    np.testing.assert_array_equal(continued_texture(picture, matte, smooth), smooth)


def test_what_does_not_repeat_is_not_made_up() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (SIZE // 8, SIZE // 8, 3)).repeat(8, 0).repeat(8, 1)
    picture, matte, smooth = cut_out(noise)
    plate = continued_texture(picture, matte, smooth)
    assert (np.abs(plate.astype(int) - smooth).max(-1) > 8)[matte > 0].mean() < 0.05


def test_a_portraits_plate_has_it() -> None:
    truth = wall("blinds")
    picture, matte, smooth = cut_out(truth)
    layers = tell_apart(picture, matte)
    assert layers is not None
    here = beside_the_head(matte)
    assert np.abs(layers.plate - truth)[here].mean() < 0.6 * np.abs(smooth - truth)[here].mean()
