"""Portraits and frames as callers have them: PIL, NumPy, torch, gray, RGBA, floats; and what is none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from media_samples import Clip, write_clip
from PIL import Image
from tiny_model import tiny_pipeline

from megactor.drive.pictures import read_frames, read_picture
from megactor.errors import InputError
from megactor.pipeline import MegActorPipeline

RGB = np.random.default_rng(0).integers(0, 255, (6, 5, 3), np.uint8)
GRAY = RGB[..., 0]
CHW = torch.from_numpy(RGB).permute(2, 0, 1)
ALPHA = np.dstack([RGB, np.where(GRAY > 99, 255, 0).astype(np.uint8)])
OVER_WHITE = np.where(ALPHA[..., 3:] > 0, RGB, 255)


def exif_turned() -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(np.rot90(RGB)))
    image.getexif()[0x0112] = 6
    return image


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        pytest.param(Image.fromarray(RGB), RGB, id="PIL"),
        pytest.param(Image.fromarray(GRAY), np.dstack([GRAY] * 3), id="PIL gray"),
        pytest.param(Image.fromarray(ALPHA), OVER_WHITE, id="PIL RGBA"),
        pytest.param(exif_turned(), RGB, id="PIL with orientation"),
        pytest.param(RGB, RGB, id="uint8"),
        pytest.param(RGB[:, ::-1], RGB[:, ::-1], id="mirrored view"),
        pytest.param(RGB[None], RGB, id="batch of one"),
        pytest.param(RGB / 255, RGB, id="float64"),
        pytest.param((RGB / 255).astype(np.float16), RGB, id="float16"),
        pytest.param(RGB.astype(np.float32) / 250, np.minimum(np.rint(RGB * 1.02), 255), id="overshoot"),
        pytest.param(GRAY, np.dstack([GRAY] * 3), id="gray"),
        pytest.param(GRAY[..., None] / 255, np.dstack([GRAY] * 3), id="gray float with channel"),
        pytest.param(ALPHA, OVER_WHITE, id="RGBA"),
        pytest.param(ALPHA / 255, OVER_WHITE, id="RGBA float"),
        pytest.param(RGB.transpose(2, 0, 1), RGB, id="channels first"),
        pytest.param(CHW, RGB, id="tensor"),
        pytest.param(CHW[None] / 255, RGB, id="float tensor, batch of one"),
        pytest.param((CHW / 255).requires_grad_(), RGB, id="tensor with gradient"),
        pytest.param(torch.from_numpy(RGB) / 255, RGB, id="tensor, channels last"),
        pytest.param(CHW[:1], np.dstack([GRAY] * 3), id="gray tensor"),
        pytest.param(torch.from_numpy(GRAY) / 255, np.dstack([GRAY] * 3), id="gray tensor without channel"),
    ],
)
def test_pictures_that_are_taken(picture: Any, expected: np.ndarray) -> None:
    pixels = read_picture(picture)

    assert pixels.dtype == np.uint8 and pixels.shape == expected.shape and pixels.flags.c_contiguous
    assert np.abs(pixels.astype(int) - expected).max() <= 1


def test_bfloat16_is_taken() -> None:
    assert np.abs(read_picture((CHW / 255).bfloat16()).astype(int) - RGB).max() <= 1


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        pytest.param(None, "the portrait is None: give a file, a PIL image", id="None"),
        pytest.param([RGB], "of type list", id="list"),
        pytest.param(RGB.astype(np.int64), "int64", id="int64"),
        pytest.param(GRAY > 5, "bool", id="mask"),
        pytest.param(RGB.astype(np.float32), r"floats from .* to 2\d\d: give 0 to 1", id="floats to 255"),
        pytest.param(RGB / 127.5 - 1, "floats from -1 to", id="floats from -1"),
        pytest.param(np.full((4, 4, 3), np.nan), "floats from nan", id="NaN"),
        pytest.param(RGB[..., :2], r"shape \(6, 5, 2\)", id="two channels"),
        pytest.param(np.stack([RGB, RGB]), r"shape \(2, 6, 5, 3\)", id="batch"),
        pytest.param(np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\)", id="empty"),
        pytest.param(np.array(None), r"shape \(\)", id="object"),
        pytest.param(CHW[:2], r"\(3, H, W\)", id="tensor of two channels"),
    ],
)
def test_what_is_no_picture_is_named_in_one_line(picture: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        read_picture(picture)
    assert "\n" not in str(error.value)


def test_a_pil_image_that_cannot_be_decoded(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "torn.png")
    whole = (tmp_path / "torn.png").read_bytes()
    (tmp_path / "torn.png").write_bytes(whole[: len(whole) // 2])
    with Image.open(tmp_path / "torn.png") as torn, pytest.raises(InputError, match="cannot be decoded"):
        read_picture(torn)


@pytest.mark.parametrize("frames", [np.stack([RGB] * 3), torch.stack([CHW] * 3) / 255, [Image.fromarray(RGB)] * 3])
def test_frames_come_from_anything_that_can_be_iterated(frames: Any) -> None:
    assert [frame.tolist() for frame in read_frames(frames)] == [RGB.tolist()] * 3


@pytest.mark.parametrize("frames", [None, "video.mp4", Path("video.mp4"), RGB, Image.fromarray(RGB), 5])
def test_frames_that_are_none(frames: Any) -> None:
    with pytest.raises(InputError, match=r"^the frames (are|have) "):
        read_frames(frames)


def test_a_camera_may_change_its_resolution_but_not_its_shape() -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (48, 1, 3))
    small, large = (np.array(Image.fromarray(ramp).resize(size)) for size in ((32, 24), (128, 96)))
    for frame in read_frames([ramp, small, large]):
        assert frame.shape == ramp.shape
        assert np.abs(frame.astype(int) - ramp).mean() < 3
    with pytest.raises(InputError, match="frame 1 of the stream is 48x64, those before 64x48"):
        list(read_frames([ramp, ramp.transpose(1, 0, 2)]))


@pytest.fixture(scope="module")
def pipe() -> MegActorPipeline:
    return tiny_pipeline()


def test_the_pipeline_takes_pictures_of_every_kind(pipe: MegActorPipeline, tmp_path: Path) -> None:
    portrait = np.random.default_rng(1).integers(0, 255, (96, 80, 3), np.uint8)
    driving = write_clip(tmp_path / "driving.mp4", Clip(frames=2))
    kinds = portrait, Image.fromarray(portrait), torch.from_numpy(portrait).permute(2, 0, 1) / 255

    recorded = [np.stack(list(pipe(kind, driving, steps=1))) for kind in kinds]
    live = [np.stack(list(pipe.stream(kind, [kind] * 3, steps=1))) for kind in kinds]

    for videos in (recorded, live):
        np.testing.assert_array_equal(videos[0], videos[1])
        np.testing.assert_array_equal(videos[0], videos[2])


def test_a_frame_that_is_none_ends_a_stream_in_one_line(pipe: MegActorPipeline) -> None:
    def camera() -> Iterator[Any]:
        yield from [np.full((48, 64, 3), 99, np.uint8)] * 3
        yield None  # what OpenCV gives behind the last frame

    with pytest.raises(InputError, match="frame 3 of the stream is None"):
        list(pipe.stream(np.full((96, 80, 3), 99, np.uint8), camera(), steps=1))
