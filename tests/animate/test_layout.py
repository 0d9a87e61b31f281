import numpy as np

from megactor.animate.layout import Composer
from megactor.animate.paste_back import PasteBack
from megactor.drive.crop import CropBox

RANDOM = np.random.default_rng(0)
PORTRAIT, DRIVING, FRAME = (RANDOM.integers(0, 256, (16, 16, 3), np.uint8) for _ in range(3))


def test_what_was_turned_upright_is_turned_back() -> None:
    for turns in range(4):
        alone = Composer("result", None, PORTRAIT, turns)
        np.testing.assert_array_equal(np.rot90(alone(FRAME, None), turns), FRAME)
        beside = Composer("side-by-side", None, PORTRAIT, turns)(FRAME, DRIVING)
        np.testing.assert_array_equal(np.rot90(beside[:, :16], turns), PORTRAIT)
        np.testing.assert_array_equal(beside[:, 16:32], DRIVING)
        np.testing.assert_array_equal(np.rot90(beside[:, 32:], turns), FRAME)


def test_a_turned_picture_keeps_its_own_size() -> None:
    picture = RANDOM.integers(0, 256, (20, 40, 3), np.uint8)
    for turns in range(4):
        upright = np.ascontiguousarray(np.rot90(picture, turns))
        composer = Composer("result", PasteBack(upright, CropBox(4, 4, 10)), PORTRAIT, turns)
        pasted = composer(FRAME, None)
        assert composer.size == (40, 20) and pasted.shape == picture.shape
        changed = np.argwhere((pasted != picture).any(-1))
        assert len(changed) and np.ptp(changed, 0).max() < 10
