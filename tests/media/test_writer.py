"""Writing results: right in every player, marked as generated, complete or not there."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_samples import Clip, Sound, flat_frame, frame_numbers, write_clip
from patience import PATIENCE
from PIL import Image

from megactor.errors import InputError, OutputError
from megactor.media import (
    GENERATED_COMMENT,
    AudioTrack,
    VideoReader,
    VideoWriter,
    atomic_path,
    check_output,
)
from megactor.media.gif import insert_comment

SUFFIXES = [".mp4", ".mov", ".mkv", ".gif", ".webp"]
VIDEOS = [".mp4", ".mov", ".mkv"]


def write(path: Path, frames: int = 10, fps: Fraction | float = 25, size: tuple[int, int] = (64, 48), **options):
    with VideoWriter(path, fps, size, preset="ultrafast", **options) as writer:
        for index in range(frames):
            writer.write(flat_frame(index, size))
    return writer


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


# --- what is written ---


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".MP4", ".GIF"])
@pytest.mark.parametrize("fps", [25, Fraction(30000, 1001)])
def test_what_is_written_can_be_read(tmp_path: Path, suffix: str, fps: Fraction | float) -> None:
    path = tmp_path / f"out{suffix}"
    writer = write(path, fps=fps)
    assert writer.path == path and leftovers(tmp_path) == [path.name] and writer.warnings == []
    reader = VideoReader(path, fps=fps)
    assert frame_numbers(reader) == list(range(10))
    if suffix in VIDEOS:
        assert reader.source.fps == fps
    assert float(reader.source.duration) == pytest.approx(10 / fps, abs=0.011)


@settings(max_examples=8, deadline=None)
@given(width=st.integers(1, 40), height=st.integers(1, 40), suffix=st.sampled_from([".mp4", ".gif", ".webp"]))
def test_any_size(tmp_path_factory: pytest.TempPathFactory, width: int, height: int, suffix: str) -> None:
    path = tmp_path_factory.mktemp("size") / f"out{suffix}"
    write(path, frames=2, size=(width, height))
    reader = VideoReader(path)
    even = suffix == ".mp4"
    assert (reader.width, reader.height) == ((width + 1) // 2 * 2, (height + 1) // 2 * 2) if even else (width, height)
    assert frame_numbers(reader) == [0, 1]


def test_odd_sizes_repeat_the_last_row_and_column(tmp_path: Path) -> None:
    image = np.zeros((31, 33, 3), np.uint8)
    image[-1], image[:, -1] = 255, 255
    with VideoWriter(tmp_path / "out.mp4", 25, (33, 31), crf=4) as writer:
        writer.write(image)
    frame = next(iter(VideoReader(writer.path)))
    assert frame.shape == (32, 34, 3) and frame[-1].min() > 200 and frame[:, -1].min() > 200
    assert frame[:30, :31].max() < 60


def test_the_file_plays_everywhere(tmp_path: Path) -> None:
    path = write(tmp_path / "out.mp4", frames=30).path
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (
            1,
            1,
            1,
            1,
        )
        assert stream.average_rate == 25 and stream.frames == 30 and stream.start_time == 0
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index comes first"
    assert b"colr" in data


@pytest.mark.parametrize(("size", "playable"), [((3840, 2160), True), ((6144, 2048), False)])
def test_the_level_of_large_videos(tmp_path: Path, size: tuple[int, int], playable: bool) -> None:
    """Decoders of phones, browsers and televisions end at H.264 level 5.2."""
    writer = write(tmp_path / "out.mp4", frames=2, size=size)
    with av.open(str(writer.path)) as container:
        level = (container.streams.video[0].codec_context.extradata or bytes(4))[3]
    assert (level <= 52) == playable
    assert writer.warnings == ([] if playable else ["few players show a video of 6144x2048: 4K is 3840x2160"])


COLORS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (224, 172, 141), (60, 30, 20)]


@pytest.mark.parametrize(("suffix", "tolerance"), [(".mp4", 3), (".mkv", 3), (".gif", 6), (".webp", 6)])
def test_colors_survive(tmp_path: Path, suffix: str, tolerance: int) -> None:
    path = tmp_path / f"out{suffix}"
    with VideoWriter(path, 5, (48, 32), crf=10) as writer:
        for color in COLORS:
            writer.write(np.full((32, 48, 3), color, np.uint8))
    frames = list(VideoReader(path, fps=5))
    assert len(frames) == len(COLORS)
    for frame, color in zip(frames, COLORS, strict=True):
        np.testing.assert_allclose(frame.reshape(-1, 3).mean(0), color, atol=tolerance)


def test_a_natural_picture_survives(tmp_path: Path) -> None:
    y, x = np.mgrid[:96, :128] / 96
    image = np.stack([200 * y, 120 + 100 * np.sin(3 * x), 255 * (1 - x / 1.4)], -1).clip(0, 255).astype(np.uint8)
    for suffix, limit in ((".mp4", 1.5), (".gif", 5), (".webp", 2.5)):
        with VideoWriter(tmp_path / f"out{suffix}", 25, (128, 96)) as writer:
            writer.write(image)
            writer.write(image)
        frame = next(iter(VideoReader(writer.path)))
        assert np.abs(frame.astype(int) - image).mean() < limit, suffix


def test_quality_settings_matter(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = []
    for crf in (10, 40):
        with VideoWriter(tmp_path / f"{crf}.mp4", 25, (64, 64), crf=crf, preset="ultrafast") as writer:
            for _ in range(5):
                writer.write(rng.integers(0, 256, (64, 64, 3), np.uint8))
        sizes.append(writer.path.stat().st_size)
    assert sizes[0] > 2 * sizes[1]


def test_frames_may_be_views_but_must_fit(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mkv", 25, (64, 48)) as writer:
        writer.write(np.rot90(flat_frame(1, (48, 64))))
        for wrong in (flat_frame(0, (48, 64)), flat_frame(0).astype(np.float32), flat_frame(0)[..., 0]):
            with pytest.raises(ValueError, match="frame must be uint8"):
                writer.write(wrong)
    assert frame_numbers(VideoReader(writer.path)) == [1]
    with pytest.raises(ValueError, match="with"):
        writer.write(flat_frame(0))


# --- animated pictures ---


def gif_delays(path: Path) -> list[int]:
    with Image.open(path) as image:
        delays = []
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            delays.append(image.info["duration"])
        assert image.info["loop"] == 0
        return delays


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("fps", [10, 12.5, Fraction(30000, 1001), 60, 120])
def test_animations_run_at_the_right_speed(tmp_path: Path, suffix: str, fps: Fraction | float) -> None:
    path = write(tmp_path / f"out{suffix}", frames=24, fps=fps).path
    delays = gif_delays(path)
    assert min(delays) >= (20 if suffix == ".gif" else 11), "browsers slow shorter ones down"
    assert sum(delays) == pytest.approx(24_000 / fps, abs=21)
    if fps <= 50:
        assert len(delays) == 24


def test_gif_frames_do_not_share_a_palette(tmp_path: Path) -> None:
    ramps = [np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (8, 1, 3)) * np.array(mask, np.uint8)
             for mask in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]  # fmt: skip
    with VideoWriter(tmp_path / "out.gif", 10, (256, 8)) as writer:
        for ramp in ramps:
            writer.write(ramp)
    for frame, ramp in zip(VideoReader(writer.path), ramps, strict=True):
        assert np.abs(frame.astype(int) - ramp).mean() < 3


# --- provenance ---


@pytest.mark.parametrize("suffix", VIDEOS)
def test_videos_say_that_they_are_generated(tmp_path: Path, suffix: str) -> None:
    with av.open(str(write(tmp_path / f"out{suffix}").path)) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
    assert tags["comment"] == GENERATED_COMMENT and "AI-generated" in GENERATED_COMMENT


def test_gif_says_that_it_is_generated(tmp_path: Path) -> None:
    path = write(tmp_path / "out.gif").path
    with Image.open(path) as image:
        assert image.info["comment"].decode() == GENERATED_COMMENT
        assert image.n_frames == 10


def test_webp_says_that_it_is_generated(tmp_path: Path) -> None:
    with Image.open(write(tmp_path / "out.webp", comment="AI-generated & <tested>").path) as image:
        xmp = image.info["xmp"].decode()
    assert "trainedAlgorithmicMedia" in xmp and "AI-generated &amp; &lt;tested&gt;" in xmp
    text = ElementTree.fromstring(xmp).find(".//{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")
    assert text is not None and text.text == "AI-generated & <tested>"


@pytest.mark.parametrize("length", [1, 255, 256, 700])
def test_gif_comments_of_any_length(tmp_path: Path, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "out.gif", comment="x").path
    monkeypatch.setattr("megactor.media.gif._BLOCK", 1024)  # several blocks in a small file
    insert_comment(path, "c" * length)
    assert frame_numbers(VideoReader(path)) == list(range(10))
    with Image.open(path) as image:
        assert image.info["comment"].startswith(b"c" * length)
    (tmp_path / "text.gif").write_bytes(b"no picture here")
    with pytest.raises(ValueError, match="not a GIF"):
        insert_comment(tmp_path / "text.gif", "x")


# --- refused before any work ---


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("out.avi", "unknown output format '.avi'"),
        ("out", "without a suffix"),
        (".mp4", "without a suffix"),
        ("nowhere/out.mp4", "output folder does not exist"),
        ("file.txt/out.mp4", "output folder is a file"),
        ("folder.mp4", "output is a folder"),
        ("taken.mp4", "already exists.*--force"),
        ("pipe.mp4", "not a regular file"),
        ("n" * 300 + ".mp4", "cannot write to"),
        ("null\0.mp4", "cannot write to"),
    ],
)
@pytest.mark.parametrize("attempt", [check_output, lambda path: VideoWriter(path, 25, (64, 48))])
def test_unusable_targets(tmp_path: Path, name: str, says: str, attempt: Callable[[Path], object]) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "taken.mp4").write_text("precious")
    (tmp_path / "file.txt").touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    before = leftovers(tmp_path)
    with pytest.raises(OutputError, match=says) as caught:
        attempt(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert leftovers(tmp_path) == before and (tmp_path / "taken.mp4").read_text() == "precious"


def test_an_unwritable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(OutputError, match="not writable"):
        VideoWriter(tmp_path / "out.mp4", 25, (64, 48))


def test_a_folder_that_looks_writable_but_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> int:
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))

    writer = VideoWriter(tmp_path / "out.mp4", 25, (64, 48))
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match="Read-only file system"), writer:
        pytest.fail("must not get here")


@pytest.mark.parametrize(
    ("fps", "size", "suffix", "error"),
    [
        (0, (64, 48), ".mp4", InputError),
        (float("nan"), (64, 48), ".gif", InputError),
        (25, (0, 48), ".mp4", ValueError),
        (25, (20_000, 48), ".mp4", OutputError),
        (25, (48, 16_384), ".webp", OutputError),
        (25, (48, 65_536), ".gif", OutputError),
    ],
)
def test_impossible_settings(
    tmp_path: Path, fps: float, size: tuple[int, int], suffix: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        VideoWriter(tmp_path / f"out{suffix}", fps, size)
    assert leftovers(tmp_path) == []


# --- complete or not at all ---


class Interrupted(BaseException):
    """Stands for KeyboardInterrupt, which would stop pytest if it escaped."""


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("error", [RuntimeError, Interrupted])
@pytest.mark.parametrize("frames", [0, 5])
def test_interrupted(tmp_path: Path, suffix: str, error: type[BaseException], frames: int) -> None:
    target = tmp_path / f"out{suffix}"
    target.write_text("the old one")
    source = write_clip(tmp_path / "driving.mkv", Clip(10, sound=Sound([0.1], 0.4)))
    track = AudioTrack(source)
    with pytest.raises(error), VideoWriter(target, 25, (64, 48), force=True, audio=track) as writer:
        for index in range(frames):
            writer.write(flat_frame(index))
        assert target.read_text() == "the old one", "the old file stays until the new one is complete"
        assert len(leftovers(tmp_path)) == 3
        raise error
    assert target.read_text() == "the old one"
    assert leftovers(tmp_path) == ["driving.mkv", target.name]
    assert not open_descriptors(tmp_path)


def open_descriptors(folder: Path) -> list[str]:
    paths = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    return [path for path in paths if path.startswith(str(folder))]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_force_replaces(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"out{suffix}"
    target.write_text("the old one")
    write(target, force=True)
    assert frame_numbers(VideoReader(target)) == list(range(10))
    assert leftovers(tmp_path) == [target.name] and not open_descriptors(tmp_path)


@pytest.mark.parametrize("name", ["a:b.mp4", "100%d.gif", "-x.webp", "ü 片 'q\".mov"])
def test_awkward_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path(name))
    assert leftovers(tmp_path) == [name]


def test_a_link_is_followed(tmp_path: Path) -> None:
    real = tmp_path / "real.video"
    real.write_text("the old one")
    (tmp_path / "link.mp4").symlink_to(real)
    write(tmp_path / "link.mp4", force=True)
    assert (tmp_path / "link.mp4").is_symlink() and frame_numbers(VideoReader(real)) == list(range(10))


def test_a_file_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with (
        pytest.raises(OutputError, match="meanwhile"),
        VideoWriter(target, 25, (64, 48)) as writer,
    ):
        writer.write(flat_frame(0))
        target.write_text("someone else's")
    assert target.read_text() == "someone else's" and leftovers(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_frames(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(OutputError, match="no frame"):
        write(tmp_path / f"out{suffix}", frames=0)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("when", ["write", "finish"])
def test_disk_full(tmp_path: Path, suffix: str, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    encoder = {".gif": "gif.GifWriter", ".webp": "webp.WebPWriter"}.get(suffix, "h264.H264Writer")
    target = tmp_path / f"out{suffix}"
    target.write_text("the old one")
    with pytest.raises(OutputError, match=f"disk full while writing {target}"), VideoWriter(
        target, 25, (64, 48), force=True
    ) as writer:  # fmt: skip
        writer.write(flat_frame(0))
        monkeypatch.setattr(f"megactor.media.{encoder}.{when}", fail)
        writer.write(flat_frame(1))
    assert target.read_text() == "the old one" and leftovers(tmp_path) == [target.name]
    monkeypatch.undo()
    assert not open_descriptors(tmp_path)


FILL_THE_DISK = """
import resource, sys
from pathlib import Path

