"""`megactor animate` and `megactor demo` around the pipeline: arguments in, files and words out."""

import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from command_line import FakePipeline, error_line, listing, megactor
from heif_samples import Heif, write_heif

from megactor.media import VideoReader, load_image
from megactor.options import AnimationOptions


def test_defaults(pipeline: FakePipeline, picture: Path, video: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    outcome = megactor("animate", picture, video, "-o", target)
    assert outcome.code == 0, outcome
    loaded, called = pipeline.calls
    assert loaded == {"model": "nano", "device": "auto", "dtype": "auto", "offload": False}
    assert called.pop("driving") == str(video)
    np.testing.assert_array_equal(called.pop("portrait"), load_image(picture))
    assert called == {field.name: field.default for field in fields(AnimationOptions)}
    assert len(list(VideoReader(target))) == 4
    assert outcome.out.startswith(f"{target}: 4 frames, 64x64, 25 frames/s, made in ")
    assert len(outcome.out.splitlines()) == 1


def test_all_options_reach_the_pipeline(pipeline: FakePipeline, picture: Path, video: Path, tmp_path: Path) -> None:
    words = """--model folder --steps 7 --guidance 2.5 --seed 3 --size 128 --device cpu --dtype bfloat16 --offload
        --start 0.1 --end 0.5 --fps 12 --contour-preserve --motion relative --motion-scale 0.5
        --eyes-scale 0.2 --mouth-scale 0
        --face 1 --portrait-crop 10,20.5,30 --layout side-by-side"""
    assert megactor("animate", picture, video, "-o", tmp_path / "out.gif", *words.split()).code == 0
    loaded, called = pipeline.calls
    assert loaded == {"model": "folder", "device": "cpu", "dtype": "bfloat16", "offload": True}
    options = AnimationOptions(
        steps=7,
        guidance=2.5,
        seed=3,
        size=128,
        start=0.1,
        end=0.5,
        fps=12,
        contour_preserve=True,
        motion="relative",
        motion_scale=0.5,
        eyes_scale=0.2,
        mouth_scale=0.0,
        face=1,
        portrait_crop=(10.0, 20.5, 30.0),
        layout="side-by-side",
    )
    assert {name: called[name] for name in vars(options)} == vars(options)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--steps 0", "steps is 0"),
        ("--steps 5000", "from 1 to 1000"),
        ("--guidance -1", "guidance is -1"),
        ("--guidance nan", "guidance is nan"),
        ("--size 100", "not divisible by 8"),
        ("--size 8", "size is 8"),
        ("--start -1", "start is -1"),
        ("--start 3 --end 2", "behind the start"),
        ("--end 0", "behind the start"),
        ("--fps 0", "fps is 0"),
        ("--motion-scale 9", "motion scale is 9"),
        ("--eyes-scale 2.5", "eyes scale is 2.5"),
        ("--mouth-scale -1", "mouth scale is -1"),
        ("--face -1", "face is -1"),
        ("--portrait-crop 1,2", "portrait crop is '1,2', but must be X,Y,SIDE in pixels"),
        ("--portrait-crop 1,2,wide", "portrait crop is '1,2,wide'"),
        ("--portrait-crop 1,nan,9", "portrait crop is '1,nan,9'"),
        ("--portrait-crop 1,2,0", "portrait crop is '1,2,0'"),
        ("--seed -1", "seed is -1"),
        ("--paste-back --layout side-by-side", "paste back"),
    ],
)
def test_senseless_values(
    words: str, message: str, pipeline: FakePipeline, picture: Path, video: Path, tmp_path: Path
) -> None:
    outcome = megactor("animate", picture, video, "-o", tmp_path / "out.mp4", *words.split())
    assert message in error_line(outcome)
    assert pipeline.calls == []


def test_existing_output_needs_force(pipeline: FakePipeline, picture: Path, video: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"precious")
    outcome = megactor("animate", picture, video, "-o", target)
    assert "--force" in error_line(outcome)
    assert pipeline.calls == []
    assert target.read_bytes() == b"precious"
    assert megactor("animate", picture, video, "-o", target, "--force").code == 0
    assert target.read_bytes() != b"precious"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no/such/folder/out.mp4", "folder does not exist"),
        ("out.docx", ".docx"),
        ("out", "out"),
        (".", "folder"),
    ],
)
def test_impossible_output(
    name: str, message: str, pipeline: FakePipeline, picture: Path, video: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    before = listing(tmp_path)
    assert message in error_line(megactor("animate", picture, video, "-o", tmp_path / name))
    assert pipeline.calls == []
    assert listing(tmp_path) == before


def test_an_input_is_never_replaced(pipeline: FakePipeline, picture: Path, video: Path, tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(video)
    before = video.read_bytes()
    for output in (video, tmp_path / "link.mp4", Path(os.path.relpath(video))):
        outcome = megactor("animate", picture, video, "-o", output, "--force")
        assert "would replace the driving video" in error_line(outcome)
    assert video.read_bytes() == before


def test_inputs_are_looked_into_before_the_model_is_loaded(
    pipeline: FakePipeline, picture: Path, video: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.mp4"
    line = error_line(megactor("animate", video, picture, "-o", target))
    assert line == (
        f"error: {video} is a video and {picture} a picture, which drives nothing: did you mean {picture} {video}?"
    )
    assert "a picture, which drives nothing" in error_line(megactor("animate", picture, picture, "-o", target))
    assert "a video, not a picture" in error_line(megactor("animate", video, video, "-o", target))
    (tmp_path / "photo.jxl").write_bytes(b"\xff\x0a" + bytes(50))
    assert "JPEG XL" in error_line(megactor("animate", tmp_path / "photo.jxl", video, "-o", target))
    assert pipeline.calls == [] and not target.exists()


def test_a_phones_photograph(pipeline: FakePipeline, video: Path, tmp_path: Path) -> None:
    photo = write_heif(tmp_path / "IMG_0001.JPG", np.full((64, 96, 3), 120, np.uint8), Heif(tile=64, turns=3))
    outcome = megactor("animate", photo, video, "-o", tmp_path / "out.mp4")
    assert outcome.code == 0, outcome
    assert pipeline.calls[1]["portrait"].shape == (96, 64, 3)


def test_warnings_are_notes_on_stderr(pipeline: FakePipeline, picture: Path, video: Path, tmp_path: Path) -> None:
    pipeline.warnings = ["the video is damaged after 3 s"]
    outcome = megactor("animate", picture, video, "-o", tmp_path / "out.mp4")
    assert outcome.code == 0
    assert "note: the video is damaged after 3 s" in outcome.err.splitlines()


def test_the_demo_makes_only_its_own_folder(
    pipeline: FakePipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = megactor("demo")
    assert outcome.code == 0, outcome
    assert listing(tmp_path) == {"out/demo.mp4"}
    assert pipeline.calls[1]["layout"] == "side-by-side"
    assert "--force" in error_line(megactor("demo"))
    assert megactor("demo", "--force").code == 0
    assert "folder does not exist" in error_line(megactor("demo", "-o", "elsewhere/demo.mp4"))
