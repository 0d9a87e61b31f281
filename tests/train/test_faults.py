"""What goes wrong with a run: mistakes in recipes, folders, disks and data, each told in one line."""

import json
import shutil
import subprocess
import sys

import pytest
from command_line import error_line, megactor
from patience import PATIENCE
from train.fake_shards import SIZE, write_shard
from train.runs import FORKED, run

from megactor.media.lock import locked
from megactor.train.checkpoint import checkpoints


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["optimizer.learning_rate=0.5"], "choose another output folder"),
        (["optimizer.batch=5", "optimizer.accumulation=2"], "cannot be split"),
        (["data.size=64"], "64"),
        (["init=/nowhere"], "nowhere"),
    ],
)
def test_mistakes_end_with_one_line(recipe, straight, changes, words):
    options = [part for change in changes for part in ("--set", change)]
    outcome = megactor("train", recipe(), "-o", straight, "--cpu", *options)
    assert words in error_line(outcome)


def test_two_runs_do_not_write_into_one_folder(recipe, straight):
    with locked(straight):
        outcome = megactor("train", recipe(), "-o", straight, "--cpu")
    assert "another run is at work" in error_line(outcome)


def test_machines_without_a_common_folder_are_told(recipe, straight, tmp_path):
    """They would go on from different steps; each of two processes has a folder of its own here."""
    shutil.copytree(straight, tmp_path / "run0")
    shutil.rmtree(tmp_path / "run0" / "checkpoints" / "step-00000006")
    (tmp_path / "run1").mkdir()
    lines = [[2, ["train", str(recipe()), "--cpu", "-o", str(tmp_path / "run{rank}")]]]
    command = [sys.executable, str(FORKED), json.dumps(lines)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode != 0 and "of steps 0 to 4: put the run into a folder that all machines share" in ran.stderr
    assert len(checkpoints(tmp_path / "run0" / "checkpoints")) == 1


def test_a_damaged_checkpoint_is_named(recipe, straight, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(straight, folder)
    (folder / "checkpoints" / "step-00000006" / "weights.safetensors").write_bytes(b"\0" * 10)
    outcome = megactor("train", recipe(), "-o", folder, "--cpu")
    assert "step-00000006" in error_line(outcome)


def test_too_many_broken_clips_end_the_run(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("megactor.train.trainer.ENOUGH_SAMPLES", 4)
    path = write_shard(tmp_path / "clips.tar", clips=4, broken=(0, 1))
    data = {"size": SIZE, "frames": 2, "workers": 0, "shards": [{"urls": str(path)}]}
    outcome = megactor("train", recipe(data=data), "-o", tmp_path / "run", "--cpu")
    assert outcome.code == 1 and "clips cannot be used" in outcome.err


def test_a_run_that_validates_nothing_says_so(recipe, tmp_path, tmp_path_factory):
    data = {"size": SIZE, "frames": 2, "workers": 0}
    shard = write_shard(tmp_path / "clips.tar", clips=21, lacking={7: "json"})
    path = recipe(steps=1, validation_shards=None, data=data | {"shards": [{"urls": str(shard)}]})
    told = run(path, tmp_path / "run").err
    assert "note: nothing is validated: give validation_shards" in told
    assert f"note: {shard}: 1 of 21 clips lack files and are left out, such as 000000007.json" in told
    assert "validated" not in run(path, tmp_path / "chosen", "--set", "validation_clips=0").err


@pytest.mark.parametrize(
    ("learning", "most", "place"),
    [
        ("unet", 2_000, "checkpoints/step-00000002"),  # the weights
        ("unet", 600_000, "checkpoints/step-00000002"),  # the optimizer's state, which is larger
        ("pose_guider", 60_000, "model"),
    ],
)
def test_a_full_disk_is_told_with_the_path(recipe, tmp_path, learning, most, place):
    resource = pytest.importorskip("resource")
    path = recipe(steps=2, task={"kind": "diffusion", "train": [learning]}, validation_clips=0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # no file may grow beyond this: to the program that writes it, the same as a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        outcome = megactor("train", path, "-o", tmp_path / "run", "--cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].startswith(f"error: disk full while writing {tmp_path}/run/{place};"), outcome
    assert not list((tmp_path / "run").glob(f"{place}*"))


@pytest.mark.parametrize("time", ["5", "m", "5d", "-3m"])
def test_times_that_make_no_sense(recipe, tmp_path, time):
    assert "--max-time" in error_line(megactor("train", recipe(), "-o", tmp_path / "run", f"--max-time={time}"))
