"""Animated pictures as driving videos: their pace is that of browsers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_samples import (
    cut_file,
    flat_frame,
    frame_numbers,
)
from PIL import Image

from megactor.errors import InputError
from megactor.media import VideoReader


@pytest.mark.parametrize(("suffix", "delay"), [("gif", 40), ("webp", 40), ("png", 40), ("gif", 100), ("webp", 33)])
def test_animated_pictures(tmp_path: Path, suffix: str, delay: int) -> None:
    pictures = [Image.fromarray(flat_frame(i, (33, 21))) for i in range(8)]
    path = tmp_path / f"moving.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=delay, loop=0, **options)
    reader = VideoReader(path, fps=Fraction(1000, delay))
    assert (reader.width, reader.height, reader.has_audio) == (33, 21, False)
    assert frame_numbers(reader) == frame_numbers(reader) == list(range(8))
    assert VideoReader(path).frame_count_estimate == 8


@pytest.mark.parametrize("suffix", ["gif", "webp"])
@pytest.mark.parametrize("delays", [[0] * 20, [0] * 10 + [100] * 10, [100] * 19 + [0]])
def test_frames_without_a_delay_are_shown_as_browsers_show_them(tmp_path: Path, suffix: str, delays: list[int]) -> None:
    pictures = [Image.fromarray(flat_frame(i)) for i in range(20)]
    path = tmp_path / f"moving.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=delays, loop=0, **options)
    reader = VideoReader(path)
    assert (reader.fps, reader.duration, reader.frame_count_estimate) == (10, 2, 20)
    assert frame_numbers(reader) == list(range(20))


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_an_animation_that_pauses_keeps_its_rate(tmp_path: Path, suffix: str) -> None:
    pictures = [Image.fromarray(flat_frame(i)) for i in range(10)]
    path = tmp_path / f"moving.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    delays = [40] * 5 + [2000] + [40] * 4
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=delays, loop=0, **options)
    assert frame_numbers(VideoReader(path)) == [0, 1, 2, 3, 4] + [5] * 50 + [6, 7, 8, 9]


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_uneven_delays_and_start_end(tmp_path: Path, suffix: str) -> None:
    pictures = [Image.fromarray(flat_frame(i)) for i in range(4)]
    path = tmp_path / f"moving.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[100, 300, 100, 200], loop=0, **options)
    reader = VideoReader(path, fps=10)
    assert frame_numbers(reader) == [0, 1, 1, 1, 2, 3, 3]
    assert reader.duration == pytest.approx(0.7)
    assert frame_numbers(VideoReader(path, start=0.3, end=0.6, fps=10)) == [1, 2, 3]


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_transparent_animation_is_put_over_white(tmp_path: Path, suffix: str) -> None:
    clear = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    clear.paste((200, 0, 0, 255), (4, 4, 12, 12))
    clear.putpixel((15, 15), (0, 0, 0, 200))  # libwebp calls a picture without partly clear pixels opaque
    other = Image.new("RGBA", (16, 16), (0, 0, 200, 255))
    path = tmp_path / f"clear.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    clear.save(path, save_all=True, append_images=[other], duration=100, loop=0, **options)
    first = next(iter(VideoReader(path)))
    np.testing.assert_allclose(first[[8, 1], [8, 1]], [(200, 0, 0), (255, 255, 255)], atol=4)


def test_webp_is_recognized_by_content(tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    pictures = [Image.fromarray(flat_frame(i)) for i in (3, 4)]
    pictures[0].save(path, format="WEBP", lossless=True, save_all=True, append_images=pictures[1:], duration=40)
    assert frame_numbers(VideoReader(path)) == [3, 4]


def test_a_cut_off_webp_gives_the_frames_so_far(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 40, 40, 3), np.uint8)
    pictures = [Image.fromarray(n) for n in noise]
    full = tmp_path / "full.webp"
    pictures[0].save(full, save_all=True, append_images=pictures[1:], duration=100, loop=0)
    path = cut_file(full, tmp_path / "cut.webp", 0.6)
    try:
        frames = list(VideoReader(path))
    except InputError as error:  # libwebp refuses damaged animations as a whole
        assert "damaged" in str(error) and "\n" not in str(error)
    else:
        assert 0 < len(frames) < 12
