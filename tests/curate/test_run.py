"""The whole command, without Ray: what is kept and why not, what is written, and that training reads it."""

import io
import json
import re
import tarfile

import cv2
import numpy as np
import pyarrow.parquet
import pytest
import yaml
from command_line import error_line, listing, megactor
from curate.raw_videos import demo_frames, save
from tiny_model import tiny_pipeline

from megactor.train.shards import ShardClips

SIZE = 128
OPTIONS = ["--size", SIZE, "--workers", 2, "--twins", "none", "--set", "least_side=100", "--set", "least_seconds=1.6"]


@pytest.fixture(scope="module")
def shards(raw, inline, tmp_path_factory):
    folder = tmp_path_factory.mktemp("curated") / "shards"
    outcome = megactor("curate", raw, "-o", folder, *OPTIONS)
    assert outcome.code == 0, outcome
    assert "2 clips in 1 shards, 8 dropped" in outcome.out
    return folder


def rows(folder):
    return pyarrow.parquet.read_table(folder / "index.parquet").to_pylist()


def test_what_is_kept_and_why_not(shards):
    found = {(row["name"], row["start"]): row["reason"] for row in rows(shards)}
    assert found == {
        ("raw/show.mp4", 0.0): None,
        ("raw/show.mp4", 2.0): None,
        ("raw/show.mp4", 4.48): "several_people",
        ("raw/show.mp4", 6.48): "still",
        ("raw/copy.mp4", 0.0): "duplicate",
        ("raw/dark.mp4", 0.0): "dark",
        ("raw/short.mp4", None): "no_shot",
        ("raw/sound.m4a", None): "unreadable",
        ("raw/broken.mp4", None): "unreadable",
        ("raw/text.mp4", None): "unreadable",
    }


def test_rows_say_what_was_measured_and_where_clips_lie(shards):
    table = {(row["name"], row["start"]): row for row in rows(shards)}
    kept, still = table["raw/show.mp4", 0.0], table["raw/show.mp4", 6.48]
    assert kept["shard"] == "clips-000000.tar" and still["shard"] is None
    assert kept["frames"] == 50 and kept["end"] == 2.0
    assert kept["motion"] > 2 > 1 > still["motion"]
    assert table["raw/copy.mp4", 0.0]["detail"] == kept["key"]
    assert sum(row["selected"] for row in table.values()) == 1


def test_samples_have_the_schema_of_the_document(shards):
    with tarfile.open(shards / "clips-000000.tar") as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}
    keys = {name.partition(".")[0] for name in files}
    assert {name.partition(".")[2] for name in files} == {"mp4", "truth.npz", "json"}
    for key in keys:
        about = json.loads(files[f"{key}.json"])
        assert about["schema"] == "megactor-clips-1" and about["source"] == "curated" and about["frames"] == 50
        with np.load(io.BytesIO(files[f"{key}.truth.npz"]), allow_pickle=False) as truth:
            assert truth["landmarks.target"].shape == (50, 70, 2)
            assert truth["measured.gaze"].shape == truth["measured.lids"].shape == (50, 2)
    assert sum(json.loads(files[f"{key}.json"])["selected"] for key in keys) == 1
    assert b"Cut from a recording" in files[f"{min(keys)}.mp4"]  # and not "AI-generated"


def test_the_report_names_reasons_and_loads_nothing(shards):
    page = (shards / "report.html").read_text()
    for reason in ("several_people", "still", "duplicate", "unreadable"):
        assert f"<td>{reason}<td" in page
    assert page.count("data:image/jpeg;base64") >= 5 and "<svg" in page
    assert not re.search(r"https?:|<script|src=\"(?!data:)", page)


def test_the_same_command_again_changes_nothing(shards, raw, inline):
    before = {name: (shards / name).read_bytes() for name in listing(shards) if name.endswith((".tar", "parquet"))}
    assert megactor("curate", raw, "-o", shards, *OPTIONS).code == 0
    assert {name: (shards / name).read_bytes() for name in before} == before
    assert not any(name.endswith(".part") for name in listing(shards))


def test_other_numbers_are_refused(shards, raw, inline):
    assert "size 128" in error_line(megactor("curate", raw, "-o", shards, *OPTIONS, "--size", 64))


def test_a_dry_run_writes_nothing(raw, tmp_path):
    outcome = megactor("curate", raw, "-o", tmp_path / "out", "--dry-run")
    assert outcome.code == 0 and re.match(r"sources: 7 video; about 0\.00 h, .* GB free", outcome.out)
    assert listing(tmp_path) == set()


def test_a_good_clip_is_kept_with_both_twins_at_the_default_size(inline, tmp_path):
    (tmp_path / "videos").mkdir()
    frames = [cv2.resize(frame, (512, 512), interpolation=cv2.INTER_CUBIC) for frame in demo_frames("talk")[::2][:20]]
    save(tmp_path / "videos" / "talk.mp4", frames)
    outcome = megactor("curate", tmp_path / "videos", "-o", tmp_path / "out", "--set", "least_seconds=0.8")
    assert outcome.code == 0 and "1 clips in 1 shards, 0 dropped" in outcome.out, outcome
    (row,) = rows(tmp_path / "out")
    assert row["swapped"] == row["styled"] == "kept"
    clip = ShardClips(str(tmp_path / "out" / "clips-000000.tar")).clip(0)
    assert clip.target.shape == clip.twins["swapped"].shape == clip.twins["styled"].shape == (20, 512, 512, 3)


def test_training_reads_the_shards(shards, tmp_path):
    pattern = str(shards / "clips-*.tar")
    clips = ShardClips(pattern)
    assert len(clips) == 2 and clips.clip(0).target.shape == (50, SIZE, SIZE, 3)
    (best,) = clips.strongest(0.5)
    scores = {row["key"]: row["score"] for row in rows(shards) if row["reason"] is None}
    assert sorted(scores)[best] == max(scores, key=scores.__getitem__)
    tiny_pipeline().save_pretrained(tmp_path / "tiny")
    recipe = {
        "init": str(tmp_path / "tiny"),
        "task": {"kind": "diffusion", "train": ["unet", "reference_net"], "loss": "pictures"},
        "data": {"size": 32, "frames": 4, "stride": 2, "workers": 0, "shards": [{"urls": pattern}]},
        "optimizer": {"batch": 2, "learning_rate": 1e-3},
        "steps": 3,
        "precision": "fp32",
        "validate_every": 100,
        "validation_clips": 1,
        "validation_shards": pattern,
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    outcome = megactor("train", tmp_path / "recipe.yaml", "-o", tmp_path / "run", "--cpu")
    assert outcome.code == 0, outcome
    assert (tmp_path / "run" / "model" / "model_index.json").exists()
