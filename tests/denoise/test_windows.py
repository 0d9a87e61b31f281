from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from megactor.denoise.windows import context_windows

sizes = st.integers(1, 40).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1)))


@settings(deadline=None)  # a busy machine is no failure
@given(frames=st.integers(1, 300), numbers=sizes, cyclic=st.booleans())
def test_every_frame_is_covered(frames: int, numbers: tuple[int, int], cyclic: bool) -> None:
    size, overlap = numbers
    windows = context_windows(frames, size, overlap, cyclic)
    assert {i for window in windows for i in window} == set(range(frames))
    assert all(len(window) == len(set(window)) == min(size, frames) for window in windows)


@settings(deadline=None)  # a busy machine is no failure
@given(frames=st.integers(1, 300), numbers=sizes)
def test_windows_that_are_not_cyclic_run_forward(frames: int, numbers: tuple[int, int]) -> None:
    size, overlap = numbers
    windows = context_windows(frames, size, overlap, cyclic=False)
    assert all(window == list(range(window[0], window[-1] + 1)) for window in windows)
    assert windows[-1][-1] == frames - 1
    for window, following in pairwise(windows):
        assert window[0] < following[0]
        assert len(set(window) & set(following)) >= overlap


def test_examples() -> None:
    assert context_windows(5) == [[0, 1, 2, 3, 4]]
    cyclic = context_windows(20)
    assert [window[0] for window in cyclic] == [0, 8, 16]
    assert cyclic[2] == [16, 17, 18, 19, *range(12)]
    assert [window[0] for window in context_windows(20, cyclic=False)] == [0, 4]
    assert [window[0] for window in context_windows(24, cyclic=False)] == [0, 8]
    assert [window[0] for window in context_windows(33, cyclic=False)] == [0, 8, 16, 17]


@pytest.mark.parametrize(("frames", "size", "overlap"), [(0, 16, 8), (5, 0, 0), (5, 4, 4), (5, 4, -1)])
def test_out_of_range(frames: int, size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="cannot cover"):
        context_windows(frames, size, overlap)
