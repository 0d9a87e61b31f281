"""HDR and wide-gamut video, held against light by BT.2100 that is written as phones and editors do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hdr_samples import HLG, PQ, WHITE, Kind, nits, photo, write_hdr
from PIL import Image

from megactor.media import VideoReader

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
    "BT.2020 without HDR": Kind(14, ".mp4"),
    "Display P3": Kind(1, ".mov", "libx264", "yuv420p", primaries=12),
}


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


@pytest.mark.parametrize("name", KINDS)
def test_hdr_looks_as_the_same_clip_in_sdr(tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    frames = list(VideoReader(write_hdr(tmp_path / f"clip{kind.suffix}", nits(photo()), kind)))
    assert len(frames) == 3
    assert psnr(frames[0], photo()) > 34.5
    # No cast: chroma errors do not pull a whole face to magenta.
    np.testing.assert_allclose(frames[0].reshape(-1, 3).mean(0), photo().reshape(-1, 3).mean(0), atol=3)


@pytest.mark.parametrize("kind", [Kind(HLG), Kind(PQ)], ids=["HLG", "PQ"])
def test_hdr_of_a_phone_that_was_held_upright(tmp_path: Path, kind: Kind) -> None:
    lying = np.ascontiguousarray(np.rot90(nits(photo())))
    reader = VideoReader(write_hdr(tmp_path / "clip.mov", lying, kind, rotation=-90), max_side=144)
    assert (reader.width, reader.height) == (108, 144)
    small = np.asarray(Image.fromarray(photo()).resize((108, 144), Image.Resampling.BILINEAR))
    assert psnr(next(iter(reader)), small) > 30


@pytest.mark.parametrize("kind", [Kind(HLG), Kind(PQ)], ids=["HLG", "PQ"])
def test_what_is_brighter_than_white_keeps_its_steps(tmp_path: Path, kind: Kind) -> None:
    steps = np.array([20, 60, 110, 150, 203, 260, 350, 500, 750], float)
    ramp = np.broadcast_to(np.repeat(steps, 16)[None, :, None], (64, 16 * len(steps), 3))
    frame = next(iter(VideoReader(write_hdr(tmp_path / "ramp.mov", ramp, kind))))
    np.testing.assert_allclose(frame, frame[..., :1].repeat(3, -1), atol=2, err_msg="gray stays gray")
    seen = frame[32, 8::16, 1].astype(int)
    assert (np.diff(seen) > 0).all(), seen
    np.testing.assert_allclose(seen[:4], 255 * (steps[:4] / WHITE) ** (1 / 2.4), atol=2)
    assert 235 <= seen[4] <= 250 and seen[-1] >= 252


def test_highlights_keep_their_hue(tmp_path: Path) -> None:
    skin = np.array([224, 172, 141], np.uint8)
    bright = np.broadcast_to(3 * nits(skin), (64, 64, 3))
    pixel = next(iter(VideoReader(write_hdr(tmp_path / "skin.mov", bright, Kind(HLG)))))[32, 32].astype(float)
    shown, real = nits(pixel), nits(skin)
    np.testing.assert_allclose(shown / shown.max(), real / real.max(), atol=0.04)


@pytest.mark.parametrize("name", ["BT.2020 without HDR", "Display P3", "iPhone"])
def test_wide_gamut_colors_are_not_pale(tmp_path: Path, name: str) -> None:
    """Read as if they were BT.709's, values of wider primaries lose saturation."""
    red = np.array([190, 60, 50], np.uint8)
    clip = write_hdr(tmp_path / "red.mov", np.broadcast_to(nits(red), (64, 64, 3)), KINDS[name])
    np.testing.assert_allclose(next(iter(VideoReader(clip)))[32, 32], red, atol=4)
