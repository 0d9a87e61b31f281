"""`megactor eval` as people run it: what it writes, going on, and refusing."""

import json
import re
import shutil

import pytest
import torch
from command_line import error_line, megactor
from tiny_model import tiny_pipeline

from megactor.evaluation.definitions import METRICS
from megactor.evaluation.regions import WHOLE
from megactor.evaluation.rows import read_rows
from megactor.media.lock import locked
from megactor.media.reader import VideoReader


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


@pytest.fixture(scope="module")
def finished(evaluate, tmp_path_factory):
    """SynthBench's first two clips: what was printed, and the folder."""
    out = tmp_path_factory.mktemp("finished") / "out"
    outcome = evaluate("synthbench", out, "--clips", 2)
    assert outcome.code == 0, outcome
    return outcome, out


@pytest.fixture
def copied(finished, tmp_path):
    """The finished folder, to be changed."""
    return shutil.copytree(finished[1], tmp_path / "out")


def test_synthbench(finished):
    outcome, out = finished
    assert "| cross, n=1 | model | warp | still | truth |" in outcome.out
    assert "Face distance: not measured: its network is not installed (pip install 'megactor[identity]')" in outcome.out
    assert "Perceptual distance of the face: not measured: its network is not installed" in outcome.out
    assert "LPIPS: not measured: no folder of its weights" in outcome.out and "FVD: not measured" in outcome.out

    summary = summary_of(out)
    assert summary["systems"] == ["model", "warp", "still", "truth"] and summary["clips"] == 2
    own, still, truth = (summary["parts"]["self"][system] for system in ("model", "still", "truth"))
    assert 0 < own["psnr"]["mean"] < 60 and still["psnr_gain"]["mean"] == pytest.approx(0, abs=1e-5)
    assert still["flicker"]["mean"] == 0 < truth["flicker"]["mean"] < 0.1
    assert still["jitter"]["mean"] == 0 < own["jitter"]["mean"] and "jitter" not in truth
    assert {"nme", "aed", "apd", "drift", "found", "identity_difference"} <= set(own)
    assert "psnr" not in truth and "identity" not in own and "identity" in summary["parts"]["cross"]["model"]
    assert set(own) <= set(METRICS)
    assert "| PSNR in dB and share of the error, n=2 | pixels | model | warp | still |" in outcome.out
    regions = summary["regions"]["model"]
    assert sum(regions[name]["pixels"] for name in WHOLE) == pytest.approx(1)
    assert sum(regions[name]["error"] for name in WHOLE) == pytest.approx(1)
    for place in ("inputs", "truth", "results/model", "results/warp"):
        assert len(list(VideoReader(out / place / "000-self.mp4"))) == 7


def test_the_page_stands_alone_and_shows_every_clip(finished):
    page = (finished[1] / "report.html").read_text()
    assert not re.search(r"https?://|<link|<script src|@import|url\(", page)
    assert page.count("data:video/mp4;base64,") == 2 and "000-self" in page and "001-cross" in page
    assert "$" not in re.sub(r"base64,[^\"]*", "", page)  # a placeholder that nobody filled
    assert "Where the error lies" in page
    assert page.count("<svg") >= 3 and "Not measured: LPIPS: no folder" in page


def test_a_killed_run_goes_on_to_the_same_figures(evaluate, copied):
    whole = summary_of(copied)
    lines = (copied / "clips.jsonl").read_text().strip().splitlines()
    (copied / "clips.jsonl").write_text("\n".join(lines[:5]) + '\n{"key": {"name": "001-cr')
    assert evaluate("synthbench", copied, "--clips", 2).code == 0
    assert summary_of(copied) == whole
    assert len(read_rows(copied)) == 8


def test_two_runs_do_not_write_into_one_folder(evaluate, copied):
    with locked(copied):
        assert "another run is at work" in error_line(evaluate("synthbench", copied, "--clips", 2))
    assert evaluate("synthbench", copied, "--clips", 2).code == 0


def test_another_program_joins_later(evaluate, copied, tmp_path):
    out, other = copied, tmp_path / "other"
    before = summary_of(out)["parts"]["self"]
    other.mkdir()
    assert "lacks 1 of 1 results, such as 000-self.mp4" in error_line(
        evaluate("synthbench", out, "--clips", 1, "--results", f"other={other}")
    )
    shutil.copy(out / "truth" / "000-self.mp4", other)
    outcome = evaluate("synthbench", out, "--clips", 1, "--results", f"other={other}")
    assert outcome.code == 0, outcome
    after = summary_of(out)["parts"]["self"]
    assert after["other"]["psnr"]["mean"] > before["model"]["psnr"]["mean"]
    assert {name: after[name] for name in before} == before


