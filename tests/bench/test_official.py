"""`megactor bench official`: both sides are given the same, and every way to fail says what to do."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import error_line, megactor
from official_checkout import write_checkout

from megactor.bench.official.compare import Comparison, Run, Side
from megactor.bench.official.live_tensors import LiveTensors
from megactor.bench.official.ours import build
from megactor.bench.official.workload import OfficialSettings, Workload, fill
from megactor.errors import MegActorError
from megactor.models.motion_module import TemporalAttention, sinusoidal_positions

WORKLOAD = Workload("tiny", frames=6, size=64, steps=1, device="cpu", dtype="float32", threads=1, repeats=1)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake one, for a driver that finds our package and the tests' files."""
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root / "src"), str(root / "tests")]))
    return write_checkout(tmp_path / "checkout")


def python_that(folder: Path, script: str) -> Path:
    """A program in the place of a Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_both_sides_compute_the_same(checkout: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    options = ("--frames", 6, "--size", 64, "--steps", 1, "--threads", 1, "--repeats", 1)
    outcome = megactor("bench", "official", checkout, "--python", sys.executable, *options, "--json", output)

    assert outcome.code == 0, outcome.err
    rows = [line.split("  ")[0] for line in outcome.out.splitlines()]
    assert rows[1:5] == ["seconds", "of them, denoising", "of them, decoding", "frames/s"]
    assert "windows of 4 that share 2, width tiny, float32 on cpu" in outcome.out
    written = json.loads(output.read_text())
    official, ours = written["official"], written["ours"]
    assert 0 <= written["difference"] < 1e-5
    assert official["parameters"] == ours["parameters"]
    assert official["parameters"]["unet"] > official["parameters"]["appearance_encoder"] > 1_000_000
    assert official["settings"] == {"steps": 1, "guidance": 4.5, "window": 4, "overlap": 2}
    assert len(official["runs"]) == len(ours["runs"]) == 1
    for side in (official, ours):
        (run,) = side["runs"]
        assert run["seconds"] == pytest.approx(run["denoise"] + run["decode"])
        assert run["denoise"] > 0 and run["decode"] > 0 and run["core_seconds"] > run["denoise_core_seconds"] > 0
        assert run["peak_mb"] > side["tensors_mb"] > 1
    assert set(written["table"]) == set(rows[1:10])


@pytest.mark.parametrize("name", ["nothing", "something"])
def test_not_a_checkout(tmp_path: Path, name: str) -> None:
    (tmp_path / "something").mkdir()
    line = error_line(megactor("bench", "official", tmp_path / name))
    assert "no checkout of the official MegActor" in line
    assert "git checkout e7f6db5" in line


def test_no_such_python(checkout: Path) -> None:
    assert "no such Python: env/bin/python" in error_line(
        megactor("bench", "official", checkout, "--python", "env/bin/python")
    )


def test_size_that_does_not_fit(checkout: Path) -> None:
    assert "100 is not divisible by 64: try 128" in error_line(megactor("bench", "official", checkout, "--size", 100))


def test_missing_packages(checkout: Path, tmp_path: Path) -> None:
    program = python_that(tmp_path, "echo \"ModuleNotFoundError: No module named 'einops'\" >&2; exit 1")
    line = error_line(megactor("bench", "official", checkout, "--python", program, "--device", "cpu"))
    assert f"{program} cannot import the official code (ModuleNotFoundError: No module named 'einops')" in line
    assert "pip install 'diffusers==0.27.2'" in line


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo first >&2; echo 'RuntimeError: it broke' >&2; exit 1", "RuntimeError: it broke"),
        ("exit 7", "exit code 7, no message"),
        ("exit 0", "exit code 0, no message"),
    ],
)
def test_driver_that_fails(checkout: Path, tmp_path: Path, script: str, reason: str) -> None:
    program, output = python_that(tmp_path, script), tmp_path / "figures.json"
    arguments = ("--python", program, "--device", "cpu", "--json", output)
    line = error_line(megactor("bench", "official", checkout, *arguments))
    assert line.endswith(f"the official code failed: {reason}")
    assert not output.exists()


def side(latents: np.ndarray, parameters: int = 5) -> Side:
    runs = tuple(Run(seconds, seconds - 0.5, 0.5, 2 * seconds, seconds, 100 * seconds) for seconds in (1.0, 4.0, 2.0))
    return Side(runs, {"unet": parameters}, {}, {}, "torch", (), 50.0, None, latents)


def test_table_holds_medians() -> None:
    latents = np.arange(8.0)
    rows = {name: figures for name, *figures in Comparison(WORKLOAD, side(latents), side(latents)).rows()}
    assert rows["seconds"] == [2.0, 2.0]
    assert rows["frames/s"] == [3.0, 3.0]
    assert rows["peak memory, MB"] == [200.0, 200.0]
    assert "tensors of a window, MB" not in rows


def test_different_work_is_no_comparison() -> None:
    latents = np.arange(8.0)
    Comparison(WORKLOAD, side(latents), side(latents + 1e-4)).check()
    with pytest.raises(MegActorError, match="not the same result"):
        Comparison(WORKLOAD, side(latents), side(latents + 0.1)).check()
    with pytest.raises(MegActorError, match="not the same result"):
        Comparison(WORKLOAD, side(latents), side(latents * np.nan)).check()
    Comparison(replace(WORKLOAD, dtype="float16"), side(latents), side(latents + 0.1)).check()
    with pytest.raises(MegActorError, match="not the same networks"):
        Comparison(WORKLOAD, side(latents), side(latents, parameters=6)).check()


def test_weights_depend_on_names_alone() -> None:
    first, second, third = (torch.zeros(4, 3) for _ in range(3))
    fill([("a.weight", first), ("b.weight", second)], seed=0)
    fill([("a.weight", third)], seed=0)
    assert first.equal(third) and not first.equal(second)
    norm = torch.zeros(50)
    fill([("norm.weight", norm)], seed=0)
    assert 0.85 < norm.min() < norm.max() < 1.15
    fill([("a.weight", third)], seed=1)
    assert not first.equal(third)


def test_positions_are_exact_in_every_number_format() -> None:
    settings = OfficialSettings(steps=1, guidance=4.5, window=4, overlap=2)
    pipe = build(replace(WORKLOAD, dtype="bfloat16"), settings)
    tables = [module.positions for module in pipe.unet.modules() if isinstance(module, TemporalAttention)]
    assert len(tables) == 40
    for table in tables:
        assert table.equal(sinusoidal_positions(*table.shape).bfloat16())


def test_live_tensors() -> None:
    outside = torch.ones(1000)
    with LiveTensors() as tensors:
        made = outside * 2  # 4000 bytes
        made.view(10, 100).add_(outside.view(10, 100))
        assert tensors.peak == 4000
        del made
        for _ in range(3):
            torch.cat([outside, outside])  # 8000, gone at once
    assert tensors.peak == 8000
