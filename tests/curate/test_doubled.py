"""Frames that come twice: found, left out where the film is whole without them, a reason where it is not."""

import numpy as np
import pyarrow.parquet
import pytest
from command_line import megactor
from curate.raw_videos import demo_frames
from media_samples import Clip, write_clip

from megactor.curate.doubled import Changes, Stretch
from megactor.curate.read import open_footage
from megactor.curate.settings import CurationSettings
from megactor.curate.sources import find_sources
from megactor.train.shards import ShardClips

SHOWN = demo_frames("faces")


def stored(path, fps, numbers):
    write_clip(path, Clip(fps=fps, size=(320, 320), options={}), [SHOWN[number] for number in numbers])
    return path


def as_thirty(first=2):
    """Numbers of 25 frames a second stored as 30, the double of every five after the `first`."""
    return sorted([*range(50), *range(first, 50, 5)])


def stretch(path, fps=25.0):
    settings = CurationSettings(fps=fps)
    (source,) = find_sources([str(path)])
    with open_footage(source, settings) as footage:
        yield Stretch.of(footage, 0, footage.count, fps)


def shown(frames):
    """Which of the demo's frames each one is, as far as its pixels tell."""
    return [
        int(np.argmin([np.abs(frame[::4, ::4].astype(int) - one[::4, ::4]).mean() for one in SHOWN]))
        for frame in frames
    ]


@pytest.mark.parametrize("first", [0, 3])
def test_a_film_of_25_stored_as_30_is_whole_again(tmp_path, first):
    for part in stretch(stored(tmp_path / "a.mp4", 30, as_thirty(first))):
        rebuilt, lacking = part.without_doubled()
        assert lacking == 0 and shown(rebuilt.frames(None)) == list(range(50))
        (halves,) = {frame.shape for frame in rebuilt.frames(160)}
        assert halves == (160, 160, 3)


def test_slower_films_lack_frames(tmp_path):
    """15 of 25 frames are new ones."""
    fifteen = [number for number in range(30) for _ in range(1 + (number % 3 > 0))][:50]
    for part in stretch(stored(tmp_path / "a.mp4", 25, fifteen)):
        rebuilt, lacking = part.without_doubled()
        assert lacking == pytest.approx(0.4, abs=0.03)
        assert len(list(rebuilt.frames(64))) == 50  # its time is as it was


def test_films_of_24_are_taken_frame_by_frame(tmp_path):
    for part in stretch(stored(tmp_path / "a.mp4", 24, range(48))):
        assert shown(part.frames(None)) == list(range(48))


def test_what_moves_evenly_or_not_at_all_is_not_doubled():
    for frames in (SHOWN, SHOWN[:1] * 50):
        changes = Changes()
        for frame in frames:
            changes.look(frame)
        assert not changes.doubled().any()


def test_curation_keeps_the_rebuilt_film_and_tells_of_the_slow_one(inline, tmp_path):
    (tmp_path / "in").mkdir()
    stored(tmp_path / "in" / "thirty.mp4", 30, as_thirty())
    stored(tmp_path / "in" / "slow.mp4", 25, [number // 2 for number in range(50)])
    small = ["--size", 128, "--twins", "none", "--set", "least_side=100"]
    outcome = megactor("curate", tmp_path / "in", "-o", tmp_path / "out", *small)
    assert outcome.code == 0 and "1 clips in 1 shards, 1 dropped" in outcome.out and "doubled: 1" in outcome.out, (
        outcome
    )
    rows = {row["name"]: row for row in pyarrow.parquet.read_table(tmp_path / "out" / "index.parquet").to_pylist()}
    assert rows["in/slow.mp4"]["doubled"] == pytest.approx(0.5, abs=0.05)
    assert rows["in/thirty.mp4"]["doubled"] == 0 and rows["in/thirty.mp4"]["end"] == pytest.approx(2)
    clip = ShardClips(str(tmp_path / "out" / "clips-000000.tar")).clip(0)
    changes = np.abs(np.diff(clip.target.astype(np.int16)[:, ::2, ::2], axis=0)).mean((1, 2, 3))
    assert len(clip.target) == 50 and changes.min() > 0.4 * np.median(changes)
