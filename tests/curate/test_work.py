"""What goes wrong while a clip is worked on, and what becomes of it."""

import numpy as np
import pytest
from curate.raw_videos import demo_frames
from tiny_model import CenteredFaceAnalyzer

from megactor.curate import clip as stages
from megactor.curate.clip import ClipPlan, curate_clip, find_clips
from megactor.curate.settings import CurationSettings
from megactor.curate.sources import Source
from megactor.curate.store import ATTEMPTS, Store
from megactor.curate.work import SourceWorker
from megactor.curate.write import pack, write_part
from megactor.errors import InputError, OutputError

SETTINGS = CurationSettings(size=64, least_seconds=0.4)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "shards")
    with store.claimed(SETTINGS, ()):
        yield store


def job(name="a.mp4"):
    return Source(name, "video", f"/nowhere/{name}")


def cut(store, source=None):
    source = source or job()
    row = SourceWorker(store.folder, store.run, SETTINGS)({"job": source.to_dict()})
    return row, store.source(source)


def test_a_file_that_cannot_be_read_is_counted(store):
    row, record = cut(store)
    assert row["reason"] == record["reason"] == "unreadable" and "/nowhere/a.mp4" in record["detail"]


def test_an_error_of_ours_is_counted_too(store, monkeypatch):
    monkeypatch.setattr("megactor.curate.work.find_clips", lambda *_: 1 / 0)
    record = cut(store)[1]
    assert record["reason"] == "failed" and "ZeroDivisionError" in record["detail"]


def test_a_full_disk_stops_the_run_and_says_nothing_about_the_clip(store, monkeypatch):
    def full(*_):
        raise OutputError("disk full")

    monkeypatch.setattr("megactor.curate.work.find_clips", full)
    row, record = cut(store)
    assert row["fatal"] == "disk full" and record is None


def test_what_kills_its_process_again_and_again_is_given_up(store):
    for _ in range(ATTEMPTS):
        store.begin(job().key)  # and the process dies
    assert cut(store)[1]["reason"] == "crashed"


def test_workers_of_a_killed_run_write_nothing_once_another_began(store):
    late = Store(store.folder, "the run before")
    assert cut(late)[1] is None


def test_two_runs_in_one_folder(store):
    with pytest.raises(InputError, match="another run"), Store(store.folder).claimed(SETTINGS, ()):
        pass


def fake_clip(count=20):
    clip = stages.CuratedClip()
    clip.pictures = {"target": np.zeros((count, 64, 64, 3), np.uint8)}
    clip.arrays = {"landmarks.target": np.zeros((count, 70, 2), np.float32)}
    return clip


def test_packing_interrupted_anywhere_gives_the_same_shards(tmp_path):
    settings = CurationSettings(size=64, least_seconds=0.4, shard_mb=0.03)
    results = []
    for stop in (None, 1, 2):
        store = Store(tmp_path / f"shards{stop}")
        with store.claimed(settings, ()):
            keys = {f"{number:016x}": {"number": number} for number in range(7)}
            for key in keys:
                write_part(store, key, fake_clip(), settings)
            steps = pack(store, keys, settings)
            if stop is not None:
                for _ in range(stop + 1):
                    next(steps)
                steps.close()
                assert len(store.shards()) == stop
            list(pack(store, keys, settings))
            results.append([path.read_bytes() for path in store.shards()])
            assert sorted(store.packed()) == sorted(keys) and not store.part(next(iter(keys))).exists()
    assert len(results[0]) >= 3 and results[0] == results[1] == results[2]


class FakeTwin:
    def __init__(self, frames=None, landmarks=None, reason="", **scores):
        self.frames, self.landmarks, self.reason, self.scores = frames, landmarks, reason, scores


class StillFootage:
    """Demo frames as a source."""

    count, size, stored_fps = 25, (320, 320), 25.0

    def frames(self, first, last, max_side, as_stored=False):
        yield from demo_frames("talk")[first:last]


def test_twins_come_with_landmarks_of_their_own_and_failed_ones_with_their_reason(monkeypatch):
    import sys
    import types
    from contextlib import nullcontext

    def make_twins(frames, landmarks, backends, seed, analyzer):
        assert frames.shape == (25, 64, 64, 3) and landmarks.shape == (25, 478, 2) and backends == ["backend"]
        return {
            "swapped": FakeTwin(255 - frames, landmarks + 3, motion=0.95),
            "styled": FakeTwin(reason="motion lost", motion=0.3),
        }

    module = types.ModuleType("megactor.curate.twins.make")
    module.make_twins = make_twins
    monkeypatch.setitem(sys.modules, "megactor.curate.twins.make", module)
    monkeypatch.setattr(stages, "open_footage", lambda *_: nullcontext(StillFootage()))
    settings = CurationSettings(
        size=64, least_seconds=0.4, least_motion=0, most_jitter=1, most_jump=9, least_sharpness=0
    )
    settings = settings.changed(["least_side=10", "most_covered=1", "least_face=0"])
    clip = curate_clip(ClipPlan(job(), 0, 25), settings, CenteredFaceAnalyzer(), ["backend"])
    assert clip.reason is None
    assert clip.twins == {"swapped": "kept", "styled": "motion lost"}
    assert set(clip.pictures) == {"target", "swapped"}
    np.testing.assert_allclose(clip.arrays["landmarks.swapped"], clip.arrays["landmarks.target"] + 3, atol=1e-4)
    assert clip.found["swapped_motion"] == 0.95 and clip.found["styled_motion"] == 0.3


def test_clips_have_the_same_keys_wherever_their_files_lie(tmp_path):
    a, b = (ClipPlan(Source("x/a.mp4", "video", f"/{place}/a.mp4"), 0, 50) for place in ("here", "there"))
    assert a.key == b.key != ClipPlan(a.source, 0, 51).key
    assert ClipPlan.from_dict(a.to_dict()) == a


def test_a_file_longer_than_allowed_is_read_in_part(monkeypatch, tmp_path):
    from curate.raw_videos import save

    path = save(tmp_path / "a.mp4", list(demo_frames("talk")))
    settings = SETTINGS.changed([f"most_hours={1.2 / 3600}"])
    (plan,), reason = find_clips(Source("a.mp4", "video", str(path)), settings)
    assert reason is None and (plan.first, plan.last) == (0, 30)
