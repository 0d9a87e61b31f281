"""Shards, through the command line with a toy rig."""

import contextlib
import io
import json
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import error_line, listing, megactor
from patience import wait_until
from synth_toy_rig import toy_rig

from megactor.errors import InputError
from megactor.media.lock import locked
from megactor.media.reader import VideoReader
from megactor.synth.anatomy.rig import ENVIRONMENT
from megactor.synth.clips.shards import LEFTOVERS
from megactor.synth.clips.synthbench import FIRST_SEED

RENDER = ["synth", "render", "--frames", 3, "--size", 32, "--workers", 1, "--clips-per-shard", 2]


@pytest.fixture(scope="module")
def rig_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("rig") / "toy.npz"
    toy_rig().save(path)
    return path


@pytest.fixture(scope="module")
def rendered(rig_file, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "shards"
    outcome = megactor(*RENDER, "--clips", 3, "--rig", rig_file, "-o", folder)
    assert outcome.code == 0, outcome
    return folder


def members(shard: Path) -> dict[str, bytes]:
    with tarfile.open(shard) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def test_shards_hold_all_streams_and_the_truth(rendered, tmp_path):
    assert listing(rendered) == {"index.json", "clips-000000.tar", "clips-000001.tar"}
    files = members(rendered / "clips-000000.tar") | members(rendered / "clips-000001.tar")
    extensions = {"mp4", "swapped.mp4", "styled.mp4", "truth.npz", "json"}
    assert set(files) == {f"00000000{n}.{extension}" for n in range(3) for extension in extensions}

    video = tmp_path / "target.mp4"
    video.write_bytes(files["000000000.mp4"])
    assert [frame.shape for frame in VideoReader(video)] == [(32, 32, 3)] * 3
    about = json.loads(files["000000000.json"])
    truth = np.load(io.BytesIO(files["000000000.truth.npz"]))
    assert truth["landmarks.swapped"].shape == (3, 70, 2)
    assert truth["expressions"].shape == (3, len(about["expression_names"]))


def test_the_same_command_goes_on_and_makes_the_same(rendered, rig_file):
    before = {name: (rendered / name).read_bytes() for name in listing(rendered)}
    (rendered / "clips-000001.tar").unlink()

    outcome = megactor(*RENDER, "--clips", 3, "--rig", rig_file, "-o", rendered)

    assert outcome.code == 0
    assert {name: (rendered / name).read_bytes() for name in listing(rendered)} == before


def test_another_plan_does_not_mix_in(rendered, rig_file):
    outcome = megactor(*RENDER, "--clips", 3, "--seed", 9, "--rig", rig_file, "-o", rendered)
    assert "seed 0, not 9" in error_line(outcome)


def test_a_folder_of_other_things_is_left_alone(rig_file, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    outcome = megactor(*RENDER, "--clips", 3, "--rig", rig_file, "-o", tmp_path)
    assert "not empty" in error_line(outcome)
    assert listing(tmp_path) == {"letter.txt"}


@pytest.mark.parametrize("wrong", [["--clips", 0], ["--clips", 1, "--size", 31], ["--clips", 1, "--frames", 0]])
def test_numbers_that_make_no_sense(wrong, rig_file, tmp_path):
    outcome = megactor(*RENDER, *wrong, "--rig", rig_file, "-o", tmp_path / "out")
    assert "must be" in error_line(outcome)
    assert not (tmp_path / "out").exists()


def test_no_rig_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert "synth rig" in error_line(megactor(*RENDER, "--clips", 1, "-o", tmp_path / "out"))


def test_a_killed_run_leaves_no_half_shard_and_no_process(rendered, rig_file, tmp_path):
    folder = tmp_path / "out"
    words = [*map(str, RENDER), "--clips", "6", "--rig", str(rig_file), "-o", str(folder)]
    run = subprocess.Popen([sys.executable, "-m", "megactor", *words], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: (folder / "clips-000000.tar").exists() and list(folder.glob(LEFTOVERS)))
        with pytest.raises(InputError, match="another run"), locked(folder):
            pass
    finally:
        run.kill()  # SIGKILL to the parent alone: its workers must notice
        run.wait()
    wait_until(lambda: not beating(folder))

    shards = list(folder.glob("clips-*.tar"))
    assert len(shards) < 3
    assert all(len(members(shard)) == 10 for shard in shards)

    assert megactor(*words).code == 0
    assert listing(folder) == {"index.json", *(f"clips-00000{n}.tar" for n in range(3))}
    assert (folder / "clips-000000.tar").read_bytes() == (rendered / "clips-000000.tar").read_bytes()


def beating(folder: Path) -> bool:
    """Whether something in the folder changes within a second, which is many clips' time."""
    before = states(folder)
    time.sleep(1)
    return states(folder) != before


def states(folder: Path) -> set[tuple[str, int]]:
    found = set()
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            found.add((str(path), path.stat().st_mtime_ns))
    return found


def test_seeds_of_the_test_set_are_refused(rig_file, tmp_path):
    outcome = megactor(*RENDER, "--clips", 1, "--seed", FIRST_SEED, "--rig", rig_file, "-o", tmp_path / "out")
    assert "test set" in error_line(outcome)


def test_a_damaged_rig_is_one_line(tmp_path):
    (tmp_path / "rig.npz").write_bytes(b"no rig")
    error_line(megactor(*RENDER, "--clips", 1, "--rig", tmp_path / "rig.npz", "-o", tmp_path / "out"))
    assert not (tmp_path / "out").exists()
