import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from megactor.drive.framing import Framing
from megactor.drive.masking import alignment_affine, contour_condition, face_rectangle, keep_rectangles, patch
from megactor.train.driver_warp import warp_driver

coordinate = st.floats(-500, 500)


@given(coordinate, coordinate, st.floats(0, 300), st.floats(0, 300))
def test_face_rectangle_lies_in_the_picture(x: float, y: float, width: float, height: float) -> None:
    x0, x1, y0, y1 = face_rectangle(np.array([x, y, x + width, y + height]), 120, 90)
    assert 0 <= x0 <= x1 <= 120 and 0 <= y0 <= y1 <= 90


@given(coordinate, coordinate)
def test_patch_lies_in_the_picture(x: float, y: float) -> None:
    x0, x1, y0, y1 = patch((x, y), 120, 90)
    assert 0 <= x0 <= x1 <= 120 and 0 <= y0 <= y1 <= 90


def test_only_rectangles_are_kept() -> None:
    frame = np.random.default_rng(0).integers(1, 256, (30, 40, 3), dtype=np.uint8)
    kept = keep_rectangles(frame, [(2, 10, 3, 9), (8, 20, 5, 30)])
    np.testing.assert_array_equal(kept[3:9, 2:10], frame[3:9, 2:10])
    np.testing.assert_array_equal(kept[5:30, 8:20], frame[5:30, 8:20])
    assert (kept > 0).all(-1).sum() == 6 * 8 + 25 * 12 - 4 * 2


def test_alignment_brings_box_onto_box() -> None:
    points = np.random.default_rng(0).uniform(0, 64, (68, 2))
    portrait = points * (0.5, 0.8) + (20, 4)
    moved = Framing(alignment_affine(points, portrait)).points(points)
    # corners are cut to whole pixels
    np.testing.assert_allclose(moved.min(0), portrait.min(0), atol=1.5)
    np.testing.assert_allclose(moved.max(0), portrait.max(0), atol=1.5)


def test_contour_of_the_same_face_moves_nothing() -> None:
    frame = np.random.default_rng(0).integers(1, 256, (64, 64, 3), dtype=np.uint8)
    points = np.random.default_rng(1).uniform(5, 60, (68, 2))
    patches = [(5, 20, 5, 20)]
    same = contour_condition(frame, patches, alignment_affine(points, points))
    np.testing.assert_array_equal(same, keep_rectangles(frame, patches))


@settings(deadline=None)
@given(st.floats(0.5, 2), st.floats(0.5, 2))
def test_warp_keeps_shape_and_range(aspect_ratio: float, scale: float) -> None:
    frames = torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    warped = warp_driver(frames, aspect_ratio, scale)
    assert warped.shape == frames.shape
    assert warped.min() >= -1e-5 and warped.max() <= 1 + 1e-5


def test_warp_by_one_changes_nothing_and_wrong_factors_are_refused() -> None:
    frames = torch.rand(1, 3, 8, 8)
    assert torch.equal(warp_driver(frames), frames)
    for factors in ((0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0)):
        with pytest.raises(ValueError, match="positive"):
            warp_driver(frames, *factors)
