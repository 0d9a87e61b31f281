"""Reading driving videos: every frame at its time, upright, in true colors, or one clear line."""

from __future__ import annotations

import gc
import io
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_samples import (
    Clip,
    Sound,
    cut_file,
    flat_frame,
    frame_numbers,
    gray_of,
    huge_png,
    write_clip,
    write_sound_only,
)
from PIL import Image

from megactor.errors import InputError
from megactor.media import VideoReader, probe

CONTAINERS = [
    ("mp4", "libx264"), ("mov", "libx264"), ("mkv", "libx264"), ("ts", "libx264"), ("avi", "mpeg4"),
    ("mp4", "mpeg4"), ("webm", "libvpx"), ("mkv", "mjpeg"), ("mkv", "ffv1"), ("ts", "mpeg2video"),
]  # fmt: skip


@pytest.mark.parametrize(("suffix", "codec"), CONTAINERS)
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001)])
def test_containers_and_codecs(tmp_path: Path, suffix: str, codec: str, fps: Fraction) -> None:
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write_clip(tmp_path / f"clip.{suffix}", Clip(22, fps, codec=codec, pixel_format=pixel_format))
    reader = VideoReader(path)
    assert (reader.fps, reader.width, reader.height, reader.has_audio) == (fps, 64, 48, False)
    frames = list(reader)
    assert all(f.dtype == np.uint8 and f.shape == (48, 64, 3) and f.flags.c_contiguous for f in frames)
    assert frame_numbers(frames) == list(range(22))
    assert reader.warnings == []
    assert abs((reader.frame_count_estimate or 0) - 22) <= 1


def test_iterates_several_times_and_yields_arrays_of_its_own(tmp_path: Path) -> None:
    reader = VideoReader(write_clip(tmp_path / "clip.mp4", Clip(6)), fps=50)
    for _ in range(2):
        seen = []
        for frame in reader:
            seen.append(int(frame.mean()))
            frame[:] = 0  # must not show up in a repeated frame
        assert min(seen) > 5 and len(seen) == 12
    one, two = iter(reader), iter(reader)
    assert np.array_equal(next(one), next(two))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_variable_frame_rate(tmp_path: Path, suffix: str) -> None:
    times = [0, 40, 80, 120, 400, 440, 480, 1000, 1040, 1080]
    codec = "libvpx" if suffix == "webm" else "libx264"
    path = write_clip(tmp_path / f"vfr.{suffix}", Clip(10, times_ms=times, codec=codec))
    frames = frame_numbers(VideoReader(path, fps=25))
    expected = [0, 1, 2] + [3] * 7 + [4, 5] + [6] * 13 + [7, 8, 9]
    assert frames[: len(expected)] == expected
    assert len(frames) <= len(expected) + 1


