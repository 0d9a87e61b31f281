"""A tiny model and a small shard: enough to train through the command line in seconds."""

from pathlib import Path

import pytest
import torch
import yaml
from tiny_model import tiny_pipeline
from train.fake_shards import SIZE, write_shard
from train.runs import run


@pytest.fixture(scope="session")
def shard(tmp_path_factory) -> Path:
    return write_shard(tmp_path_factory.mktemp("shards") / "clips-000000.tar", clips=4)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    tiny_pipeline(body=True).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def recipe(tmp_path_factory, shard, tiny_model):
    """Writes a recipe of so many steps; keyword arguments replace top-level values."""

    def write(**changes: object) -> Path:
        values = {
            "init": str(tiny_model),
            "task": {
                "kind": "diffusion",
                "train": ["unet", "reference_net", "pose_guider", "image_encoder"],
                "loss": "pictures",
                "without_reference": 0.3,
            },
            "data": {"size": SIZE, "frames": 2, "workers": 0, "shards": [{"urls": str(shard)}]},
            "optimizer": {"batch": 4, "learning_rate": 1e-3, "warmup": 2},
            "steps": 6,
            "precision": "fp32",
            "save_every": 2,
            "validate_every": 100,
            "validation_clips": 2,
            "validation_shards": str(shard),
        }
        path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
        path.write_text(yaml.safe_dump(values | changes))
        return path

    return write


@pytest.fixture(scope="package")
def straight(recipe, tmp_path_factory) -> Path:
    """A run of six steps without any interruption."""
    folder = tmp_path_factory.mktemp("runs") / "straight"
    run(recipe(), folder)
    return folder


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """As in the processes that tests start: sums of other numbers of threads are rounded differently."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
