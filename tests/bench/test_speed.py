"""`megactor bench speed`: every stage is timed, and what it says stands beside the machine."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import megactor
from tiny_model import tiny_pipeline

from megactor.animate.clip import ClipAnimator
from megactor.bench import speed
from megactor.bench.speed import describe_machine, measure
from megactor.drive.recording import DrivingClip
from megactor.media.writer import VideoWriter
from megactor.options import AnimationOptions


def test_all_stages_of_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]

    def taking(seconds: float, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            now[0] += seconds
            return function(*arguments, **options)

        return run

    monkeypatch.setattr(speed, "time", SimpleNamespace(monotonic=lambda: now[0], process_time=lambda: now[0]))
    monkeypatch.setattr(speed, "DrivingClip", taking(2, DrivingClip))
    for name, seconds in (("encode", 3), ("denoise", 5), ("decode", 7)):
        monkeypatch.setattr(ClipAnimator, name, taking(seconds, getattr(ClipAnimator, name)))
    monkeypatch.setattr(VideoWriter, "write", taking(0.5, VideoWriter.write))
    pipe = tiny_pipeline()
    runs = list(measure(pipe, 4, AnimationOptions(steps=1), repeats=2))

    assert len(runs) == 2
    for run in runs:
        assert run.stages == {"decode": 0, "faces": 2, "conditions": 3, "denoise": 5, "VAE": 7, "encode": 4 * 0.5}
        assert run.whole == run.core_seconds == 3 + 5 + 7 + 4 * 0.5
    assert describe_machine(pipe)["dtype"] == "float32"


def test_command_shows_a_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("megactor.bench.speed.bench_pipeline", lambda *_: tiny_pipeline())
    arguments = ["--frames", 3, "--steps", 1, "--repeats", 1, "--json", tmp_path / "speed.json"]
    outcome = megactor("bench", "speed", *arguments)

    assert outcome.code == 0
    assert [line.split()[0] for line in outcome.out.splitlines()[1:7]] == [
        *("decode", "faces", "conditions", "denoise", "VAE", "encode")
    ]
    assert (tmp_path / "speed.json").is_file()
