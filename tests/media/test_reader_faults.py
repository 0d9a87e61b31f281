"""Files that are not as they should be: what can be read of them, or one clear line."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import (
    Clip,
    cut_file,
    flat_frame,
    frame_numbers,
    huge_png,
    write_clip,
    write_sound_only,
)
from PIL import Image

from megactor.errors import InputError
from megactor.media import VideoReader


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


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".gif", ".webp", ".avif"])
@pytest.mark.parametrize("name", ["still", "still.mp4"])
def test_a_picture_drives_nothing(tmp_path: Path, suffix: str, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / name
    Image.fromarray(flat_frame(5)).save(path, format=Image.registered_extensions()[suffix], exif=exif)
    with pytest.raises(InputError, match="a picture, which drives nothing"):
        VideoReader(path)


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
