"""Writing results: what cannot work is refused before any work, and a file is complete or not there."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import RESULT_SUFFIXES, Clip, Sound, flat_frame, frame_numbers, leftovers, write_clip, write_result
from patience import PATIENCE

from megactor.errors import InputError, OutputError
from megactor.media import (
    AudioTrack,
    VideoReader,
    VideoWriter,
    atomic_path,
    check_output,
)

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


@pytest.mark.parametrize("suffix", RESULT_SUFFIXES)
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


@pytest.mark.parametrize("suffix", RESULT_SUFFIXES)
def test_force_replaces(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"out{suffix}"
    target.write_text("the old one")
    write_result(target, force=True)
    assert frame_numbers(VideoReader(target)) == list(range(10))
    assert leftovers(tmp_path) == [target.name] and not open_descriptors(tmp_path)


@pytest.mark.parametrize("name", ["a:b.mp4", "100%d.gif", "-x.webp", "ü 片 'q\".mov"])
def test_awkward_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_result(Path(name))
    assert leftovers(tmp_path) == [name]


def test_a_link_is_followed(tmp_path: Path) -> None:
    real = tmp_path / "real.video"
    real.write_text("the old one")
    (tmp_path / "link.mp4").symlink_to(real)
    write_result(tmp_path / "link.mp4", force=True)
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


@pytest.mark.parametrize("suffix", RESULT_SUFFIXES)
def test_no_frames(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(OutputError, match="no frame"):
        write_result(tmp_path / f"out{suffix}", frames=0)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("suffix", RESULT_SUFFIXES)
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
        [sys.executable, "-c", FILL_THE_DISK, tmp_path, *RESULT_SUFFIXES],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    message = "disk full while writing {}; free some space or choose another folder"
    assert run.stdout.splitlines() == [
        message.format(tmp_path / f"out{suffix}") for suffix in RESULT_SUFFIXES for _ in range(3)
    ]
    assert leftovers(tmp_path) == []


def test_other_write_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise av.error.ExternalError(-542398533, "Generic error in an external library")

    monkeypatch.setattr("megactor.media.h264.H264Writer.write", fail)
    with pytest.raises(OutputError, match="cannot encode"):
        write_result(tmp_path / "out.mp4")
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
