"""Clips: twins share motion and framing, and nothing else."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from megactor.synth.clips.clip import Clip
from megactor.synth.clips.plan import STREAMS, plan_clip
from megactor.synth.clips.synthbench import CLIPS, FIRST_SEED, bench_items, render_bench
from megactor.synth.clips.truth import collect_truth

SIZE = 48


@pytest.fixture(scope="module")
def clip(renderer):
    return Clip(renderer, plan_clip(7, frames=3), SIZE, supersampling=1)


@pytest.fixture(scope="module")
def frames(clip):
    return list(clip)


def test_a_plan_is_its_seed_and_can_be_written_down():
    assert plan_clip(5, 10) == plan_clip(5, 10) != plan_clip(6, 10)
    assert json.loads(json.dumps(asdict(plan_clip(5, 10))))["seed"] == 5


def test_twins_share_the_framing_and_differ_in_the_rest():
    for seed in range(30):
        plan = plan_clip(seed, 10)
        assert set(plan.framings) == set(plan.performers) == set(STREAMS)
        assert len(set(plan.framings.values())) == 1
        assert len({performer.identity_seed for performer in plan.performers.values()}) == 3
        assert len({performer.scene_seed for performer in plan.performers.values()}) == 3
        assert plan.performers["styled"].style.name != "photo"


def test_framing_jitter_moves_the_twins_cameras_a_little():
    plan = plan_clip(5, 10, framing_jitter=0.05)
    still = plan_clip(5, 10)
    assert plan.framings["target"] == still.framings["target"]
    ratios = [plan.framings[name].half_height / still.framings[name].half_height for name in STREAMS[1:]]
    assert all(0.8 < ratio < 1.25 and ratio != 1 for ratio in ratios)


def test_streams_show_different_people_in_the_same_pose(clip, frames):
    assert len(clip) == len(frames) == 3
    for frame in frames:
        assert set(frame.pictures) == set(STREAMS)
        assert all(
            picture.shape == (SIZE, SIZE, 3) and picture.dtype == np.uint8 for picture in frame.pictures.values()
        )
        target, swapped = (frame.rendered[name].landmarks for name in STREAMS[:2])
        assert not np.allclose(target, swapped, atol=0.05)
        # another face, but the same head pose in the same place: corners and tip agree to a few pixels
        assert np.abs(target - swapped).mean() < 0.1 * SIZE


def test_frames_can_be_rendered_in_any_order(renderer, frames):
    again = Clip(renderer, plan_clip(7, frames=3), SIZE, supersampling=1).frame(2)
    for name in STREAMS:
        assert np.array_equal(again.pictures[name], frames[2].pictures[name])


def test_only_what_is_asked_for_is_rendered(renderer):
    frame = Clip(renderer, plan_clip(7, frames=3), SIZE, streams=("target",), supersampling=1).frame(0)
    assert set(frame.pictures) == set(frame.rendered) == {"target"}


def test_truth_is_of_the_frames(clip, frames):
    truth = collect_truth(clip.plan, frames)

    assert truth.landmarks["swapped"].shape == (3, 70, 2)
    assert np.array_equal(truth.foreground["target"][1], frames[1].rendered["target"].triangle_ids >= 0)
    assert np.array_equal(truth.expressions, clip.motion.expressions)
    arrays = truth.arrays()
    unpacked = np.unpackbits(arrays["foreground.target"], axis=-1, count=SIZE).astype(bool)
    assert np.array_equal(unpacked, truth.foreground["target"])


def test_head_rotation_is_seen_from_the_camera(clip, frames):
    truth = collect_truth(clip.plan, frames)
    framing = clip.plan.framings["target"]
    # small angles add up: the camera's own turn and the head's
    assert np.allclose(truth.head_rotation[:, 1], clip.motion.rotation[:, 1] + framing.yaw, atol=0.12)


def test_the_test_set_is_fixed_and_of_its_own(renderer):
    items = bench_items()
    assert len(items) == CLIPS == 200
    assert [item.name for item in items[:2]] == ["000-self", "001-cross"]
    assert items == bench_items()
    assert min(item.plan.seed for item in items) == FIRST_SEED

    item = items[1]
    short = type(item)(item.name, plan_clip(item.plan.seed, frames=2), item.driver)
    (sample,) = render_bench(renderer, [short], size=SIZE)
    assert set(sample.frames[0].pictures) == {"target", "swapped"}
    assert np.array_equal(sample.portrait, sample.frames[0].pictures["target"])
