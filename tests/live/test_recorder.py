"""Recordings of pictures that come at any time, and files played at their own pace."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from media_samples import Clip, write_clip
from patience import PATIENCE

from megactor.errors import InputError, OutputError
from megactor.live.cameras import camera_frames
from megactor.live.recorder import RATE, LiveRecorder
from megactor.media.reader import VideoReader
from megactor.media.writer import VideoWriter


def test_pictures_stand_until_the_next_one_and_all_of_the_time_is_there(tmp_path: Path) -> None:
    with LiveRecorder(tmp_path / "out.mp4", (64, 64)) as recorder:
        for level, at in ((40, 100.0), (120, 100.4), (200, 101.0)):
            recorder.add(np.full((64, 64, 3), level, np.uint8), at)
    levels = [int(frame.mean()) for frame in VideoReader(tmp_path / "out.mp4")]
    assert len(levels) == RATE + 1 == recorder.frames
    assert np.allclose(levels, [40] * 10 + [120] * 15 + [200], atol=4)


def test_more_pictures_than_the_rate_are_thinned(tmp_path: Path) -> None:
    with LiveRecorder(tmp_path / "out.mp4", (64, 64)) as recorder:
        for number in range(100):
            recorder.add(np.zeros((64, 64, 3), np.uint8), number / 100)
    assert recorder.frames == pytest.approx(RATE, abs=1)


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError), LiveRecorder(tmp_path / "out.mp4", (64, 64)) as recorder:
        recorder.add(np.zeros((64, 64, 3), np.uint8), 0.0)
        raise InputError("unplugged")
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError):
        LiveRecorder(tmp_path / "out.txt", (64, 64))


def test_a_slow_encoder_holds_nobody_up_and_its_errors_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write = threading.Event()
    written: list[int] = []

    def write(writer: VideoWriter, picture: np.ndarray) -> None:
        assert may_write.wait(PATIENCE)
        if picture.max() == 9:
            raise OutputError("the disk is full")
        written.append(int(picture.max()))

    monkeypatch.setattr(VideoWriter, "write", write)
    with pytest.raises(OutputError, match="disk is full"), LiveRecorder(tmp_path / "out.mp4", (64, 64)) as recorder:
        for level in (1, 2, 3):
            recorder.add(np.full((64, 64, 3), level, np.uint8), level / RATE)
        assert not written
        may_write.set()
        recorder.add(np.full((64, 64, 3), 9, np.uint8), 4 / RATE)
    assert written == [1, 2, 3]
    assert not list(tmp_path.iterdir())


def test_of_a_file_no_more_is_read_than_a_camera_gives(tmp_path: Path) -> None:
    """A phone's video of 1682x1538 took more than half of a core to be decoded into frames that were skipped."""
    video = write_clip(tmp_path / "phone.mp4", Clip(frames=12, fps=60, size=(960, 480)))
    frames = list(camera_frames(str(video), lambda: False))
    assert [frame.shape for frame in frames] == [(320, 640, 3)] * 6
    small = write_clip(tmp_path / "small.mp4", Clip(frames=3))
    assert [frame.shape for frame in camera_frames(str(small), lambda: False)] == [(48, 64, 3)] * 3


def test_a_file_is_played_at_its_own_pace_and_can_be_stopped(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "camera.mp4", Clip(frames=11))
    started = time.monotonic()
    assert len(list(camera_frames(str(video), lambda: False))) == 11
    assert time.monotonic() - started >= 10 / 25
    stops = iter([False, False, True])
    assert len(list(camera_frames(str(video), lambda: next(stops)))) == 2


def test_cameras_that_are_not_there() -> None:
    with pytest.raises(InputError, match="camera 97 cannot be opened"):
        camera_frames("97", lambda: False)
    with pytest.raises(InputError):
        camera_frames("no-such.mp4", lambda: False)