def test_the_rate_of_a_jittering_source_is_its_mean(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    times = [int(i * 1000 / 30 + rng.integers(-8, 9)) if i else 0 for i in range(60)]
    reader = VideoReader(write_clip(tmp_path / "phone.mp4", Clip(60, 30, times_ms=times)))
    assert abs(reader.fps - 30) < Fraction(1, 2)
    assert abs(len(list(reader)) - 60) <= 1


@pytest.mark.parametrize(("suffix", "declared"), [("mp4", 25), ("mov", 25), ("mkv", 25), ("webm", 25), ("flv", 30)])
def test_a_source_that_stands_still_now_and_then_keeps_its_rate(tmp_path: Path, suffix: str, declared: int) -> None:
    """25 frames a second for a second, four lone frames 2 s apart, 25 a second again."""
    burst = [40 * i for i in range(25)]
    lone = [burst[-1] + 2000 * i for i in range(1, 5)]
    times = [*burst, *lone, *(lone[-1] + 40 + time for time in burst)]
    codec = "libvpx" if suffix == "webm" else "libx264"
    reader = VideoReader(
        write_clip(tmp_path / f"bursts.{suffix}", Clip(len(times), declared, times_ms=times, codec=codec))
    )
    assert reader.fps == 25
    frames = frame_numbers(reader)
    assert frames[:25] == list(range(25)) and len(frames) == times[-1] // 40 + 1


def test_frames_that_were_dropped_do_not_lower_the_rate(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    gaps = [0, *(1000 / 30 * (1 + (rng.random() < 0.4)) for _ in range(89))]
    times = [round(sum(gaps[: i + 1])) for i in range(90)]
    reader = VideoReader(write_clip(tmp_path / "dim.mp4", Clip(90, 30, times_ms=times)))
    assert abs(reader.fps - 30) < Fraction(1, 10)


@settings(max_examples=8, deadline=None)
@given(
    source=st.sampled_from([10, 24, 25, 30]),
    target=st.fractions(Fraction(5), Fraction(60), max_denominator=4),
)
def test_any_rate_keeps_the_duration(tmp_path_factory: pytest.TempPathFactory, source: int, target: Fraction) -> None:
    path = write_clip(tmp_path_factory.mktemp("rate") / "clip.mp4", Clip(12, source))
    frames = frame_numbers(VideoReader(path, fps=target))
    assert frames == sorted(frames)
    assert abs(len(frames) / target - Fraction(12, source)) <= 1 / (2 * target)


def test_a_reader_of_another_rate(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", Clip(20, 50))
    assert frame_numbers(VideoReader(path, fps=25)) == list(range(0, 20, 2))
    assert frame_numbers(VideoReader(path, fps=100))[:6] == [0, 0, 1, 1, 2, 2]
    with pytest.raises(InputError, match="frame rate"):
        VideoReader(path, fps=0)


def corner_frame() -> np.ndarray:
    """Top left red, top right green, bottom left blue, bottom right gray."""
    image = np.full((48, 64, 3), 128, np.uint8)
    image[:24, :32], image[:24, 32:], image[24:, :32] = (230, 20, 20), (20, 230, 20), (20, 20, 230)
    return image


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize(
    ("suffix", "mirror"), [("mp4", False), ("mp4", True), ("mov", True), ("mkv", False)]
)  # Matroska keeps angles only
def test_display_matrix(tmp_path: Path, suffix: str, degrees: int, mirror: bool) -> None:
    """Phones turn (and front cameras mirror) by metadata; here the turn comes first."""
    shown = np.rot90(corner_frame(), degrees // 90)
    shown = np.fliplr(shown) if mirror else shown
    path = write_clip(
        tmp_path / f"turned.{suffix}", Clip(rotation=(degrees, mirror, False)), images=[corner_frame()] * 2
    )
    reader = VideoReader(path)
    assert (reader.height, reader.width) == shown.shape[:2]
    for frame in reader:
        assert frame.shape == shown.shape
        error = np.abs(frame.astype(int) - shown).mean()
        assert error < 12, f"{error=}"


def write_motion_jpeg(path: Path, exif: Image.Exif) -> Path:
    """Every frame is a JPEG file with EXIF of its own, as cameras of the time of AVI wrote them."""
    still = io.BytesIO()
    Image.fromarray(corner_frame()).save(still, "JPEG", exif=exif, quality=95)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        container.start_encoding()
        for index in range(3):
            packet = av.Packet(still.getvalue())
            packet.stream, packet.time_base, packet.pts, packet.dts = stream, Fraction(1, 25), index, index
            packet.is_keyframe = True
            container.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".avi", ".mov", ".mkv", ".png"])
@pytest.mark.parametrize(("orientation", "upright"), [(1, corner_frame()), (6, np.rot90(corner_frame(), -1)),
                                                      (7, np.rot90(corner_frame(), 2).transpose(1, 0, 2))])  # fmt: skip
def test_frames_that_carry_exif(tmp_path: Path, suffix: str, orientation: int, upright: np.ndarray) -> None:
    """PyAV has no name for that kind of side data, nor for what FFmpeg may add to it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"clip{suffix}"
    if suffix == ".png":
        pictures = [Image.fromarray(corner_frame() // shade) for shade in (1, 2)]
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40, exif=exif)
    else:
        write_motion_jpeg(path, exif)
    frame = next(iter(VideoReader(path)))
    assert frame.shape == upright.shape and np.abs(frame.astype(int) - upright).mean() < 5


@settings(max_examples=8, deadline=None)
@given(width=st.integers(1, 67), height=st.integers(1, 67))
def test_odd_sizes(tmp_path_factory: pytest.TempPathFactory, width: int, height: int) -> None:
    path = write_clip(
        tmp_path_factory.mktemp("odd") / "odd.mov",
        Clip(3, size=(width, height), codec="png", pixel_format="rgb24"),
    )
    reader = VideoReader(path)
    frames = list(reader)
    assert (reader.width, reader.height) == (width, height)
    assert frame_numbers(frames) == [0, 1, 2] and frames[0].shape == (height, width, 3)


@pytest.mark.parametrize(("aspect", "size"), [(Fraction(4, 3), (85, 48)), (Fraction(1, 2), (64, 96))])
def test_stored_pixels_that_are_not_square(tmp_path: Path, aspect: Fraction, size: tuple[int, int]) -> None:
    reader = VideoReader(write_clip(tmp_path / "wide.mp4", Clip(3, pixel_aspect=aspect)))
    assert (reader.width, reader.height) == size
    assert next(iter(reader)).shape == (size[1], size[0], 3)


@pytest.mark.parametrize(("size", "matrix"), [((64, 48), "ITU601"), ((64, 720), "ITU709")])
def test_untagged_colors_are_read_as_players_read_them(tmp_path: Path, size: tuple[int, int], matrix: str) -> None:
    path = tmp_path / "untagged.mkv"
    color = (200, 40, 60)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height = size
        image = np.full((size[1], size[0], 3), color, np.uint8)
        frame = av.VideoFrame.from_ndarray(image).reformat(format="yuv420p", dst_colorspace=matrix)
        frame.colorspace = 2
        container.mux([*stream.encode(frame), *stream.encode(None)])
    np.testing.assert_allclose(next(iter(VideoReader(path)))[8, 8], color, atol=2)


def test_transparent_video_is_put_over_white(tmp_path: Path) -> None:
    path = tmp_path / "alpha.mov"
    rgba = np.zeros((32, 32, 4), np.uint8)
    rgba[:16] = (200, 30, 30, 255)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("qtrle", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "argb"
        frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="argb")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    image = next(iter(VideoReader(path)))
    np.testing.assert_allclose((image[4, 4], image[28, 28]), [(200, 30, 30), (255, 255, 255)], atol=1)


def write_fields(path: Path, codec: str, options: dict[str, str], pixels: str) -> Path:
    """A bar that moves 8 pixels from one half picture to the next: together they look like a comb."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, pixels
        for index in range(10):
            image = np.full((96, 128, 3), 40, np.uint8)
            for field in (0, 1):
                left = 10 + 8 * ((2 * index + field) % 12)
                image[field::2, left : left + 16] = 220
            frame = av.VideoFrame.from_ndarray(image).reformat(format=pixels)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("suffix", "codec", "options", "pixels"),
    [
        (".mp4", "libx264", {"x264-params": "tff=1", "preset": "ultrafast", "crf": "8"}, "yuv420p"),
        (".ts", "mpeg2video", {"flags": "+ildct+ilme", "b": "4000000"}, "yuv420p"),
        (".mov", "prores_ks", {"flags": "+ildct"}, "yuv422p10le"),
    ],
)
def test_interlaced_video_is_deinterlaced(
    tmp_path: Path, suffix: str, codec: str, options: dict[str, str], pixels: str
) -> None:
    reader = VideoReader(write_fields(tmp_path / f"fields{suffix}", codec, options, pixels))
    for _ in range(2):
        frames = [frame.astype(int) for frame in reader]
        assert len(frames) == 10 and reader.fps == 25
        combs = [np.abs(frame[2:-2:2] - frame[3:-1:2]).mean() for frame in frames]
        assert max(combs) < 2, "a row looks like the next"
        lefts = [int(np.flatnonzero(frame[40, :, 0] > 130)[0]) for frame in frames]
        assert lefts[:6] == pytest.approx([10 + 16 * i for i in range(6)], abs=9), "in order, each once"
    assert reader.warnings == [f"fields{suffix} is interlaced: every two half pictures were made into one"]
    assert len(list(VideoReader(reader.path, start=0.2))) == 5


def test_a_stream_that_changes_its_size_is_brought_to_the_first(tmp_path: Path) -> None:
    small = write_clip(tmp_path / "a.ts", Clip(4, size=(64, 48))).read_bytes()
    large = write_clip(tmp_path / "b.ts", Clip(4, size=(96, 80), offset=Fraction(4, 25))).read_bytes()
    path = tmp_path / "both.ts"
    path.write_bytes(small + large)
    assert {f.shape for f in VideoReader(path)} == {(48, 64, 3)}


# --- animated pictures ---


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


# --- parts of a video ---


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


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".gif", ".webp", ".avif"])
@pytest.mark.parametrize("name", ["still", "still.mp4"])
def test_a_picture_drives_nothing(tmp_path: Path, suffix: str, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / name
    Image.fromarray(flat_frame(5)).save(path, format=Image.registered_extensions()[suffix], exif=exif)
    with pytest.raises(InputError, match="a picture, which drives nothing"):
        VideoReader(path)


@pytest.mark.parametrize("name", ["a:b.mp4", "100%d.mp4", "-x.mp4", "ü 片 'q\".mp4", "http:x.mp4", "a?b#c.mp4"])
def test_awkward_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "plain.mp4", Clip(2)).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert frame_numbers(VideoReader(name)) == [0, 1]