def test_results_of_another_length(evaluate, tmp_path, recordings):
    (tmp_path / "other").mkdir()
    shutil.copy(recordings.videos / "a.mp4", tmp_path / "other")
    outcome = evaluate(
        "self", tmp_path / "out", "--videos", recordings.videos, "--clips", 1, "--frames", 6,
        "--results", f"other={tmp_path / 'other'}",
    )  # fmt: skip
    assert "has 7 frames, the driver has 6" in error_line(outcome)


def test_people_in_their_own_videos(evaluate, tmp_path, recordings):
    outcome = evaluate("self", tmp_path / "out", "--videos", recordings.videos, "--frames", 6)
    assert outcome.code == 0, outcome
    part = summary_of(tmp_path / "out")["parts"]["self"]
    assert part["truth"]["found"]["mean"] == 1 and part["model"]["psnr"]["count"] == 2
    assert "r_mouth_rendered" not in part["model"]
    assert "beside_head" not in part["model"]  # a camera may move
    assert summary_of(tmp_path / "out")["regions"] == {}
    assert len(list(VideoReader(tmp_path / "out" / "inputs" / "a.mp4"))) == 6


def test_portraits_and_drivers(evaluate, tmp_path, recordings):
    options = ("--videos", recordings.videos, "--portraits", recordings.portraits, "--frames", 6)
    outcome = evaluate("cross", tmp_path / "out", *options)
    assert outcome.code == 0, outcome
    summary = summary_of(tmp_path / "out")
    assert summary["systems"] == ["model", "warp", "still"] and summary["clips"] == 4
    assert {"cross", "cross, photo", "cross, drawn"} == set(summary["parts"])
    own = summary["parts"]["cross"]["model"]
    assert summary["parts"]["cross"]["still"]["beside_head"]["mean"] == 0 < own["beside_head"]["mean"]
    assert "psnr" not in own and "nme" not in own and own["aed"]["count"] == own["identity_lead"]["count"] == 4
    assert (tmp_path / "out" / "inputs" / "x--a.png").is_file()


def test_a_bad_file_is_skipped_and_named(evaluate, tmp_path, recordings):
    (recordings.videos / "b.mp4").write_text("no video")
    outcome = evaluate("self", tmp_path / "out", "--videos", recordings.videos)
    assert outcome.code == 0 and "b: skipped: " in outcome.out
    assert summary_of(tmp_path / "out")["clips"] == 1
    assert "Skipped: b: " in (tmp_path / "out" / "report.html").read_text()


def test_no_usable_file(evaluate, tmp_path, recordings):
    for path in recordings.videos.iterdir():
        path.write_bytes(b"no video")
    assert "no clip could be used" in error_line(evaluate("self", tmp_path / "out", "--videos", recordings.videos))


def test_other_settings_weights_or_files_need_another_folder(evaluate, toy_files, tmp_path, recordings):
    options = ("--videos", recordings.videos, "--clips", 1)
    model = tmp_path / "model"
    shutil.copytree(toy_files / "model", model)
    assert evaluate("self", tmp_path / "out", *options).code == 0
    assert evaluate("self", tmp_path / "out", *options, "--model", f"model={model}").code == 1  # two of one name

    def run(*more):
        return megactor("eval", "--suite", "self", "-o", tmp_path / "out", *options, "--model", model, *more)

    assert run().code == 0  # the same weights elsewhere
    assert "systems.model.steps" in error_line(run("--steps", 3))
    pipe = tiny_pipeline()
    with torch.no_grad():
        pipe.unet.conv_out.bias += 1
    pipe.save_pretrained(model)
    assert "systems.model.weights" in error_line(run())
    (tmp_path / "out" / "settings.json").write_text("{")
    assert "settings.json" in error_line(run())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("synthbench", "--clips", 201), "1 to 200"),
        (("synthbench", "--clips", 0), "1 to 200"),
        (("synthbench", "--videos", "v"), "has no use for --videos"),
        (("self",), "needs --videos"),
        (("cross", "--videos", "v"), "needs --portraits"),
        (("self", "--videos", "missing"), "no folder of videos at missing"),
        (("synthbench", "--results", "nameless"), "write it as NAME=DIR"),
        (("synthbench", "--results", "still=x"), "'still' cannot name a column"),
        (("synthbench", "--clips", 1, "--weights", "missing"), "no LPIPS weights at missing"),
        (("synthbench", "--clips", 1, "--steps", 0), "steps is 0"),
    ],
)
def test_wrong_usage(evaluate, tmp_path, options, words):
    suite, *rest = options
    assert words in error_line(evaluate(suite, tmp_path / "out", *rest))
    assert not (tmp_path / "out").exists()


def test_files_of_one_name(evaluate, tmp_path, recordings):
    shutil.copy(recordings.videos / "a.mp4", recordings.videos / "a.mov")
    assert "share a name" in error_line(evaluate("self", tmp_path / "out", "--videos", recordings.videos))
