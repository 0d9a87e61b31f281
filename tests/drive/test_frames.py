"""A driver that comes as frames in memory: lists, arrays and tensors, as diffusers' video pipelines give them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from media_samples import Clip, write_clip
from PIL import Image
from tiny_model import tiny_pipeline

from megactor.errors import InputError
from megactor.media.files import readable_file
from megactor.media.images import load_image
from megactor.media.reader import VideoReader

PORTRAIT = np.random.default_rng(0).integers(0, 255, (96, 80, 3), np.uint8)


@pytest.fixture(scope="module")
def pipe():
    return tiny_pipeline()


@pytest.fixture(scope="module")
def driving(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("drive") / "driving.mp4", Clip(frames=6))


def test_frames_drive_as_their_file_does(pipe, driving):
    frames = np.stack(list(VideoReader(driving)))
    whole = pipe(PORTRAIT, str(driving), steps=1)
    expected = np.stack(list(whole))
    channels_first = torch.from_numpy(frames).permute(0, 3, 1, 2)
    for taken in (
        [Image.fromarray(frame) for frame in frames],
        tuple(frames),
        frames,
        frames / 255,
        channels_first,
        channels_first[None] / 255,
    ):
        result = pipe(PORTRAIT, taken, steps=1)
        assert (result.frame_count, float(result.fps), result.audio) == (6, 25, None)
        np.testing.assert_array_equal(np.stack(list(result)), expected)
    assert float(pipe(PORTRAIT, frames, steps=1, fps=12.5).fps) == 12.5


@pytest.mark.parametrize(
    ("frames", "options", "words"),
    [
        (None, {}, "of type NoneType: give a video file"),
        ([], {}, "there are no driving frames"),
        (iter([PORTRAIT]), {}, "give a video file, a list of pictures or one array"),
        (Image.fromarray(PORTRAIT), {}, "of type Image: give a video file"),
        (PORTRAIT, {}, r"the frames have the shape \(96, 80, 3\)"),
        (["no-such.png"], {}, "no-such.png"),
        ([PORTRAIT, None], {}, "frame 1 of the driving frames is None"),
        ([PORTRAIT], {"start": 1.0}, "start and end are for video files"),
    ],
)
def test_what_cannot_drive(pipe, frames, options, words):
    with pytest.raises(InputError, match=words):
        pipe(PORTRAIT, frames, steps=1, **options)


def test_addresses_of_files_are_paths(driving, tmp_path):
    picture = tmp_path / "me and you.png"
    Image.fromarray(PORTRAIT).save(picture)
    assert "%20" in picture.as_uri()
    np.testing.assert_array_equal(load_image(picture.as_uri()), PORTRAIT)
    np.testing.assert_array_equal(load_image(f"file://localhost{picture}".replace(" ", "%20")), PORTRAIT)
    assert VideoReader(driving.as_uri()).path == driving
    for address in ("https://example.com/me.png", "file://elsewhere/me.png"):
        with pytest.raises(InputError, match="not found"):
            readable_file(address, "image")