import numpy as np

from megactor.errors import OutputError
from megactor.media import VideoWriter


def write(path):
    rng = np.random.default_rng(0)
    with VideoWriter(path, 25, (64, 48), preset="ultrafast") as writer:
        for _ in range(20):
            writer.write(rng.integers(0, 256, (48, 64, 3), np.uint8))
    return path.stat().st_size


for suffix in sys.argv[2:]:
    target = Path(sys.argv[1]) / f"out{suffix}"
    needed = write(target)
    target.unlink()
    for limit in (100, needed // 2, needed - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            write(target)
        except OutputError as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_disk_really_full(tmp_path: Path) -> None:
    """A process with a limit on the size of its files meets the same errors as on a full disk.

    At the start, in the middle, and with a single byte missing at the end.
    """
    run = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, tmp_path, *SUFFIXES],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    message = "disk full while writing {}; free some space or choose another folder"
    assert run.stdout.splitlines() == [
        message.format(tmp_path / f"out{suffix}") for suffix in SUFFIXES for _ in range(3)
    ]
    assert leftovers(tmp_path) == []


def test_other_write_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise av.error.ExternalError(-542398533, "Generic error in an external library")

    monkeypatch.setattr("megactor.media.h264.H264Writer.write", fail)
    with pytest.raises(OutputError, match="cannot encode"):
        write(tmp_path / "out.mp4")
    assert leftovers(tmp_path) == []


