from dataclasses import replace

import numpy as np
import pytest
from synth_toy_rig import toy_rig

from megactor.synth.anatomy.rig import RigError
from megactor.synth.clips.variety import Variety
from megactor.train.rendered import RenderedClips, halved


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    toy_rig().save(folder / "toy.npz")
    return RenderedClips(
        clips=5, frames=3, fps=8.0, size=32, sources=2, first_seed=40, cache=folder / "cache", rig=folder / "toy.npz"
    )


def test_clips_are_rendered_once(clips, monkeypatch):
    first = clips.clip(1)
    assert first.target.shape == (3, 32, 32, 3) and first.motion.flow.shape == (2, 3, 2, 16, 16)
    assert first.landmarks["target"].shape == (3, 70, 2) and set(first.twins) == {"swapped"}
    monkeypatch.setattr(clips, "render", None)
    again = clips.clip(1)
    np.testing.assert_array_equal(again.target, first.target)
    np.testing.assert_array_equal(again.motion.flow, first.motion.flow)
    np.testing.assert_array_equal(again.motion.visible, first.motion.visible)


def test_numbers_that_are_equal_share_clips(clips):
    first = clips.clip(1)
    whole = replace(clips, fps=8, framing_jitter=0, variety=Variety(talking=0))
    whole.render = None
    np.testing.assert_array_equal(whole.clip(1).target, first.target)
    assert replace(clips, fps=9)._folder != clips._folder


def test_clips_of_an_older_renderer_are_not_taken(clips, monkeypatch):
    monkeypatch.setattr("megactor.train.rendered._PICTURES", 1)
    assert replace(clips)._folder != clips._folder


def test_landmarks_come_without_pictures(clips, monkeypatch):
    whole = clips.clip(4)
    monkeypatch.setattr(clips, "clip", None)
    found = clips.landmarks(4)
    assert set(found) == {"target", "swapped"}
    for name, points in found.items():
        np.testing.assert_allclose(points * 32, whole.landmarks[name], rtol=1e-6)


def test_landmarks_of_a_clip_that_is_not_there_yet(clips):
    assert clips.landmarks(0)["target"].shape == (3, 70, 2)


def test_a_source_frame_does_not_move_from_itself(clips):
    motion = clips.clip(2).motion
    for row, source in enumerate(motion.sources):
        assert np.abs(motion.flow[row, source]).max() < 0.01
    assert np.abs(motion.flow).max() > 0


def test_layers_are_kept_where_they_are_asked_for(clips):
    layered = replace(clips, layers=True)
    clip, bare = layered.clip(2), clips.clip(2)
    assert bare.layers is None and len(list(clips.cache.rglob("*42.npz"))) == 2
    np.testing.assert_array_equal(clip.target, bare.target)
    assert clip.layers.matte.shape == (3, 32, 32) and clip.layers.plate.shape == (3, 32, 32, 3)
    person = clip.layers.matte > 127
    assert (person == clip.foreground).mean() > 0.95
    np.testing.assert_array_equal(layered.clip(2).layers.plate, clip.layers.plate)


def test_a_damaged_file_is_rendered_again(clips):
    before = clips.clip(3)
    (path,) = (p for p in clips.cache.rglob("*.npz") if p.stem.endswith("43"))
    path.write_bytes(path.read_bytes()[:1000])
    np.testing.assert_array_equal(clips.clip(3).target, before.target)
    assert not list(clips.cache.rglob("*.part"))


def test_strongest_clips_move_more(clips):
    numbers = clips.strongest(0.4)
    assert len(numbers) == 2 and len(clips) == 5
    names = toy_rig().expression_names
    strengths = [clips._strength(40 + n, names) for n in range(5)]
    assert min(strengths[n] for n in numbers) >= max(strengths[n] for n in range(5) if n not in numbers)


def test_no_rig(tmp_path):
    with pytest.raises(RigError):
        RenderedClips(1, 3, 8.0, 32, 1, 0, tmp_path, tmp_path / "missing.npz")


def test_flow_of_half_size_leaves_the_background_out():
    flow = np.full((4, 4, 2), 8.0)
    person = np.zeros((4, 4), bool)
    person[:2, :2] = True
    person[0, 0] = False
    flow[0, 0] = 100
    small = halved(flow, person)
    assert small[0, 0].tolist() == [8, 8] and not small[1].any() and not small[0, 1].any()
