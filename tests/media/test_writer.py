"""Writing results: right in every player, marked as generated, complete or not there."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_samples import RESULT_SUFFIXES, flat_frame, frame_numbers, leftovers, write_result
from PIL import Image

from megactor.media import (
    GENERATED_COMMENT,
    VideoReader,
    VideoWriter,
)
from megactor.media.gif import insert_comment

VIDEOS = [".mp4", ".mov", ".mkv"]


# --- what is written ---


@pytest.mark.parametrize("suffix", [*RESULT_SUFFIXES, ".MP4", ".GIF"])
@pytest.mark.parametrize("fps", [25, Fraction(30000, 1001)])
def test_what_is_written_can_be_read(tmp_path: Path, suffix: str, fps: Fraction | float) -> None:
    path = tmp_path / f"out{suffix}"
    writer = write_result(path, fps=fps)
    assert writer.path == path and leftovers(tmp_path) == [path.name] and writer.warnings == []
    reader = VideoReader(path, fps=fps)
    assert frame_numbers(reader) == list(range(10))
    if suffix in VIDEOS:
        assert reader.source.fps == fps
    assert float(reader.source.duration) == pytest.approx(10 / fps, abs=0.011)


@settings(max_examples=8, deadline=None)
@given(width=st.integers(1, 40), height=st.integers(1, 40), suffix=st.sampled_from([".mp4", ".gif", ".webp"]))
def test_any_size(tmp_path_factory: pytest.TempPathFactory, width: int, height: int, suffix: str) -> None:
    path = tmp_path_factory.mktemp("size") / f"out{suffix}"
    write_result(path, frames=2, size=(width, height))
    reader = VideoReader(path)
    even = suffix == ".mp4"
    assert (reader.width, reader.height) == ((width + 1) // 2 * 2, (height + 1) // 2 * 2) if even else (width, height)
    assert frame_numbers(reader) == [0, 1]


def test_odd_sizes_repeat_the_last_row_and_column(tmp_path: Path) -> None:
    image = np.zeros((31, 33, 3), np.uint8)
    image[-1], image[:, -1] = 255, 255
    with VideoWriter(tmp_path / "out.mp4", 25, (33, 31), crf=4) as writer:
        writer.write(image)
    frame = next(iter(VideoReader(writer.path)))
    assert frame.shape == (32, 34, 3) and frame[-1].min() > 200 and frame[:, -1].min() > 200
    assert frame[:30, :31].max() < 60


def test_the_file_plays_everywhere(tmp_path: Path) -> None:
    path = write_result(tmp_path / "out.mp4", frames=30).path
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (
            1,
            1,
            1,
            1,
        )
        assert stream.average_rate == 25 and stream.frames == 30 and stream.start_time == 0
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index comes first"
    assert b"colr" in data


@pytest.mark.parametrize(("size", "playable"), [((3840, 2160), True), ((6144, 2048), False)])
def test_the_level_of_large_videos(tmp_path: Path, size: tuple[int, int], playable: bool) -> None:
    """Decoders of phones, browsers and televisions end at H.264 level 5.2."""
    writer = write_result(tmp_path / "out.mp4", frames=2, size=size)
    with av.open(str(writer.path)) as container:
        level = (container.streams.video[0].codec_context.extradata or bytes(4))[3]
    assert (level <= 52) == playable
    assert writer.warnings == ([] if playable else ["few players show a video of 6144x2048: 4K is 3840x2160"])


COLORS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (224, 172, 141), (60, 30, 20)]


@pytest.mark.parametrize(("suffix", "tolerance"), [(".mp4", 3), (".mkv", 3), (".gif", 6), (".webp", 6)])
def test_colors_survive(tmp_path: Path, suffix: str, tolerance: int) -> None:
    path = tmp_path / f"out{suffix}"
    with VideoWriter(path, 5, (48, 32), crf=10) as writer:
        for color in COLORS:
            writer.write(np.full((32, 48, 3), color, np.uint8))
    frames = list(VideoReader(path, fps=5))
    assert len(frames) == len(COLORS)
    for frame, color in zip(frames, COLORS, strict=True):
        np.testing.assert_allclose(frame.reshape(-1, 3).mean(0), color, atol=tolerance)


def test_a_natural_picture_survives(tmp_path: Path) -> None:
    y, x = np.mgrid[:96, :128] / 96
    image = np.stack([200 * y, 120 + 100 * np.sin(3 * x), 255 * (1 - x / 1.4)], -1).clip(0, 255).astype(np.uint8)
    for suffix, limit in ((".mp4", 1.5), (".gif", 5), (".webp", 2.5)):
        with VideoWriter(tmp_path / f"out{suffix}", 25, (128, 96)) as writer:
            writer.write(image)
            writer.write(image)
        frame = next(iter(VideoReader(writer.path)))
        assert np.abs(frame.astype(int) - image).mean() < limit, suffix


def test_quality_settings_matter(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = []
    for crf in (10, 40):
        with VideoWriter(tmp_path / f"{crf}.mp4", 25, (64, 64), crf=crf, preset="ultrafast") as writer:
            for _ in range(5):
                writer.write(rng.integers(0, 256, (64, 64, 3), np.uint8))
        sizes.append(writer.path.stat().st_size)
    assert sizes[0] > 2 * sizes[1]


def test_frames_may_be_views_but_must_fit(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mkv", 25, (64, 48)) as writer:
        writer.write(np.rot90(flat_frame(1, (48, 64))))
        for wrong in (flat_frame(0, (48, 64)), flat_frame(0).astype(np.float32), flat_frame(0)[..., 0]):
            with pytest.raises(ValueError, match="frame must be uint8"):
                writer.write(wrong)
    assert frame_numbers(VideoReader(writer.path)) == [1]
    with pytest.raises(ValueError, match="with"):
        writer.write(flat_frame(0))


# --- animated pictures ---


def gif_delays(path: Path) -> list[int]:
    with Image.open(path) as image:
        delays = []
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            delays.append(image.info["duration"])
        assert image.info["loop"] == 0
        return delays


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("fps", [10, 12.5, Fraction(30000, 1001), 60, 120])
def test_animations_run_at_the_right_speed(tmp_path: Path, suffix: str, fps: Fraction | float) -> None:
    path = write_result(tmp_path / f"out{suffix}", frames=24, fps=fps).path
    delays = gif_delays(path)
    assert min(delays) >= (20 if suffix == ".gif" else 11), "browsers slow shorter ones down"
    assert sum(delays) == pytest.approx(24_000 / fps, abs=21)
    if fps <= 50:
        assert len(delays) == 24


def test_gif_frames_do_not_share_a_palette(tmp_path: Path) -> None:
    ramps = [np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (8, 1, 3)) * np.array(mask, np.uint8)
             for mask in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]  # fmt: skip
    with VideoWriter(tmp_path / "out.gif", 10, (256, 8)) as writer:
        for ramp in ramps:
            writer.write(ramp)
    for frame, ramp in zip(VideoReader(writer.path), ramps, strict=True):
        assert np.abs(frame.astype(int) - ramp).mean() < 3


# --- provenance ---


@pytest.mark.parametrize("suffix", VIDEOS)
def test_videos_say_that_they_are_generated(tmp_path: Path, suffix: str) -> None:
    with av.open(str(write_result(tmp_path / f"out{suffix}").path)) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
    assert tags["comment"] == GENERATED_COMMENT and "AI-generated" in GENERATED_COMMENT


def test_gif_says_that_it_is_generated(tmp_path: Path) -> None:
    path = write_result(tmp_path / "out.gif").path
    with Image.open(path) as image:
        assert image.info["comment"].decode() == GENERATED_COMMENT
        assert image.n_frames == 10


def test_webp_says_that_it_is_generated(tmp_path: Path) -> None:
    with Image.open(write_result(tmp_path / "out.webp", comment="AI-generated & <tested>").path) as image:
        xmp = image.info["xmp"].decode()
    assert "trainedAlgorithmicMedia" in xmp and "AI-generated &amp; &lt;tested&gt;" in xmp
    text = ElementTree.fromstring(xmp).find(".//{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")
    assert text is not None and text.text == "AI-generated & <tested>"


@pytest.mark.parametrize("length", [1, 255, 256, 700])
def test_gif_comments_of_any_length(tmp_path: Path, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_result(tmp_path / "out.gif", comment="x").path
    monkeypatch.setattr("megactor.media.gif._BLOCK", 1024)  # several blocks in a small file
    insert_comment(path, "c" * length)
    assert frame_numbers(VideoReader(path)) == list(range(10))
    with Image.open(path) as image:
        assert image.info["comment"].startswith(b"c" * length)
    (tmp_path / "text.gif").write_bytes(b"no picture here")
    with pytest.raises(ValueError, match="not a GIF"):
        insert_comment(tmp_path / "text.gif", "x")
