"""Reading a part of a driving video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_samples import (
    CONTAINERS,
    Clip,
    Sound,
    flat_frame,
    frame_numbers,
    write_clip,
)
from PIL import Image

from megactor.errors import InputError
from megactor.media import VideoReader


@pytest.mark.parametrize(("suffix", "codec"), [*CONTAINERS, ("gif", "gif")])
def test_start_and_end(tmp_path: Path, suffix: str, codec: str) -> None:
    pixel_format = {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(codec, "yuv420p")
    path = tmp_path / f"clip.{suffix}"
    if codec == "gif":
        pictures = [Image.fromarray(flat_frame(i)) for i in range(60)]
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40, loop=0)
    else:
        write_clip(path, Clip(60, 25, codec=codec, pixel_format=pixel_format))
    numbers = [i % 26 for i in range(60)]
    assert frame_numbers(VideoReader(path, start=1.2)) == numbers[30:]
    assert frame_numbers(VideoReader(path, end=0.4)) == numbers[:10]
    reader = VideoReader(path, start=0.8, end=1.6)
    assert frame_numbers(reader) == frame_numbers(reader) == numbers[20:40]
    assert (reader.duration, reader.frame_count_estimate) == (pytest.approx(0.8), 20)
    assert reader.warnings == []


@settings(max_examples=10, deadline=None)
@given(start=st.integers(0, 55), length=st.integers(1, 60))
def test_any_part_equals_the_same_part_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int
) -> None:
    """Also across key frames and with B-frames."""
    path = tmp_path_factory.getbasetemp() / "whole.mp4"
    if not path.exists():
        write_clip(path, Clip(60, 25))
    part = frame_numbers(VideoReader(path, start=start / 25, end=(start + length) / 25))
    assert part == [i % 26 for i in range(60)][start : start + length]


def test_seconds_are_counted_from_the_first_frame(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "late.ts", Clip(50, 25, offset=Fraction(3)))
    assert frame_numbers(VideoReader(path, start=1)) == [i % 26 for i in range(25, 50)]
    assert VideoReader(path).duration == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        (2.0, None, "beyond the end"), (99, None, "beyond the end"), (-1, None, "start must be"),
        (None, -0.5, "end must be"), (1, 1, "must be after start"), (1, 0.5, "must be after start"),
        (float("nan"), None, "start must be"), (None, float("inf"), "end must be"),
        (None, 0, "must be after start"),
    ],
)  # fmt: skip
def test_parts_that_make_no_sense(tmp_path: Path, start: float | None, end: float | None, says: str) -> None:
    path = write_clip(tmp_path / "clip.mp4", Clip(50, 25))
    with pytest.raises(InputError, match=says) as caught:
        VideoReader(path, start=start, end=end)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("sound_duration", [0.5, 4.0])
def test_the_duration_is_the_pictures(tmp_path: Path, suffix: str, sound_duration: float) -> None:
    path = write_clip(tmp_path / f"clip.{suffix}", Clip(50, 25, sound=Sound([0.1], sound_duration)))
    reader = VideoReader(path)
    assert len(list(reader)) == 50 and reader.warnings == []
    assert reader.duration == pytest.approx(2, abs=0.03)
    with pytest.raises(InputError, match="beyond the end"):
        VideoReader(path, start=2.5)


def test_a_container_that_cannot_seek_is_read_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "raw.h264"
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "10"})
        stream.width, stream.height = 64, 48
        for index in range(40):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(flat_frame(index)).reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    assert frame_numbers(VideoReader(path)) == [i % 26 for i in range(40)]
    assert frame_numbers(VideoReader(path, start=0.4, end=0.6)) == [10, 11, 12, 13, 14]


def test_an_end_beyond_the_video_is_reported_and_means_the_end(tmp_path: Path) -> None:
    reader = VideoReader(write_clip(tmp_path / "clip.mp4", Clip(20, 25)), end=5)
    assert len(list(reader)) == 20
    assert reader.warnings == ["clip.mp4 ends at 0.80 s, before the end asked for (5 s)"]


def test_a_start_within_the_last_frame(tmp_path: Path) -> None:
    reader = VideoReader(write_clip(tmp_path / "clip.mp4", Clip(10, 25)), start=0.39)
    assert frame_numbers(reader) == [9]
    assert reader.frame_count_estimate == 1
