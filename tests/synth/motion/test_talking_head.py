"""Talking heads move as little as people in real videos do, and blink and speak as they do."""

import numpy as np
import pytest
from synth_toy_rig import toy_rig

from megactor.synth.motion.performance import random_motion
from megactor.synth.motion.speech import speak
from megactor.synth.streams import stream

NAMES = toy_rig().expression_names
INDEX = {name: i for i, name in enumerate(NAMES)}
FPS, SECONDS = 50.0, 8


@pytest.fixture(scope="module")
def talks():
    return [random_motion(seed, int(FPS * SECONDS), NAMES, FPS, talking_head=True) for seed in range(60)]


def track(motion, name):
    return motion.expressions[:, INDEX[name]]


def test_the_head_is_as_still_as_in_real_videos(talks):
    """Median over clips of the standard deviation within a clip; real ones: pitch 1.5, yaw 1.2 to 2.3, roll 1.7."""
    pitch, yaw, roll = np.median([np.degrees(talk.rotation.std(axis=0)) for talk in talks], axis=0)
    assert 0.8 < pitch < 2 and 0.9 < yaw < 2.4 and 0.8 < roll < 2
    lively = [random_motion(seed, 200, NAMES) for seed in range(20)]
    assert np.median([np.degrees(motion.rotation[:, 1].std()) for motion in lively]) > 4 * yaw


def test_heads_rest_at_different_angles(talks):
    resting = np.degrees([talk.rotation.mean(axis=0) for talk in talks])
    assert (resting.std(axis=0) > 2.5).all() and np.abs(resting).max() < 30


def test_eyes_rest_and_jump(talks):
    still, jumps = [], []
    for talk in talks:
        looked_at = talk.gaze[:, 0] + talk.rotation[:, 1]  # what the eyes do beyond making up for the head
        speed = np.abs(np.diff(np.degrees(looked_at))) * FPS
        still.append((speed < 5).mean())
        jumps.append((speed[1:] > 15).sum())
    assert np.median(still) > 0.85 and np.median(jumps) > 4
    assert 0.8 < np.median([np.degrees(talk.gaze[:, 0].std()) for talk in talks]) < 3.5


def test_blinks_are_as_long_and_as_many_as_real_ones(talks):
    lengths, count = [], 0
    for talk in talks:
        closed = np.concatenate([[0], track(talk, "eyeBlink_L") > 0.5, [0]]).astype(int)
        edges = np.diff(closed)
        runs = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
        lengths += (runs / FPS).tolist()
        count += len(runs)
    a_minute = count / (len(talks) * SECONDS / 60)
    assert 10 < a_minute < 25
    assert 0.06 < np.median(lengths) < 0.25 and np.percentile(lengths, 95) < 0.4  # more than half closed


def test_mouths_are_busy_and_lips_meet_between_vowels(talks):
    talking = [talk for talk in talks if track(talk, "jawOpen").max() > 0.1]
    assert 0.8 * len(talks) < len(talking) < len(talks), "some only listen"
    rates = []
    for talk in talking:
        jaw = track(talk, "jawOpen")
        peaks = (jaw[1:-1] > jaw[:-2]) & (jaw[1:-1] >= jaw[2:]) & (jaw[1:-1] > 0.05)
        rates.append(peaks.sum() / SECONDS)
    assert 1.5 < np.median(rates) < 5
    assert np.median([(track(talk, "jawOpen") < 0.03).mean() for talk in talking]) > 0.1


def test_most_smiles_are_small_and_brows_are(talks):
    smiles = np.concatenate([track(talk, "mouthSmile_L") for talk in talks])
    brows = np.concatenate([track(talk, "browInnerUp_L") for talk in talks])
    assert 0.05 < smiles.mean() < 0.35 and np.percentile(smiles, 95) < 0.75
    assert (brows > 0.1).mean() > 0.01 and brows.max() < 0.75


def test_many_bare_their_upper_teeth_when_they_smile_and_some_do_not(talks):
    together = []
    for talk in talks:
        smile, lip = track(talk, "mouthSmile_L"), track(talk, "mouthUpperUp_L")
        if smile.std() > 0.03:
            together.append(np.corrcoef(smile, lip)[0, 1] if lip.std() > 0 else 0.0)
    assert 0.3 < (np.array(together) > 0.5).mean() < 0.8


def test_the_same_talk_at_another_rate_is_the_same_talk():
    slow, fast = (random_motion(5, round(4 * fps), NAMES, fps, talking_head=True) for fps in (8.0, 24.0))
    np.testing.assert_allclose(slow.expressions, fast.expressions[::3], atol=1e-5)
    np.testing.assert_allclose(slow.rotation, fast.rotation[::3], atol=1e-5)
    np.testing.assert_allclose(slow.gaze, fast.gaze[::3], atol=1e-5)


def test_speech_is_in_order():
    for seed in range(30):
        speech = speak(stream(seed, "speech"), 5.0)
        times = [time for time, _ in speech.keys]
        assert (np.diff(times) > 0).all() and times[0] < 0 and times[-1] > 5
        assert set(speech.stresses) <= set(times)