def test_atomic_path(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    with atomic_path(target) as temporary:
        assert temporary.exists() and temporary.parent == tmp_path and temporary.name.startswith(".")
        temporary.write_text("done")
        assert not target.exists()
    assert target.read_text() == "done" and leftovers(tmp_path) == ["report.html"]
    umask = os.umask(0)
    os.umask(umask)
    assert target.stat().st_mode & 0o777 == 0o666 & ~umask
    with pytest.raises(KeyError), atomic_path(target, force=True) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert target.read_text() == "done" and leftovers(tmp_path) == ["report.html"]


@pytest.mark.parametrize(("suffix", "size"), [(".mp4", (192, 128)), (".gif", (48, 32)), (".webp", (96, 64))])
def test_frames_go_to_the_file_as_they_come(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    """Nothing is kept for the end, so that memory is flat (`megactor bench memory`); noise does not compress away."""
    rng = np.random.default_rng(0)
    given: list[weakref.ref[np.ndarray]] = []
    gc.disable()  # reference cycles would keep frames until the collector runs
    try:
        with VideoWriter(tmp_path / f"out{suffix}", 25, size, preset="ultrafast") as writer:
            for _ in range(100):
                frame = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
                writer.write(frame)
                given.append(weakref.ref(frame))
                del frame
            assert sum(each() is not None for each in given) <= 2
            (part,) = tmp_path.glob(".megactor-*.part")
            written = part.stat().st_size
    finally:
        gc.enable()
    assert written > 0.75 * writer.path.stat().st_size
