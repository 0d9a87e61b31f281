"""Two processes that have a part of the weights each learn what one process learns."""

import json
import shutil
import subprocess
import sys

import pytest
import torch
from command_line import error_line, megactor
from train.runs import FORKED, losses, weights


def test_shards_learn_what_one_process_does(recipe, straight, tmp_path):
    """From the start, and on from a checkpoint of whole weights; validated by all together."""
    whole, resumed = tmp_path / "whole", shutil.copytree(straight, tmp_path / "resumed")
    shutil.rmtree(resumed / "checkpoints" / "step-00000006")
    (resumed / "validation.jsonl").unlink()
    path = str(recipe(fully_shard=True))
    lines = [[2, ["train", path, "--cpu", "-o", str(folder)]] for folder in (whole, resumed)]
    ran = subprocess.run([sys.executable, str(FORKED), json.dumps(lines)], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert losses(whole) == pytest.approx(losses(straight), rel=1e-4)
    expected = weights(straight)
    for folder in (whole, resumed):
        found = weights(folder)
        assert found.keys() == expected.keys()
        for name, weight in expected.items():
            torch.testing.assert_close(found[name], weight, atol=2e-3, rtol=1e-2)
        validated, one = (json.loads((run / "validation.jsonl").read_text()) for run in (folder, straight))
        assert validated == pytest.approx(one, rel=0.01)
        assert (folder / "model" / "unet" / "config.json").is_file()


def test_what_does_not_go_together_is_told(recipe, tmp_path):
    for name, value in (("compile", True), ("precision", "fp16")):
        outcome = megactor("train", recipe(fully_shard=True, **{name: value}), "-o", tmp_path / "run", "--cpu")
        assert "fully_shard goes without compile" in error_line(outcome)
