"""True mattes and plates: they add up to the picture, whatever is behind the person."""

from dataclasses import replace

import numpy as np
import pytest

from megactor.synth.clips.clip import Clip
from megactor.synth.clips.plan import plan_clip
from megactor.synth.scene.backgrounds import Background

PHOTO, HAIRY = 1.0, 11


def clip_of(renderer, seed, size, photo=PHOTO):
    return Clip(renderer, plan_clip(seed, frames=4, photo=photo), size, streams=("target",), layers=("target",))


def moved_elsewhere(clip):
    """The same person in the same light before another background."""
    clip.scenes["target"] = replace(clip.scenes["target"], background=Background("gradient", 5, 0.0))
    return clip


@pytest.mark.parametrize("size", [256, 512])
def test_another_background_shows_through_where_the_matte_says(renderer, size):
    here = clip_of(renderer, HAIRY, size).frame(1)
    there = moved_elsewhere(clip_of(renderer, HAIRY, size)).frame(1)
    before, after = here.layers["target"], there.layers["target"]
    np.testing.assert_array_equal(before.matte, after.matte)
    edges = (before.matte > 0.02) & (before.matte < 0.98)
    assert 0.001 < edges.mean() < 0.1, "hair and outlines cover pixels in parts"

    changed = after.plate.astype(float) - before.plate
    expected = (1 - before.matte[..., None]) * changed
    seen = there.pictures["target"].astype(float) - here.pictures["target"]

    error = np.abs(seen - expected)
    assert np.abs(changed)[edges].mean() > 20, "the backgrounds must differ for the test to tell anything"
    assert error.mean() < 1 and error[edges].mean() < 2.5


def test_nothing_of_the_person_is_in_the_plate_and_no_noise(renderer):
    clip = clip_of(renderer, HAIRY, 128)
    frames = [clip.frame(n) for n in (0, 3)]
    plates = [frame.layers["target"].plate for frame in frames]
    np.testing.assert_array_equal(*plates)
    for frame in frames:
        layers = frame.layers["target"]
        assert layers.matte.dtype == np.float32 and layers.plate.dtype == np.uint8
        empty = layers.matte == 0
        assert 0.1 < empty.mean() < 0.9
        # the picture differs by its noise, which has no mean
        difference = frame.pictures["target"][empty].astype(float) - layers.plate[empty]
        assert np.abs(difference.mean()) < 0.5


@pytest.mark.parametrize("seed", range(8))
def test_a_painted_scene_has_a_painted_plate(renderer, seed):
    clip = clip_of(renderer, seed, 96, photo=0.0)
    frame = clip.frame(0)
    layers = frame.layers["target"]
    assert layers.plate.shape == frame.pictures["target"].shape
    far = layers.matte == 0
    difference = np.abs(frame.pictures["target"][far].astype(float) - layers.plate[far])
    assert np.median(difference) < 16, clip.plan.performers["target"].style.name


def test_layers_are_told_of_streams_that_were_asked_for(renderer):
    plan = plan_clip(3, frames=2)
    frame = Clip(renderer, plan, 48, ("target", "swapped"), layers=("swapped",)).frame(0)
    assert set(frame.layers) == {"swapped"}
    assert Clip(renderer, plan, 48, ("target",)).frame(0).layers == {}
