import numpy as np
import pytest

from megactor.drive.crop import CropBox, crop_and_resize
from megactor.drive.outside import continued_crop, reach_beyond

ROWS, COLUMNS = np.mgrid[:200, :200]
STRIPES = np.stack([255 * (COLUMNS // 8 % 2), 255 * (ROWS // 8 % 2), 90 + 0 * ROWS], axis=-1).astype(np.uint8)


def test_within_the_picture_nothing_is_made_up() -> None:
    box = CropBox(20, 30, 160)
    assert reach_beyond(box, 200, 200) < 0
    np.testing.assert_array_equal(continued_crop(STRIPES, box, 128), crop_and_resize(STRIPES, box, 128))


@pytest.mark.parametrize("box", [CropBox(-50, -30, 300), CropBox(-80, 20, 160), CropBox(60, 70, 400)])
def test_what_the_picture_shows_stays_as_it_is(box: CropBox) -> None:
    assert reach_beyond(box, 200, 200) > 0
    crop = continued_crop(STRIPES, box, int(box.side))
    x0, y0 = max(0, -int(box.x)), max(0, -int(box.y))
    x1, y1 = (min(int(box.side), 200 - int(start)) for start in (box.x, box.y))
    shown = STRIPES[int(box.y) + y0 : int(box.y) + y1, int(box.x) + x0 : int(box.x) + x1]
    np.testing.assert_array_equal(crop[y0:y1, x0:x1], shown)


def test_beyond_the_edge_colors_go_on_without_streaks() -> None:
    """Repeated border pixels would keep the stripes' full contrast up to the square's edge."""
    crop = continued_crop(STRIPES, CropBox(-100, -100, 400), 400).astype(int)
    assert np.abs(crop[101:299, 99] - crop[101:299, 100]).mean() < 20  # no seam
    assert crop[150:250, 0].std(0).max() < 10 < 100 < crop[150:250, 150].std(0)[1]
    assert np.abs(crop[..., 2] - 90).max() <= 2
