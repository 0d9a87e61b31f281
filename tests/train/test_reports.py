"""What a run leaves to look at: curves and labeled pictures that TensorBoard shows, also of a run that was killed."""

import errno
import os
import signal

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from megactor.errors import OutputError
from megactor.train.reports import RunReports, labeled


def events(folder):
    found = EventAccumulator(str(folder / "events"), size_guidance={"images": 0})
    found.Reload()
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_run_keeps_its_curves_and_pictures(tmp_path):
    child = os.fork()
    if child == 0:
        with RunReports(tmp_path) as reports:
            for step in (1, 2, 3):
                reports.scalars("train", {"loss": 1 / step}, step)
            reports.strips(torch.rand(2, 3, 3, 16, 64), ("portrait", "driver", "result", "truth"), 3)
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    found = events(tmp_path)
    assert [(event.step, event.value) for event in found.Scalars("train/loss")] == [
        (step, pytest.approx(1 / step)) for step in (1, 2, 3)
    ]
    (picture,) = found.Images("validation")
    assert picture.step == 3 and picture.encoded_image_string[1:4] == b"PNG"
    # four columns, each at least 96 pixels wide, below their names; two samples of three frames below each other
    assert (picture.width, picture.height) == (4 * 96, 2 * 3 * 96 + 14)
    with Image.open(tmp_path / "validation" / "00000003.png") as grid:
        assert grid.size == (3 * 4 * 96, 2 * 96 + 14)


def test_the_grid_in_tensorboard_is_the_file(tmp_path):
    with RunReports(tmp_path) as reports:
        reports.strips(torch.full((1, 1, 3, 128, 256), 0.5), ("target", "driver"), 7)
    (picture,) = events(tmp_path).Images("validation")
    with Image.open(tmp_path / "validation" / "00000007.png") as grid:
        assert grid.size == (picture.width, picture.height) == (256, 128 + 14)
        pixels = np.asarray(grid)
    assert (pixels[14:] == 128).all()
    for names in (pixels[:14, :128], pixels[:14, 128:]):  # dark letters on white
        assert names.min() < 80 and names.max() == 255


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_full_disk_is_told(tmp_path, monkeypatch):
    """Events are written by a thread, which fails later than the call."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match=r"disk full while writing .*events"), RunReports(tmp_path) as reports:
        reports.scalars("train", {"loss": 1.0}, 1)
        monkeypatch.setattr("tensorboard.summary.writer.record_writer.RecordWriter.write", full)
        monkeypatch.setattr("tensorboard.summary.writer.record_writer.RecordWriter.flush", full)
        reports.scalars("train", {"loss": 1.0}, 2)


def test_names_stand_above_their_columns():
    sheet = labeled(np.zeros((4, 40, 3), np.uint8), ["a", "", "b", ""])
    dark = (sheet[:14].min(-1) < 128).any(0)
    assert [dark[start : start + 100].any() for start in range(0, 400, 100)] == [True, False, True, False]


def test_tensorboard_starts():
    """It finds its parts by a module that newer releases of setuptools lack."""
    from tensorboard import default

    assert len(default.get_plugins()) > 5
