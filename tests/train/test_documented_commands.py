"""The command lines of the documents can start, with as many processes as they say."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from patience import PATIENCE
from tiny_model import tiny_official_pipeline
from train.documented_commands import ROOT, TrainCommand, train_commands
from train.fake_shards import SIZE, write_shard
from train.runs import FORKED

from megactor.errors import InputError
from megactor.train.config import load_config
from megactor.train.dataset import samples_of_a_pass

pytestmark = pytest.mark.skipif(shutil.which("bash") is None or not hasattr(os, "fork"), reason="needs bash and fork")

MOST_PROCESSES = 4
"""That a line is really run with: the more would take longer than all other tests."""


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> list[TrainCommand]:
    return train_commands(tmp_path_factory.mktemp("documents"))


def test_lines_are_found_as_a_shell_reads_them(commands):
    found = {(command.document, command.processes, command.options()["config"].name) for command in commands}
    assert ("README.md", 1, "nano-keypoints.yaml") in found
    assert ("training.md", 2, "nano-close-up.yaml") in found  # from a loop
    assert ("training.md", 32, "sd15-stage1.yaml") in found  # 4 machines of 8
    assert ("curation.md", 1, "nano-stage1.yaml") in found  # within a sentence
    (few,) = (command for command in commands if "runs/rt" in command.words)
    assert "data.rendered.clips=60" in few.options()["changes"]  # from a variable


def test_recipes_options_and_numbers_of_processes_fit(commands):
    for command in commands:
        options = command.options()
        optimizer = load_config(ROOT / options["config"], options["changes"]).optimizer
        samples_of_a_pass(optimizer.batch, optimizer.accumulation, command.processes)


@pytest.mark.parametrize(
    ("batch", "passes", "processes", "words"),
    [
        (2, 1, 4, "start 2, or give --set optimizer.batch=4"),
        (16, 1, 32, "start 16, or give --set optimizer.batch=32"),
        (12, 2, 4, "start 3, or give --set optimizer.batch=16"),
        (5, 2, 1, "split into optimizer.accumulation=2"),
    ],
)
def test_what_cannot_be_shared_is_told_with_the_remedy(batch, passes, processes, words):
    with pytest.raises(InputError, match=words):
        samples_of_a_pass(batch, passes, processes)


def test_lines_for_several_processes_train(commands, tiny_model, tmp_path):
    shard = write_shard(tmp_path / "clips.tar", clips=2, frames=24)
    tiny_official_pipeline().save_pretrained(tmp_path / "sd15")
    lines, seen = [], set()
    for command in commands:
        processes, recipe = min(command.processes, MOST_PROCESSES), command.options()["config"]
        if processes > 1 and recipe not in seen:
            seen.add(recipe)
            closely = any(part in recipe.name for part in ("refiner", "close-up", "critic"))
            model = tmp_path / "sd15" if "sd15" in recipe.name else tiny_model
            small = [
                *("preset=null", f"init={model}", "steps=1", "validation_clips=0", "precision=fp32", "compile=false"),
                *("data.rendered=null", f"data.shards=[{{urls: {shard}}}]", "data.workers=0"),
                f"optimizer.batch={processes}",  # the recipe's own is checked above
                f"data.size={2 * SIZE if closely else SIZE}",  # the tiny model's `detail_size`
            ]
            arguments = [str(ROOT / word) if word == str(recipe) else word for word in command.arguments]
            options = [part for change in small for part in ("--set", change)]
            folder = tmp_path / f"run{len(lines)}"
            lines.append([processes, ["train", *arguments, *options, "--cpu", "-o", str(folder)]])
    assert {processes for processes, _ in lines} == {2, 4}
    ran = subprocess.run(
        [sys.executable, str(FORKED), json.dumps(lines)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ran.returncode == 0, ran.stderr
    assert all((tmp_path / f"run{number}" / "model").is_dir() for number in range(len(lines)))
