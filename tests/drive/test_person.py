"""Which part of a portrait is the person, with an analyzer whose mistakes are known."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from fake_faces import face_at

from megactor.drive.crop import CropBox
from megactor.drive.person import find_person
from megactor.faces.analyzer import FaceAnalyzer

SIZE = 512
FACE = face_at(320, 240, 150)
CROP = CropBox(64, 0, 480)
Look = Callable[[np.ndarray], np.ndarray]


def picture() -> np.ndarray:
    """(480, 640, 3): a red person from 220 to 420 before blue."""
    image = np.zeros((480, 640, 3), np.uint8)
    image[..., 2] = 200
    image[40:, 220:420] = 200, 0, 0
    image[:, 632:] = 0, 200, 0  # tells the picture from its mirror image
    return image


def right(image: np.ndarray) -> np.ndarray:
    return (image[..., 0] > 100).astype(np.float32)


def find(look: Look, size: int = SIZE) -> np.ndarray:
    class Looking:
        foreground = staticmethod(look)

    return find_person(picture(), FACE, CROP, cast(FaceAnalyzer, cast(Any, Looking())), size)


def expected(size: int) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    scale = size / CROP.side
    mask[round(40 * scale) :, round((220 - CROP.x) * scale) : round((420 - CROP.x) * scale)] = True
    return mask


@pytest.mark.parametrize("size", [96, 256, 512])
def test_all_looks_lie_on_the_square(size: int) -> None:
    found = find(right, size)
    assert found.shape == (size, size)
    assert found.dtype == np.float32
    wrong = (found > 0.5) != expected(size)
    assert wrong.mean() < 2.5 / size  # nothing but the rim, of a pixel or two of 256
    assert ((found < 0.02) | (found > 0.98)).mean() > 0.93


def test_a_look_that_misses_the_face_does_not_count() -> None:
    """Whoever takes the background for the person is not believed in that."""

    def mistaken(image: np.ndarray) -> np.ndarray:
        is_mirrored = image[:, : len(image) // 2, 1].max() > 100
        return right(image) if is_mirrored else 1 - right(image)

    assert ((find(mistaken) > 0.5) != expected(SIZE)).mean() < 2.5 / SIZE


def test_what_one_look_adds_is_outvoted() -> None:
    def lamp(image: np.ndarray) -> np.ndarray:
        mask = right(image)
        if image[:, -20:, 1].max() > 100:  # where it is seen at the right edge, without the farther surroundings
            mask[:60, :60] = 1
        return mask

    found = find(lamp)
    assert found[10, 10] < 0.5
    assert ((found > 0.5) != expected(SIZE)).mean() < 2.5 / SIZE


def test_nobody_is_found_where_no_look_sees_the_face() -> None:
    assert not find(lambda image: 1 - right(image)).any()