def test_an_end_beyond_the_video_is_reported_and_means_the_end(tmp_path: Path) -> None:
    reader = VideoReader(write_clip(tmp_path / "clip.mp4", Clip(20, 25)), end=5)
    assert len(list(reader)) == 20
    assert reader.warnings == ["clip.mp4 ends at 0.80 s, before the end asked for (5 s)"]


def test_a_start_within_the_last_frame(tmp_path: Path) -> None:
    reader = VideoReader(write_clip(tmp_path / "clip.mp4", Clip(10, 25)), start=0.39)
    assert frame_numbers(reader) == [9]
    assert reader.frame_count_estimate == 1


# --- files that are not as they should be ---


def text_file(folder: Path) -> Path:
    path = folder / "driving.mp4"
    path.write_text("this is not a film\n" * 50)
    return path


def ansi_file(folder: Path) -> Path:
    path = folder / "driving.txt"
    path.write_text("this is not a film\n" * 50)
    return path


def playlist(folder: Path) -> Path:
    write_clip(folder / "other.ts")
    path = folder / "driving.m3u8"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.8,\n{folder}/other.ts\n#EXT-X-ENDLIST\n")
    return path


def empty_file(folder: Path) -> Path:
    (folder / "driving.mp4").touch()
    return folder / "driving.mp4"


