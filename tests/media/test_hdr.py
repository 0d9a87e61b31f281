"""HDR and wide-gamut video, held against light by BT.2100 that is written as phones and editors do."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image

from megactor.media import VideoReader

WHITE = 203.0  # nits of SDR's white in HDR, BT.2408
TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # BT.2087
TO_P3 = np.array([[0.8225, 0.1775, 0.0], [0.0332, 0.9668, 0.0], [0.0171, 0.0724, 0.9105]])
LUMA = np.array([0.2627, 0.6780, 0.0593])
PQ, HLG, BT709_TRANSFER, BT2020_TRANSFER = 16, 18, 1, 14


@dataclass(frozen=True)
class Kind:
    """How a clip is stored."""

    transfer: int
    suffix: str = ".mov"
    codec: str = "libx265"
    pixels: str = "yuv420p10le"
    full_range: bool = False
    primaries: int = 9


KINDS = {
    "iPhone": Kind(HLG),
    "HDR10": Kind(PQ, ".mp4"),
    "HLG of 8 bits": Kind(HLG, ".mp4", "libx264", "yuv420p"),
    "HLG of full range": Kind(HLG, ".mp4", "libx264", "yuv420p10le", full_range=True),
    "HLG in VP9": Kind(HLG, ".webm", "libvpx-vp9", "yuv420p"),
    "PQ in AV1": Kind(PQ, ".mkv", "libsvtav1"),
    "ProRes": Kind(HLG, ".mov", "prores_ks", "yuv422p10le"),
    "PQ as RGB": Kind(PQ, ".mkv", "ffv1", "gbrp10le", full_range=True),
    "with alpha": Kind(HLG, ".mov", "prores_ks", "yuva444p10le"),
    "BT.2020 without HDR": Kind(BT2020_TRANSFER, ".mp4"),
    "Display P3": Kind(BT709_TRANSFER, ".mov", "libx264", "yuv420p", primaries=12),
}


def photo() -> np.ndarray:
    """uint8 (288, 216, 3): a face, upright and taller than wide."""
    with (resources.files("megactor") / "assets" / "demo" / "photo.jpg").open("rb") as file:
        return np.asarray(Image.open(file).convert("RGB").resize((288, 288))).copy()[:, 36:252]


def nits(picture: np.ndarray) -> np.ndarray:
    """What a display shows of an SDR picture whose white is HDR's reference white."""
    return (picture / 255.0) ** 2.4 * WHITE


