"""Frames that are kept while a video is read."""

import numpy as np
import pytest

from megactor.drive.samples import MOST, FrameSamples


@pytest.mark.parametrize("length", [1, 5, MOST, MOST + 1, 100, 1000])
def test_a_few_frames_are_spread_over_all(length):
    samples = FrameSamples()
    frames = [np.full((8, 8, 3), number % 256, np.uint8) for number in range(length)]

    passed = list(samples.watch(iter(frames)))
    kept = list(samples)

    assert all(a is b for a, b in zip(passed, frames, strict=True))
    numbers = [number for number, _ in kept]
    assert min(length, MOST // 2) <= len(numbers) <= MOST
    assert len(set(np.diff(numbers))) <= 1 and numbers[0] == 0 and length - numbers[-1] <= max(1, length // (MOST // 2))
    assert all(abs(int(picture[4, 4, 1]) - number % 256) <= 2 for number, picture in kept)


def test_colors_stay():
    samples = FrameSamples()
    list(samples.watch([np.full((16, 16, 3), (200, 120, 30), np.uint8)]))
    ((_, picture),) = samples
    assert np.abs(picture.astype(int) - (200, 120, 30)).max() <= 4