def without_index(folder: Path) -> Path:
    return cut_file(write_clip(folder / "full.mp4"), folder / "driving.mp4", 0.5)


def no_frames(folder: Path) -> Path:
    path = folder / "driving.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 48
        container.start_encoding()
    return path


def named_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "driving.mp4")
    return folder / "driving.mp4"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "missing.mp4", "not found"),
        (lambda folder: folder, "is a folder"),
        (empty_file, "empty"),
        (text_file, "not a video"),
        (ansi_file, "not a video"),
        (playlist, "not a video"),
        (without_index, "incomplete or damaged"),
        (no_frames, "no picture in the video"),
        (named_pipe, "not a regular file"),
        (lambda folder: write_sound_only(folder / "song.m4a"), "only sound"),
        (lambda folder: write_sound_only(folder / "song.mp3"), "only sound"),
        (lambda folder: write_sound_only(folder / "cover.mp3", cover=True), "only sound"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_unusable_files(tmp_path: Path, make, says: str) -> None:
    path = make(tmp_path)
    with pytest.raises(InputError, match=says) as caught:
        VideoReader(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x.mp4", "tcp://127.0.0.1:9", "concat:a.mp4|b.mp4", "-"])
def test_only_local_files_are_opened(address: str) -> None:
    with pytest.raises(InputError, match="not found"):
        VideoReader(address)


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "clip.mp4", Clip(2))
    monkeypatch.setattr(os, "access", lambda *args, **kwargs: False)
    with pytest.raises(InputError, match="not readable"):
        VideoReader(path)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_cut_off_video_gives_the_frames_so_far_and_a_warning(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), np.uint8)
    clip = Clip(60, 25, options={"movflags": "+faststart"} if suffix == "mp4" else {})
    full = write_clip(tmp_path / f"full.{suffix}", clip, images=noise)
    reader = VideoReader(cut_file(full, tmp_path / f"cut.{suffix}", 0.6))
    frames = list(reader)
    assert capfd.readouterr() == ("", ""), "FFmpeg's complaints are not for the user"
    assert 25 <= len(frames) <= 40
    if suffix != "ts":  # a transport stream does not say how long it should be
        assert any("cut off" in warning for warning in reader.warnings), reader.warnings
    first = list(reader.warnings)
    list(reader)
    assert reader.warnings == first, "a second pass does not repeat the warnings"