def signal(light: np.ndarray, kind: Kind) -> np.ndarray:
    """Nits in BT.709 primaries -> R'G'B' in [0, 1] as `kind` stores it."""
    light = light @ (TO_2020 if kind.primaries == 9 else TO_P3).T
    if kind.transfer == PQ:
        power = (light / 10_000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    if kind.transfer == HLG:
        shown = light / 1000
        scene = shown * np.maximum(shown @ LUMA, 1e-9)[..., None] ** (1 / 1.2 - 1)
        bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    return (light / WHITE) ** (1 / 2.4)


def stored_frame(values: np.ndarray, kind: Kind) -> VideoFrame:
    """R'G'B' of 16 bits -> the clip's pixels, in BT.2020's matrix and the clip's range."""
    deep = VideoFrame.from_ndarray(np.rint(values * 65535).astype(np.uint16), format="rgb48le")
    frame = deep.reformat(
        format=kind.pixels,
        dst_colorspace=None if kind.pixels.startswith("gbr") else "BT2020" if kind.primaries == 9 else "ITU709",
        dst_color_range="JPEG" if kind.full_range else "MPEG",
        interpolation="BICUBIC",
    )
    frame.color_trc, frame.color_primaries = kind.transfer, kind.primaries
    if not kind.pixels.startswith("gbr"):
        frame.colorspace = 9 if kind.primaries == 9 else 1
    frame.color_range = 2 if kind.full_range else 1
    return frame


def write(path: Path, light: np.ndarray, kind: Kind, rotation: float | None = None, count: int = 3) -> Path:
    options = {
        "libx264": {"preset": "ultrafast", "crf": "6"},
        "libx265": {"preset": "ultrafast", "crf": "8", "x265-params": "log-level=none"},
        "libvpx-vp9": {"crf": "8", "cpu-used": "8"},
        "libsvtav1": {"preset": "12", "crf": "8", "svtav1-params": "lp=1"},
    }
    with av.open(str(path), "w") as container:
        stream = container.add_stream(kind.codec, rate=Fraction(30), options=options.get(kind.codec, {}))
        stream.height, stream.width = light.shape[:2]
        stream.pix_fmt = kind.pixels
        context = stream.codec_context
        context.color_primaries, context.color_trc = kind.primaries, kind.transfer
        context.color_range = 2 if kind.full_range else 1
        if not kind.pixels.startswith("gbr"):
            context.colorspace = 9 if kind.primaries == 9 else 1
        if rotation is not None:
            stream.set_display_rotation(rotation, False, False)
        for index in range(count):
            frame = stored_frame(signal(light, kind), kind)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


@pytest.mark.parametrize("name", KINDS)
def test_hdr_looks_as_the_same_clip_in_sdr(tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    frames = list(VideoReader(write(tmp_path / f"clip{kind.suffix}", nits(photo()), kind)))
    assert len(frames) == 3
    assert psnr(frames[0], photo()) > 34.5
    # No cast: chroma errors do not pull a whole face to magenta.
    np.testing.assert_allclose(frames[0].reshape(-1, 3).mean(0), photo().reshape(-1, 3).mean(0), atol=3)


@pytest.mark.parametrize("kind", [Kind(HLG), Kind(PQ)], ids=["HLG", "PQ"])
def test_hdr_of_a_phone_that_was_held_upright(tmp_path: Path, kind: Kind) -> None:
    lying = np.ascontiguousarray(np.rot90(nits(photo())))
    reader = VideoReader(write(tmp_path / "clip.mov", lying, kind, rotation=-90), max_side=144)
    assert (reader.width, reader.height) == (108, 144)
    small = np.asarray(Image.fromarray(photo()).resize((108, 144), Image.Resampling.BILINEAR))
    assert psnr(next(iter(reader)), small) > 30


@pytest.mark.parametrize("kind", [Kind(HLG), Kind(PQ)], ids=["HLG", "PQ"])
def test_what_is_brighter_than_white_keeps_its_steps(tmp_path: Path, kind: Kind) -> None:
    steps = np.array([20, 60, 110, 150, 203, 260, 350, 500, 750], float)
    ramp = np.broadcast_to(np.repeat(steps, 16)[None, :, None], (64, 16 * len(steps), 3))
    frame = next(iter(VideoReader(write(tmp_path / "ramp.mov", ramp, kind))))
    np.testing.assert_allclose(frame, frame[..., :1].repeat(3, -1), atol=2, err_msg="gray stays gray")
    seen = frame[32, 8::16, 1].astype(int)
    assert (np.diff(seen) > 0).all(), seen
    np.testing.assert_allclose(seen[:4], 255 * (steps[:4] / WHITE) ** (1 / 2.4), atol=2)
    assert 235 <= seen[4] <= 250 and seen[-1] >= 252


def test_highlights_keep_their_hue(tmp_path: Path) -> None:
    skin = np.array([224, 172, 141], np.uint8)
    bright = np.broadcast_to(3 * nits(skin), (64, 64, 3))
    pixel = next(iter(VideoReader(write(tmp_path / "skin.mov", bright, Kind(HLG)))))[32, 32].astype(float)
    shown, real = nits(pixel), nits(skin)
    np.testing.assert_allclose(shown / shown.max(), real / real.max(), atol=0.04)


@pytest.mark.parametrize("name", ["BT.2020 without HDR", "Display P3", "iPhone"])
def test_wide_gamut_colors_are_not_pale(tmp_path: Path, name: str) -> None:
    """Read as if they were BT.709's, values of wider primaries lose saturation."""
    red = np.array([190, 60, 50], np.uint8)
    clip = write(tmp_path / "red.mov", np.broadcast_to(nits(red), (64, 64, 3)), KINDS[name])
    np.testing.assert_allclose(next(iter(VideoReader(clip)))[32, 32], red, atol=4)
