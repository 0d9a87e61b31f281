"""`megactor bench speed`: every stage is timed, and what it says stands beside the machine."""

from pathlib import Path

import pytest
from command_line import megactor
from tiny_model import tiny_pipeline

from megactor.bench.speed import describe_machine, measure
from megactor.options import AnimationOptions


def test_all_stages_of_all_runs() -> None:
    pipe = tiny_pipeline()
    runs = list(measure(pipe, 4, AnimationOptions(steps=1), repeats=2))

    assert len(runs) == 2
    for run in runs:
        assert list(run.stages) == ["decode", "faces", "conditions", "denoise", "VAE", "encode"]
        assert run.whole > 0 and run.core_seconds > 0
        assert run.stages["denoise"] > 0
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
