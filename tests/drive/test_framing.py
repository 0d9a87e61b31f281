import numpy as np
import pytest
from fake_faces import face_at

from megactor.drive.crop import CropBox, crop_and_resize, face_center, face_size
from megactor.drive.framing import Framing, fitted_framing


def square(x: float, y: float, side: float) -> Framing:
    return Framing(np.array([[1 / side, 0, -x / side], [0, 1 / side, -y / side]]))


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_a_cut_of_whole_pixels_is_exact() -> None:
    image = noise(90, 70)
    np.testing.assert_array_equal(square(10, 5, 32).picture(image, 32), image[5:37, 10:42])


@pytest.mark.parametrize("size", [16, 64, 100, 512])
def test_a_straight_framing_is_a_crop(size: int) -> None:
    rows, columns = np.mgrid[:512, :512]
    image = np.stack([rows / 2, columns / 2, 60 * (1 + np.sin(rows / 40))], axis=-1).astype(np.uint8)
    framed = square(40, 60, 400).picture(image, size).astype(int)
    assert np.abs(framed - crop_and_resize(image, CropBox(40, 60, 400), size)).max() <= 3


@pytest.mark.parametrize("roll", [0.0, 0.5, -2.0])
def test_what_is_shrunk_is_averaged(roll: float) -> None:
    framing = square(-128, -128, 1024)
    middle = framing.affine[:, :2] @ (384, 384) + framing.affine[:, 2]
    c, s = np.cos(roll), np.sin(roll)
    turn = np.array([[c, -s], [s, c]])
    framed = framing.then(np.column_stack([turn, middle - turn @ middle])).picture(noise(768, 768), 64)
    assert framed[24:40, 24:40].std() < 12  # 74 in the picture; a sixteenth of that if 16x16 pixels are averaged


@pytest.mark.parametrize("roll", [0.3, np.pi / 2, -2.5])
@pytest.mark.parametrize("size", [24, 300])
def test_points_and_pixels_go_the_same_way(roll: float, size: int) -> None:
    image = np.zeros((120, 160, 3), np.uint8)
    image[40:46, 70:76] = 255
    framing = fitted_framing(face_at(75, 50).landmarks[None], roll, np.array([30, 30, 70, 80]), CropBox(10, 10, 90))
    pixels = framing.picture(image, size).astype(float).sum(-1)
    rows, columns = np.mgrid[:size, :size] + 0.5
    center = np.array([(pixels * columns).sum(), (pixels * rows).sum()]) / pixels.sum()
    np.testing.assert_allclose(center, framing.points(np.array([73.0, 43.0])) * size, atol=0.6)


@pytest.mark.parametrize("roll", [0.0, 0.4, np.pi])
def test_the_drivers_face_lands_on_the_portraits(roll: float) -> None:
    portrait, crop = np.array([30, 40, 70, 88]), CropBox(10, 10, 90)
    faces = np.stack([face_at(100 + x, 60, 30 + x).landmarks for x in (-1, 0, 0, 20)])  # the median is at 100
    framing = fitted_framing(faces, roll, portrait, crop)
    box = framing.boxes(faces)[1]
    expected = crop.to_crop(portrait.reshape(2, 2), 1).reshape(4)
    np.testing.assert_allclose(face_center(box), face_center(expected), atol=0.01)
    assert face_size(box) == pytest.approx(face_size(expected), rel=0.02)
