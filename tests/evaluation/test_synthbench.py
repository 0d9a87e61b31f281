"""The whole evaluation on a toy rig and a tiny model, through the command line."""

import json
import shutil

import pytest
import torch
from command_line import error_line, megactor
from megactor.evaluation.synthbench import read_scores
from synth_toy_rig import toy_rig
from tiny_model import CenteredFaceAnalyzer, tiny_pipeline

from megactor.cli.eval import markdown
from megactor.evaluation import synthbench
from megactor.metrics.statistics import Estimate


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    toy_rig().save(folder / "toy.npz")
    tiny_pipeline().save_pretrained(folder / "model")
    return folder


@pytest.fixture
def in_process(monkeypatch):
    """Scores clips in this process, with few frames and an analyzer that needs no face."""

    class Pool:
        def __init__(self, *_, **__):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, function, *arguments):
            from concurrent.futures import Future

            future = Future()
            future.set_result(function(*arguments))
            return future

        def shutdown(self, **_):
            pass

    monkeypatch.setattr(synthbench, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr("megactor.synth.synthbench.FRAMES", 6)
    monkeypatch.setattr(synthbench, "_SHOWN", (0, 5))
    monkeypatch.setattr("megactor.pipeline.create_analyzer", CenteredFaceAnalyzer)


def run(files, folder, *options):
    return megactor(
        "eval", "synthbench", "-o", folder, "--model", files / "model", "--rig", files / "toy.npz", *options
    )


def test_scores_tables_and_pictures(files, tmp_path, in_process):
    outcome = run(files, tmp_path / "out", "--clips", 2)
    assert outcome.code == 0, outcome
    assert "| psnr |" in outcome.out and "cross" in outcome.out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    for part in ("self", "cross"):
        assert 0 < summary[part]["psnr"]["mean"] < 60
        assert 0 < summary[part]["flicker_truth"]["mean"] < 0.1
    assert summary["self"]["identity"]["count"] == 0 and summary["cross"]["identity"]["count"] == 1
    assert {"r_mouth", "r_mouth_rendered", "r_mouth_rendered_truth", "ms_ssim", "drift"} <= set(summary["cross"])
    assert (tmp_path / "out" / "worst-to-best.jpg").stat().st_size > 500

    lines = (tmp_path / "out" / "clips.jsonl").read_text()
    last = lines.splitlines()[-1]
    (tmp_path / "out" / "clips.jsonl").write_text("\n" + last + '\n{"name": "000-se')  # killed while writing
    assert run(files, tmp_path / "out", "--clips", 2).code == 0
    assert len(read_scores(tmp_path / "out")) == 2
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary


@pytest.mark.parametrize("clips", [0, 201])
def test_number_of_clips(files, tmp_path, clips):
    assert "1 to 200" in error_line(run(files, tmp_path / "out", "--clips", clips))


def test_a_folder_of_other_settings(files, tmp_path, in_process):
    assert run(files, tmp_path / "out", "--clips", 1).code == 0
    assert "other settings" in error_line(run(files, tmp_path / "out", "--clips", 1, "--steps", 3))
    (tmp_path / "out" / "settings.json").write_text("{")
    assert "other settings" in error_line(run(files, tmp_path / "out", "--clips", 1))


def test_a_folder_of_other_weights(files, tmp_path, in_process):
    shutil.copytree(files / "model", tmp_path / "model")
    again = ("--model", tmp_path / "model")
    assert run(files, tmp_path / "out", "--clips", 1, *again).code == 0
    assert run(files, tmp_path / "out", "--clips", 1, *again).code == 0
    pipe = tiny_pipeline()
    with torch.no_grad():
        pipe.unet.conv_out.bias += 1
    pipe.save_pretrained(tmp_path / "model")
    assert "other settings or weights" in error_line(run(files, tmp_path / "out", "--clips", 1, *again))


def test_the_table_counts_clips():
    some, none = Estimate(0.5, 0.25, 0.75, 3), Estimate(float("nan"), float("nan"), float("nan"), 0)
    lines = markdown({"self": {"a": some, "b": none}, "cross": {"a": Estimate(1, 1, 1, 4), "b": some}}).splitlines()
    assert lines[0] == "| | self, n=3 | cross, n=4 |"
    assert lines[2:] == [
        "| a | 0.5 (0.25 to 0.75) | 1 (1 to 1) |",
        "| b | - | 0.5 (0.25 to 0.75), n=3 |",
    ]