def test_damage_in_the_middle_is_skipped(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 48, 64, 3), np.uint8)
    path = write_clip(tmp_path / "clip.mp4", Clip(50, options={"movflags": "+faststart"}), images=noise)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = b"\xff" * 4000
    path.write_bytes(data)
    assert 40 <= len(list(VideoReader(path))) <= 50


def test_one_frame(tmp_path: Path) -> None:
    reader = VideoReader(write_clip(tmp_path / "one.mp4", Clip(1)))
    assert frame_numbers(reader) == [0] and reader.frame_count_estimate == 1


def test_a_recording_without_duration_in_its_header(tmp_path: Path) -> None:
    """As browsers record: a live Matroska stream."""
    path = write_clip(tmp_path / "live.mkv", Clip(40, 20, options={"live": "1"}))
    reader = VideoReader(path)
    assert reader.duration == pytest.approx(2, abs=0.06)
    assert reader.fps == 20 and frame_numbers(reader) == [i % 26 for i in range(40)]
    with pytest.raises(InputError, match="beyond the end"):
        VideoReader(path, start=3)


def test_damaged_time_stamps_do_not_freeze_the_picture(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", Clip(20, 25))
    reader = VideoReader(path)
    decoded = list(reader._decoded_frames(Fraction(0)))
    decoded[10].pts += 40_000_000
    decoded[15].pts = None
    decoded[16].pts = decoded[14].pts
    reader._decoded_frames = lambda seek_to: iter(decoded)  # type: ignore[method-assign]
    assert frame_numbers(reader) == list(range(20))


def test_frames_that_are_too_large_are_refused_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "wide.mkv", Clip(1, size=(8194, 2), codec="ffv1"))
    monkeypatch.setattr("megactor.media.container._first_frame", lambda *args: pytest.fail("decoded"))
    with pytest.raises(InputError, match=r"too large.*8194x2"):
        VideoReader(path)


def test_a_huge_still_is_refused(tmp_path: Path) -> None:
    path = huge_png(tmp_path / "huge.png", 16_000)
    with pytest.raises(InputError, match=r"huge\.png"):
        VideoReader(path)


# --- resources ---


def test_no_file_stays_open_and_no_frame_stays_in_memory(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", Clip(120, sound=Sound([0.5], 4)))
    reader = VideoReader(path, start=0.5)

    def open_files() -> int:
        return sum(os.path.realpath(f"/proc/self/fd/{f}") == str(path) for f in os.listdir("/proc/self/fd"))

    next(iter(reader))
    list(reader)
    gc.collect()
    assert open_files() == 0
    gc.disable()  # reference cycles would keep frames until the collector runs
    try:
        for index, _ in enumerate(reader):
            if index in (40, 80):
                assert sum(isinstance(o, av.VideoFrame) for o in gc.get_objects()) < 20
    finally:
        gc.enable()


def test_probe(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", Clip(50, 25, sound=Sound([0.5], 2.5)))
    info = probe(path)
    assert (info.width, info.height, info.fps, info.codec, info.has_audio) == (64, 48, 25, "h264", True)
    assert info.duration == 2
    assert gray_of(0) == 12
