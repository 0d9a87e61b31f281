"""Finishes: the same for all pictures of a clip, whatever they show."""

import numpy as np
import pytest

from megactor.train.finish import Finish, random_finish

SIZE = 64


def finishes(count: int) -> list[Finish]:
    return [random_finish(np.random.default_rng(seed), SIZE) for seed in range(count)]


def test_a_pixel_becomes_the_same_in_every_picture_of_a_clip():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    frames[:, 10, 20] = (200, 180, 160)
    for finish in finishes(20):
        finished = finish(frames)
        assert finished.shape == frames.shape and finished.dtype == np.uint8
        assert len(np.unique(finished[:, 10, 20], axis=0)) == 1
        np.testing.assert_array_equal(finish(frames[1]), finished[1])


def test_brighter_stays_brighter():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2).reshape(16, 16, 3)
    for finish in finishes(40):
        levels = Finish(finish.curves, finish.color, None)(ramp).reshape(-1, 3).astype(int)
        assert (np.diff(levels, axis=0) >= 0).all()
        assert (levels[-1] - levels[0] > 40).all(), "white must be told from black"


def test_black_and_white_has_the_colors_of_a_print():
    finish = next(finish for finish in finishes(40) if finish.color == 0)
    picture = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    picture[0, 0], picture[0, 1] = (76, 76, 76), (255, 0, 0)  # as bright as red
    smooth = Finish(finish.curves, 0.0, None)(picture)
    assert np.abs(smooth[0, 0].astype(int) - smooth[0, 1]).max() <= 2


def test_there_are_all_kinds():
    kinds = finishes(200)
    assert 0.1 < np.mean([finish.color == 0 for finish in kinds]) < 0.35
    assert 0.35 < np.mean([finish.surface is None for finish in kinds]) < 0.65
    white = np.array([finish.curves[-1] for finish in kinds])
    assert (white[:, 0] - white[:, 2] > 0.1).mean() > 0.2, "warm"
    assert (white[:, 2] - white[:, 0] > 0.1).mean() > 0.05, "cold"


@pytest.mark.parametrize("size", [128, 512])
def test_a_surface_is_as_rough_at_every_size(size):
    rough = [
        finish
        for finish in (random_finish(np.random.default_rng(n), size) for n in range(30))
        if finish.surface is not None
    ]
    assert all(0.005 < finish.surface.std() < 0.12 and abs(finish.surface.mean() - 1) < 0.01 for finish in rough)
