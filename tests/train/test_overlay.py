"""Things that lie on a picture and stay there."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from megactor.train.overlay import Overlay, random_overlay

SIZE = 32


def small_overlay() -> Overlay:
    return Overlay(left=4, top=8, right=12, bottom=14, picture=np.full((6, 8, 3), 200, np.uint8))


def test_it_covers_its_place_in_every_frame_and_nothing_else():
    frames = np.zeros((2, SIZE, SIZE, 3), np.uint8)

    covered = small_overlay().put_on(frames)

    assert (covered[:, 8:14, 4:12] == 200).all()
    assert covered.sum() == 2 * 6 * 8 * 3 * 200
    assert not frames.any(), "the clip belongs to others, too"


def test_its_motion_is_none_and_what_it_covers_in_the_portrait_is_hidden():
    # everything comes from 8 pixels further left
    flow = np.zeros((1, 2, SIZE // 2, SIZE // 2), np.float32)
    flow[:, 0] = -8 / SIZE

    moved, visible = small_overlay().change_motion(flow, np.ones((1, 1, SIZE // 2, SIZE // 2), bool))

    here = np.zeros((SIZE // 2, SIZE // 2), bool)
    here[4:7, 2:6] = True
    assert (moved[0, :, here] == 0).all()
    assert (moved[0, 0, ~here] == np.float32(-8 / SIZE)).all()
    hidden = np.zeros_like(here)
    hidden[4:7, 6:10] = True
    np.testing.assert_array_equal(visible[0, 0], ~hidden)


@given(seed=st.integers(0, 2**32 - 1), left=st.floats(0, 20), top=st.floats(0, 20), side=st.floats(1, 32))
def test_it_never_touches_a_face_and_lies_in_the_picture(seed: int, left: float, top: float, side: float):
    points = np.array([[[left, top], [left + side, top + side]]])

    overlay = random_overlay(np.random.default_rng(seed), np.zeros((1, SIZE, SIZE, 3), np.uint8), points)

    if overlay is not None:
        rows, columns = np.nonzero(overlay.mask(SIZE))
        assert overlay.picture.shape == (overlay.bottom - overlay.top, overlay.right - overlay.left, 3)
        assert len(rows) == overlay.picture.shape[0] * overlay.picture.shape[1] > 0
        apart = columns.max() < left or columns.min() > left + side or rows.max() < top or rows.min() > top + side
        assert apart


def test_there_is_none_where_the_face_fills_the_picture():
    points = np.array([[[0.0, 0.0], [SIZE, SIZE]]])

    assert random_overlay(np.random.default_rng(0), np.zeros((1, SIZE, SIZE, 3), np.uint8), points) is None
