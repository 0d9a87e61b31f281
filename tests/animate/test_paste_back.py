import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megactor.animate.paste_back import PasteBack
from megactor.drive.crop import CropBox

STILL = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)


def plain(value: int, size: int = 64) -> np.ndarray:
    return np.full((size, size, 3), value, np.uint8)


def test_outside_of_the_square_nothing_changes_and_inside_is_the_animation() -> None:
    pasted = PasteBack(STILL, CropBox(20, 10, 50))(plain(200))
    outside = np.ones(STILL.shape[:2], bool)
    outside[10:60, 20:70] = False
    np.testing.assert_array_equal(pasted[outside], STILL[outside])
    assert (pasted[20:50, 30:60] == 200).all()


def test_the_border_fades() -> None:
    black = np.zeros_like(STILL)
    row = PasteBack(black, CropBox(20, 10, 50))(plain(200))[35, :, 0].astype(int)
    assert np.abs(np.diff(row)).max() < 80
    assert (np.diff(row[18:45]) >= 0).all() and (np.diff(row[45:72]) <= 0).all()


def test_no_fading_at_the_pictures_own_edge() -> None:
    pasted = PasteBack(np.zeros_like(STILL), CropBox(0, 0, 60))(plain(200))
    assert (pasted[:40, :40] == 200).all()
    assert pasted[59, 30, 0] < 20 and pasted[30, 59, 0] < 20


place = st.floats(-120, 120)


@settings(deadline=None, max_examples=60)
@given(place, place, st.floats(0.2, 250), st.integers(2, 20), st.integers(1, 41), st.integers(1, 41))
def test_every_place_gives_even_frames_of_the_picture(
    x: float, y: float, side: float, size: int, width: int, height: int
) -> None:
    still = STILL[:height, :width]
    paste = PasteBack(still, CropBox(x, y, side))
    result = paste(plain(9, size))
    assert result.shape == (paste.size[1], paste.size[0], 3) and result.dtype == np.uint8
    for side_length, whole in zip(paste.size, (width, height), strict=True):
        assert side_length == (whole if whole == 1 else whole - whole % 2)


def test_a_square_partly_outside_keeps_its_place() -> None:
    frame = plain(0, 60)
    frame[30, 40] = 255
    pasted = PasteBack(np.zeros((40, 40, 3), np.uint8), CropBox(-20, -15, 60))(frame)
    assert np.argwhere(pasted[..., 0] == pasted.max()).tolist() == [[15, 20]]


@pytest.mark.parametrize("value", [0, 255])
def test_the_picture_itself_is_not_written_to(value: int) -> None:
    before = STILL.copy()
    paste = PasteBack(STILL, CropBox(5, 5, 60))
    first = paste(plain(value))
    np.testing.assert_array_equal(paste(plain(value)), first)
    np.testing.assert_array_equal(STILL, before)


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((4032, 3024), (3326, 2494)), ((3024, 4032), (2494, 3326)), ((9000, 1000), (3840, 426)), ((3840, 2160), None)],
)
def test_a_picture_beyond_4k_is_scaled_down(size: tuple[int, int], fitted: tuple[int, int] | None) -> None:
    """H.264 of a phone's photograph would be of level 6, which few players take."""
    still = np.full((size[1], size[0], 3), 90, np.uint8)
    still[: size[1] // 2] = 10
    square = CropBox(0.25 * size[0], 0.25 * size[1], 0.5 * min(size))
    paste = PasteBack(still, square)
    assert paste.size == (fitted or size) and paste.scaled == (fitted is not None)
    pasted = paste(plain(200))
    assert pasted.shape == (paste.size[1], paste.size[0], 3)
    scale = paste.size[0] / size[0]
    left, top, side = round(square.x * scale), round(square.y * scale), round(square.side * scale)
    assert (pasted[top + side // 2, left + side // 2] == 200).all()
    assert (pasted[2, 2] == 10).all() and (pasted[-2, -2] == 90).all()
    if fitted is not None:
        assert f"{size[0]}x{size[1]} portrait was scaled to {fitted[0]}x{fitted[1]}" in paste.note
    whole = PasteBack(still, square, full_size=True)
    assert whole.size == size and not whole.scaled
