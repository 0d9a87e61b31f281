"""Cameras in hands, open shutters, frames that come twice."""

from dataclasses import replace

import numpy as np
import pytest

from megactor.synth.clips.clip import Clip
from megactor.synth.clips.handling import Handling
from megactor.synth.clips.plan import plan_clip

SIZE, FRAMES = 96, 12
STREAMS = ("target", "swapped")


def clip_with(renderer, handling, seed=7, layers=(), fps=25.0):
    plan = replace(plan_clip(seed, FRAMES, fps, photo=1.0), handling=handling)
    clip = Clip(renderer, plan, SIZE, STREAMS, layers=layers)
    for name in STREAMS:  # no noise and no compression: pictures can be compared
        clip.looks[name] = replace(clip.looks[name], noise=0.0, chroma_noise=0.0, jpeg=0)
    return clip


def test_a_film_shown_faster_shows_some_frames_twice(renderer):
    handling = Handling(repeated=5)
    assert [handling.moment(index) for index in range(11)] == [0, 1, 2, 3, 3, 5, 6, 7, 8, 8, 10]
    clip = clip_with(renderer, handling)
    frames = [clip.frame(index) for index in (3, 4, 5)]
    for name in STREAMS:
        assert np.array_equal(frames[0].pictures[name], frames[1].pictures[name])
        assert not np.array_equal(frames[1].pictures[name], frames[2].pictures[name])
        assert np.array_equal(frames[0].rendered[name].landmarks, frames[1].rendered[name].landmarks)


def test_the_driver_s_background_moves_with_the_camera_and_the_target_s_stays(renderer):
    clip = clip_with(renderer, Handling(seed=3, shake=0.02), layers=STREAMS)
    first, last = clip.frame(0), clip.frame(9)
    right, up = np.subtract(clip.plan.handling.shift(9 / 25), clip.plan.handling.shift(0))
    assert np.hypot(right, up) * SIZE > 0.5, "the test needs a camera that moves"
    assert np.array_equal(first.layers["target"].plate, last.layers["target"].plate)
    assert not np.array_equal(first.layers["swapped"].plate, last.layers["swapped"].plate)
    still = clip_with(renderer, Handling())
    for name in STREAMS:
        moved = last.rendered[name].landmarks - first.rendered[name].landmarks
        without = still.frame(9).rendered[name].landmarks - still.frame(0).rendered[name].landmarks
        np.testing.assert_allclose((moved - without).mean(axis=0), [-right * SIZE, up * SIZE], atol=0.4)
    # what lies behind goes the same way: the plate shifted back is the plate
    plates = [frame.layers["swapped"].plate.astype(float) for frame in (first, last)]
    assert np.abs(plates[0] - plates[1]).mean() < 12


def test_cameras_tremble_little_and_smoothly():
    handling = Handling(seed=5, shake=0.004)
    track = np.array([handling.shift(index / 25) for index in range(250)])
    assert 0.001 < track.std(axis=0).mean() < 0.01
    assert np.abs(np.diff(track, axis=0)).max() < 0.006
    assert Handling(seed=5).shift(3.0) == (0.0, 0.0)


def test_what_moves_is_blurred_and_the_truth_is_of_the_middle(renderer):
    open_long, closed = Handling(shutter=0.04), Handling()
    clips = [clip_with(renderer, handling, layers=("target",)) for handling in (open_long, closed)]
    for clip in clips:
        clip.motion.rotation[:, 1] = np.linspace(-0.6, 0.6, FRAMES)
    blurred, sharp = (clip.frame(5) for clip in clips)
    np.testing.assert_array_equal(blurred.rendered["target"].landmarks, sharp.rendered["target"].landmarks)

    def edges(frame):
        return np.abs(np.diff(frame.pictures["target"].astype(float), axis=1)).mean()

    assert edges(blurred) < 0.95 * edges(sharp)
    mattes = [frame.layers["target"].matte for frame in (blurred, sharp)]
    soft = [((matte > 0.02) & (matte < 0.98)).mean() for matte in mattes]
    assert soft[0] > soft[1], "the matte is blurred with the person"
    assert abs(blurred.pictures["target"].mean() - sharp.pictures["target"].mean()) < 2


def test_what_stands_still_stays_sharp(renderer):
    clip, still = clip_with(renderer, Handling(shutter=0.04)), clip_with(renderer, Handling())
    for one in (clip, still):
        for track in (one.motion.expressions, one.motion.rotation, one.motion.translation, one.motion.gaze):
            track[:] = track[0]
    for name in STREAMS:
        np.testing.assert_array_equal(clip.frame(4).pictures[name], still.frame(4).pictures[name])


@pytest.mark.parametrize("position", [-1.0, 0.0, 2.0, 2.5, 11.0, 12.5])
def test_moments_between_frames(renderer, position):
    motion = clip_with(renderer, Handling()).motion
    found = motion.between(position)
    first, last = motion[int(np.clip(np.floor(position), 0, 11))], motion[int(np.clip(np.ceil(position), 0, 11))]
    np.testing.assert_allclose(found.rotation, (first.rotation + last.rotation) / 2, atol=1e-6)
    np.testing.assert_allclose(found.expressions, (first.expressions + last.expressions) / 2, atol=1e-6)
