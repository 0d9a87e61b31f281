"""`megactor` on the packaged model and media, with everything real; what goes in badly must come out as one line."""

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import av
import numpy as np
import pytest
from command_line import error_line, listing, megactor
from huggingface_hub import constants
from media_samples import Clip, write_clip
from patience import PATIENCE
from PIL import Image
from tiny_model import tiny_pipeline

from megactor.media.images import load_image
from megactor.media.reader import VideoReader

DEMO = Path(str(resources.files("megactor") / "assets" / "demo"))
PHOTO, OIL, TALK = DEMO / "photo.jpg", DEMO / "oil.jpg", DEMO / "talk.mp4"


def animate(portrait: Path, driving: Path, output: Path, *options: object):
    return megactor("animate", portrait, driving, "-o", output, "--steps", 1, "--device", "cpu", *options)


def frames_of(path: Path) -> list[np.ndarray]:
    return list(VideoReader(path))


def save(image: np.ndarray, path: Path) -> Path:
    Image.fromarray(image).save(path)
    return path


def test_portrait_performs_the_drive_with_its_sound(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    outcome = animate(PHOTO, TALK, output, "--start", 1, "--end", 2)
    assert outcome.code == 0, outcome

    frames = frames_of(output)
    assert len(frames) == 25
    assert frames[0].shape == (512, 512, 3)
    # it moves, and it is still the portrait
    assert np.abs(frames[0].astype(int) - frames[20]).mean() > 1
    result, portrait, driver = (
        picture.mean((0, 1)) for picture in (frames[0], np.asarray(Image.open(PHOTO)), next(iter(VideoReader(TALK))))
    )
    assert np.abs(result - portrait).mean() < 0.5 * np.abs(result - driver).mean()
    with av.open(str(output)) as container:
        assert container.streams.audio
        assert "MegActor" in container.metadata["comment"]


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_other_formats_and_paste_back(suffix: str, tmp_path: Path) -> None:
    output = tmp_path / f"out{suffix}"
    outcome = animate(OIL, TALK, output, "--end", 0.3, "--paste-back", "--no-audio")
    assert outcome.code == 0, outcome
    assert frames_of(output)[0].shape == load_image(OIL).shape


def test_second_face_of_a_picture(tmp_path: Path) -> None:
    both = np.concatenate([load_image(PHOTO), np.asarray(Image.open(OIL).resize((256, 512)))], axis=1)
    picture = save(both, tmp_path / "both.png")
    for face in (0, 1):
        outcome = animate(picture, TALK, tmp_path / f"{face}.mp4", "--end", 0.1, "--face", face)
        assert outcome.code == 0, outcome
    line = error_line(animate(picture, TALK, tmp_path / "2.mp4", "--face", 2))
    assert "2 face(s)" in line


def test_face_at_the_border(tmp_path: Path) -> None:
    picture = save(load_image(PHOTO)[:, 140:], tmp_path / "border.png")
    outcome = animate(picture, TALK, tmp_path / "out.mp4", "--end", 0.1)
    assert outcome.code == 0, outcome


def test_one_frame_is_enough(tmp_path: Path) -> None:
    still = load_image(DEMO / "avatar.jpg")
    driving = write_clip(tmp_path / "one.mp4", Clip(frames=1, size=(448, 448)), images=[still])
    outcome = animate(PHOTO, driving, tmp_path / "out.mp4")
    assert outcome.code == 0, outcome
    assert len(frames_of(tmp_path / "out.mp4")) == 1


def test_picture_of_8k(tmp_path: Path) -> None:
    large = save(np.asarray(Image.open(PHOTO).resize((7680, 4320))), tmp_path / "8k.jpg")
    outcome = animate(large, TALK, tmp_path / "out.mp4", "--end", 0.1)
    assert outcome.code == 0, outcome


def no_face(folder: Path) -> tuple[Path, Path]:
    return save(np.full((200, 200, 3), 90, np.uint8), folder / "gray.png"), TALK


def one_pixel(folder: Path) -> tuple[Path, Path]:
    return save(np.zeros((1, 1, 3), np.uint8), folder / "pixel.png"), TALK


def no_face_in_the_video(folder: Path) -> tuple[Path, Path]:
    return PHOTO, write_clip(folder / "empty.mp4", Clip(frames=5))


def too_many_pixels(folder: Path) -> tuple[Path, Path]:
    Image.new("1", (9000, 9000)).save(folder / "huge.png")
    return folder / "huge.png", TALK


def text_as_video(folder: Path) -> tuple[Path, Path]:
    (folder / "text.mp4").write_text("not a video at all")
    return PHOTO, folder / "text.mp4"


def cut_video(folder: Path) -> tuple[Path, Path]:
    write_clip(folder / "whole.mp4", Clip(frames=20))
    (folder / "cut.mp4").write_bytes((folder / "whole.mp4").read_bytes()[:900])
    return PHOTO, folder / "cut.mp4"


def empty_video(folder: Path) -> tuple[Path, Path]:
    (folder / "empty.mp4").touch()
    return PHOTO, folder / "empty.mp4"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (no_face, "no face"),
        (one_pixel, "no face"),
        (no_face_in_the_video, "no face in any of the 5"),
        (too_many_pixels, "huge.png"),
        (text_as_video, "text.mp4"),
        (cut_video, "cut.mp4"),
        (empty_video, "empty.mp4"),
        (lambda folder: (folder / "none.png", TALK), "none.png"),
        (lambda folder: (folder, TALK), "folder"),
        (lambda folder: (PHOTO, folder / "none.mp4"), "none.mp4"),
        (lambda folder: (PHOTO, folder), "folder"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_bad_input_is_one_line_and_leaves_nothing(make, words: str, tmp_path: Path) -> None:
    portrait, driving = make(tmp_path)
    before = listing(tmp_path)

    line = error_line(animate(portrait, driving, tmp_path / "out.mp4"))

    assert words in line
    assert listing(tmp_path) == before


def foreign_model(folder: Path) -> Path:
    tiny_pipeline().save_pretrained(folder / "foreign")
    index = folder / "foreign" / "model_index.json"
    index.write_text(index.read_text().replace("MegActorPipeline", "StableDiffusionPipeline"))
    return folder / "foreign"


def nan_model(folder: Path) -> Path:
    pipe = tiny_pipeline()
    pipe.reference_net.conv_in.weight.data[0] = np.nan
    pipe.save_pretrained(folder / "nan")
    return folder / "nan"


def incomplete_model(folder: Path) -> Path:
    tiny_pipeline().save_pretrained(folder / "part")
    shutil.rmtree(folder / "part" / "unet")
    return folder / "part"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (foreign_model, "another architecture"),
        (nan_model, "not finite"),
        (incomplete_model, "unet"),
        (lambda folder: folder / "nowhere", "no model at"),
        (lambda folder: "sd15", "megactor weights fetch sd15"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_bad_models(make, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))  # whatever was fetched here
    model = make(tmp_path)
    line = error_line(animate(PHOTO, TALK, tmp_path / "out.mp4", "--model", model))
    assert words in line
    assert not (tmp_path / "out.mp4").exists()


def test_ctrl_c_leaves_no_file(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "megactor", "animate", str(PHOTO), str(TALK), "-o", str(output), "--steps", "20"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        # where the tests run in a shell's background, they and their children ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("denoising"):
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()

    assert process.wait(timeout=PATIENCE) == 130
    assert rest.splitlines()[-1] == "interrupted"
    assert "Traceback" not in rest
    assert listing(tmp_path) == set()
