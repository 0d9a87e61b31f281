"""`megactor synth` and its benchmarks: what people do wrong ends in one line."""

import numpy as np
import pytest
from command_line import error_line, megactor
from synth_toy_rig import toy_rig
from tiny_model import CenteredFaceAnalyzer

from megactor.media.writer import VideoWriter
from megactor.synth.anatomy.rig import ENVIRONMENT


@pytest.fixture
def rig(tmp_path, monkeypatch):
    path = tmp_path / "toy.npz"
    toy_rig().save(path)
    monkeypatch.setenv(ENVIRONMENT, str(path))
    return path


@pytest.mark.parametrize(
    "command",
    [
        ("synth", "render", "-o", "clips", "--clips", 1),
        ("synth", "sheet", "-o", "sheet.png"),
        ("synth", "check"),
        ("synth", "diversity"),
        ("bench", "synth"),
        ("bench", "synth-faces"),
    ],
)
def test_without_a_rig_a_line_says_how_to_get_one(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    outcome = megactor(*command)
    assert outcome.code == 1
    line = [line for line in outcome.err.splitlines() if line.startswith("error:")]
    assert len(line) == 1
    assert "megactor synth rig PATH" in line[0]
    assert list(tmp_path.iterdir()) == []


def test_another_file_is_no_rig(tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    line = error_line(megactor("synth", "diversity", "--rig", tmp_path / "array.npy"))
    assert "not an npz file" in line


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--size", 63), "even number"), (("--clips", 0), "more than 0"), (("--framing-jitter", -1), "negative")],
)
def test_numbers_that_make_no_sense(options, message, rig, tmp_path):
    assert message in error_line(megactor("synth", "render", "-o", tmp_path / "clips", *options))
    assert not (tmp_path / "clips").exists()


def test_a_folder_of_other_things_is_left_alone(rig, tmp_path):
    line = error_line(megactor("synth", "render", "-o", tmp_path, "--clips", 1))
    assert "choose another" in line
    assert list(tmp_path.iterdir()) == [rig]


def test_a_sheet_is_a_picture_of_a_known_kind(rig, tmp_path):
    assert ".png" in error_line(megactor("synth", "sheet", "-o", tmp_path / "sheet.gif"))


def test_a_folder_that_is_no_checkout(tmp_path):
    line = error_line(megactor("synth", "rig", tmp_path, "-o", tmp_path / "rig.npz"))
    assert "FaceXModel" in line


def test_diversity_is_a_table(rig):
    outcome = megactor("synth", "diversity", "--identities", 5)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[:2] == ["| quantity | shares |", "|---|---|"]
    assert any(line.startswith("| hair style | ") for line in lines)


def test_diversity_beside_real_clips(rig, tmp_path, monkeypatch):
    monkeypatch.setattr("megactor.faces.analyzer.create_analyzer", CenteredFaceAnalyzer)
    folder = tmp_path / "videos"
    folder.mkdir()
    assert "no videos" in error_line(megactor("synth", "diversity", "--beside", folder))
    with VideoWriter(folder / "still.mp4", 25, (64, 64)) as writer:
        for _ in range(15):
            writer.write(np.full((64, 64, 3), 90, np.uint8))

    outcome = megactor("synth", "diversity", "--beside", folder, "--clips", 1, "--seconds", 0.5)

    assert outcome.code == 0, outcome
    rows = [line for line in outcome.out.splitlines() if line.startswith("|")]
    assert rows[0] == "| quantity | rendered | real |"
    (brightness,) = (row for row in rows if row.startswith("| brightness of the picture"))
    assert brightness.split("|")[3].strip() == "0.35 (0.35 to 0.35)"
    assert "1 of 1 videos" in outcome.out


def test_a_file_that_is_no_video_is_one_line(rig, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    assert "broken.mp4" in error_line(megactor("synth", "diversity", "--beside", tmp_path))


def test_an_unexpected_error_advises_no_option_that_is_not_there(rig, monkeypatch):
    def fail(seeds):
        raise RuntimeError("a bug")

    monkeypatch.setattr("megactor.synth.audit.diversity.people", fail)
    assert error_line(megactor("synth", "diversity")) == "error: unexpected RuntimeError: a bug"
