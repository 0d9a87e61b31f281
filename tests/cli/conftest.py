"""Inputs for the command line tests."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest
from command_line import FakePipeline
from media_samples import write_clip
from PIL import Image


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> FakePipeline:
    """Commands that run during the test use this instead of the networks."""
    fake = FakePipeline()
    module = types.ModuleType("megactor.pipeline")
    module.MegActorPipeline = fake  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "megactor.pipeline", module)
    return fake


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture without a face."""
    path = tmp_path / "picture.png"
    Image.fromarray(np.full((80, 80, 3), 120, np.uint8)).save(path)
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video without faces: 20 frames at 25 a second."""
    return write_clip(tmp_path / "video.mp4")
