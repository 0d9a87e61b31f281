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
    CONTAINERS,
    Clip,
    Sound,
    frame_numbers,
    gray_of,
    write_clip,
)
from PIL import Image

from megactor.errors import InputError
from megactor.media import VideoReader, probe


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


@pytest.mark.parametrize("name", ["a:b.mp4", "100%d.mp4", "-x.mp4", "ü 片 'q\".mp4", "http:x.mp4", "a?b#c.mp4"])
def test_awkward_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "plain.mp4", Clip(2)).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert frame_numbers(VideoReader(name)) == [0, 1]


def test_probe(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", Clip(50, 25, sound=Sound([0.5], 2.5)))
    info = probe(path)
    assert (info.width, info.height, info.fps, info.codec, info.has_audio) == (64, 48, 25, "h264", True)
    assert info.duration == 2
    assert gray_of(0) == 12
