"""`megactor live` around the session: a file as camera, a recording, refusals in one line."""

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import FakePipeline, error_line, listing, megactor

from megactor.errors import InputError
from megactor.media.reader import VideoReader


@pytest.fixture
def streaming(pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch) -> FakePipeline:
    """A pipeline that gives a gray picture for every frame."""

    def stream(portrait: np.ndarray, frames: Iterator[np.ndarray], **options: Any) -> Iterator[np.ndarray]:
        pipeline.calls.append(options)
        for _ in frames:
            if pipeline.failure is not None:
                raise pipeline.failure
            yield np.full((64, 64, 3), 90, np.uint8)

    monkeypatch.setattr(pipeline, "stream", stream, raising=False)
    monkeypatch.setattr(pipeline, "config", types.SimpleNamespace(output_size=64), raising=False)
    return pipeline


def test_a_file_drives_at_its_own_pace_and_what_is_shown_is_recorded(
    streaming: FakePipeline, picture: Path, video: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    outcome = megactor(
        *(
            "live",
            picture,
            "--camera",
            video,
            "--no-window",
            "-o",
            output,
            "--eyes-scale",
            "0.5",
            "--motion",
            "relative",
            "--portrait-crop",
            "1,2,30",
        )
    )
    assert outcome.code == 0, outcome
    seconds = sum(1 for _ in VideoReader(output)) / 25
    assert 0.5 < seconds < 2, "the video's 0.8 s"
    assert "frames/s, delay" in outcome.out
    asked = streaming.calls[-1]
    assert (asked["eyes_scale"], asked["motion"], asked["speed"]) == (0.5, "relative", "realtime")
    assert asked["portrait_crop"] == (1, 2, 30)
    assert asked["ahead"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--camera 97", "camera 97 cannot be opened"),
        ("--camera nothing.mp4", "nothing.mp4"),
        ("--camera {video} --eyes-scale 3", "eyes scale is 3"),
        ("--camera {video} -o out.txt", "unknown output format"),
        ("--camera {video} -o {video} --force", "would replace an input"),
    ],
)
def test_refusals(
    words: str, message: str, streaming: FakePipeline, picture: Path, video: Path, tmp_path: Path
) -> None:
    before = listing(tmp_path)
    line = error_line(megactor("live", picture, "--no-window", *words.format(video=video).split()))
    assert message in line
    assert listing(tmp_path) == before


def test_an_error_while_it_runs_leaves_no_recording(
    streaming: FakePipeline, picture: Path, video: Path, tmp_path: Path
) -> None:
    streaming.failure = InputError("the camera was turned")
    before = listing(tmp_path)
    outcome = megactor("live", picture, "--camera", video, "--no-window", "-o", tmp_path / "out.mp4")
    assert "the camera was turned" in error_line(outcome)
    assert listing(tmp_path) == before
