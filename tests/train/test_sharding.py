"""Two processes that have a part of the weights each learn what one process learns."""

import json
import shutil
import subprocess
import sys

import pytest
import torch
from patience import PATIENCE
from train.runs import FORKED, losses, run, weights

from megactor.errors import InputError
from megactor.train.config import load_config


def test_shards_learn_what_one_process_does(recipe, tmp_path):
    """On from a checkpoint of whole weights, with all that a run does: a step, validation, checkpoint and model.

    As little as shows it: two processes wait for each other at each tensor of a checkpoint.
    """
    small = {
        "task": {
            "kind": "diffusion",
            "train": ["motion_modules", "pose_guider"],
            "loss": "prediction",
            "without_reference": 0.0,
        },
        "optimizer": {"batch": 2, "learning_rate": 1e-3, "warmup": 0, "ema": 0.0},
        "steps": 2,
        "save_every": 1,
    }
    alone, folder = tmp_path / "alone", tmp_path / "run"
    run(recipe(**small), alone)
    shutil.copytree(alone / "checkpoints" / "step-00000001", folder / "checkpoints" / "step-00000001")
    guided = "--set", "task.validation_guidance=1.001"  # next to none, but another way through the denoiser
    line = [2, ["train", str(recipe(**small, fully_shard=True)), "--cpu", "-o", str(folder), *guided]]
    ran = subprocess.run(
        [sys.executable, str(FORKED), json.dumps([line])], capture_output=True, text=True, timeout=PATIENCE
    )
    assert ran.returncode == 0, ran.stderr
    assert losses(folder) == pytest.approx({2: losses(alone)[2]}, rel=1e-4)
    learned, expected, before = weights(folder), weights(alone), weights_of_first_step(alone)
    assert learned.keys() == expected.keys()
    for name, weight in expected.items():
        torch.testing.assert_close(learned[name], weight, atol=1e-4, rtol=1e-3)
    assert any((weight - before[name]).abs().max() > 5e-4 for name, weight in learned.items())
    validated, one = (json.loads((place / "validation.jsonl").read_text()) for place in (folder, alone))
    assert validated == pytest.approx(one, rel=0.01)
    assert (folder / "model" / "unet" / "config.json").is_file()


def weights_of_first_step(folder):
    from safetensors.torch import load_file

    return load_file(folder / "checkpoints" / "step-00000001" / "weights.safetensors")


@pytest.mark.parametrize("change", ["compile=true", "precision=fp16"])
def test_what_does_not_go_together_is_told(recipe, change):
    with pytest.raises(InputError, match="fully_shard goes without compile"):
        load_config(recipe(fully_shard=True), [change])
