import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megactor.drive.crop import (
    FACE_SCALE,
    LEAST_SCALE,
    CropBox,
    crop_and_resize,
    face_size,
    official_square,
    portrait_crop,
)

coordinate = st.floats(-300, 300)
length = st.floats(1, 300)


@st.composite
def boxes(draw: st.DrawFn) -> np.ndarray:
    x, y, width, height = draw(coordinate), draw(coordinate), draw(length), draw(length)
    return np.array([x, y, x + width, y + height])


def picture(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 256, (height, width, 3), dtype=np.uint8)


@settings(deadline=None)
@given(coordinate, coordinate, st.floats(0.1, 400), st.integers(1, 90), st.booleans())
def test_any_square_can_be_cut(x: float, y: float, side: float, size: int, repeat: bool) -> None:
    cut = crop_and_resize(picture(70, 50), CropBox(x, y, side), size, repeat_border=repeat)
    assert cut.shape == (size, size, 3) and cut.dtype == np.uint8


def test_a_cut_of_the_same_size_is_exact() -> None:
    image = picture(70, 50)
    np.testing.assert_array_equal(crop_and_resize(image, CropBox(10, 5, 32), 32), image[5:37, 10:42])


def test_outside_is_black_or_repeats_the_border() -> None:
    image = picture(40, 40)
    box = CropBox(-8, 4, 32)
    black = crop_and_resize(image, box, 32)
    repeated = crop_and_resize(image, box, 32, repeat_border=True)
    assert not black[:, :8].any()
    np.testing.assert_array_equal(repeated[:, :8], np.repeat(image[4:36, :1], 8, axis=1))
    np.testing.assert_array_equal(black[:, 8:], image[4:36, :24])
    np.testing.assert_array_equal(repeated[:, 8:], image[4:36, :24])


@pytest.mark.parametrize("x, y", [(-100, 0), (100, 0), (0, -100), (0, 100), (40, 40), (-32, -32)])
def test_a_square_beyond_the_picture_is_black(x: float, y: float) -> None:
    assert not crop_and_resize(picture(40, 40), CropBox(x, y, 32), 16).any()


@settings(deadline=None)
@given(boxes(), st.integers(1, 400), st.integers(1, 400))
def test_portrait_crop_reaches_outside_only_where_it_is_too_large(box: np.ndarray, width: int, height: int) -> None:
    crop, size = portrait_crop(box, width, height), float(face_size(box))
    assert LEAST_SCALE * size - 1e-6 <= crop.side <= FACE_SCALE * size + 1e-6
    if min(width, height) >= FACE_SCALE * size:
        assert crop.side == pytest.approx(FACE_SCALE * size)
    for start, extent in ((crop.x, width), (crop.y, height)):
        inside, around = start >= -1e-6, start + crop.side <= extent + 1e-6
        if crop.side <= extent:
            assert inside and around
        else:
            assert start <= 1e-6 and start + crop.side >= extent - 1e-6
            assert crop.side == pytest.approx(LEAST_SCALE * size) or crop.side == pytest.approx(min(width, height))


@given(st.floats(1, 99), st.floats(1, 79))
def test_official_square_stays_inside(x: float, y: float) -> None:
    top, bottom, left, right = official_square((x, y), 100, 80)
    assert 0 <= top <= bottom <= 80 and 0 <= left <= right <= 100
    assert abs((bottom - top) - (right - left)) <= 1


@pytest.mark.parametrize("center", [(-1, 10), (10, -1), (101, 10), (10, 81), (0, 0)])
def test_official_square_wants_a_center_inside(center: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="outside"):
        official_square(center, 100, 80)
