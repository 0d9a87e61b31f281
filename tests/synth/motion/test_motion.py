"""Motions: what every seed must keep to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synth_toy_rig import toy_rig

from megactor.synth.motion.expressions import EMOTIONS, MEME_FACES, TONGUE, VISEMES
from megactor.synth.motion.performance import random_motion
from megactor.synth.motion.sequence import MAX_GAZE, MAX_ROTATION

NAMES = toy_rig().expression_names


@given(
    seed=st.integers(0, 2**31),
    frames=st.integers(1, 120),
    fps=st.sampled_from([12.0, 25.0, 60.0]),
    talking=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_every_motion_stays_within_what_people_can_do(seed, frames, fps, talking):
    motion = random_motion(seed, frames, NAMES, fps, talking)

    assert len(motion) == frames == len(list(motion))
    assert motion.expressions.shape == (frames, len(NAMES) + 1)
    assert motion.expressions.min() >= 0 and motion.expressions.max() <= 1
    assert (np.abs(motion.rotation) <= np.float32(MAX_ROTATION)).all()
    assert (np.abs(motion.gaze) <= np.float32(MAX_GAZE)).all()
    assert all(np.isfinite(value).all() for value in (motion.rotation, motion.translation, motion.gaze))


@pytest.mark.parametrize("talking", [False, True])
def test_a_seed_is_a_motion(talking):
    first, again, other = (random_motion(seed, 50, NAMES, talking_head=talking) for seed in (3, 3, 4))
    for name in ("expressions", "rotation", "translation", "gaze"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))


def test_heads_do_not_jump():
    for seed in range(20):
        turn = np.abs(np.diff(random_motion(seed, 100, NAMES).rotation, axis=0))
        assert turn.max() < 0.2, f"seed {seed}: {np.degrees(turn.max()):.0f} degrees between two frames"


def test_people_blink_talk_and_look_around():
    motions = [random_motion(seed, 250, NAMES) for seed in range(20)]
    index = {name: i for i, name in enumerate(NAMES)}
    blinks = np.mean([motion.expressions[:, index["eyeBlink_L"]].max() > 0.9 for motion in motions])
    mouths = np.mean([motion.expressions[:, index["jawOpen"]].max() > 0.2 for motion in motions])
    gazes = np.mean([np.ptp(motion.gaze[:, 0]) > 0.2 for motion in motions])
    assert min(blinks, mouths, gazes) > 0.9


def test_lids_cannot_be_wide_and_closed():
    index = {name: i for i, name in enumerate(NAMES)}
    for seed in range(10):
        weights = random_motion(seed, 250, NAMES).expressions
        closed, wide = weights[:, index["eyeBlink_R"]], weights[:, index["eyeWide_R"]]
        assert (wide[closed > 0.99] < 0.02).all()


@pytest.mark.parametrize("library", [VISEMES, EMOTIONS, MEME_FACES])
def test_faces_use_shapes_that_rigs_have(library):
    for name, face in library.items():
        assert set(face) <= {*NAMES, TONGUE}, name
        assert all(0 < weight <= 1 for weight in face.values()), name
