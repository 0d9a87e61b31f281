import numpy as np
import pytest
from tiny_model import CenteredFaceAnalyzer

from megactor.metrics.motion import LEAST_SPREAD, MEASURES, follows, found_rate, read_motion
from megactor.metrics.stability import flicker, nearer_to_own
from megactor.metrics.statistics import estimate


def performance(seed: int, frames: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (frames, len(MEASURES)))


def test_a_scaled_copy_follows_and_a_mirrored_one_does_not():
    drive = performance(0)
    assert all(r == pytest.approx(1) for r in follows(0.3 * drive + 5, drive).values())
    assert all(r == pytest.approx(-1) for r in follows(-drive, drive).values())
    assert all(abs(r) < 0.5 for r in follows(performance(1), drive).values())


def test_a_still_drive_is_not_judged_and_a_still_result_follows_nothing():
    drive = performance(0) * [LEAST_SPREAD[name] * 0.5 for name in MEASURES]
    assert all(np.isnan(r) for r in follows(performance(1), drive).values())
    assert set(follows(np.zeros((40, len(MEASURES))), performance(0)).values()) == {0.0}


def test_frames_without_a_face_are_left_out():
    drive = performance(0)
    result = drive.copy()
    result[::2] = np.nan
    assert found_rate(result) == 0.5
    assert follows(result, drive)["yaw"] == pytest.approx(1)
    result[5:] = np.nan
    assert np.isnan(follows(result, drive)["yaw"])


def test_reading_frames():
    frames = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)
    found = read_motion(CenteredFaceAnalyzer(), frames)
    assert found.shape == (3, len(MEASURES)) and np.isfinite(found).all()
    assert found_rate(read_motion(CenteredFaceAnalyzer(found=False), frames)) == 0


def test_flicker_looks_at_the_background_only():
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    frames[1] = 51
    background = np.ones((3, 8, 8), bool)
    assert flicker(frames, background) == pytest.approx(0.2)
    frames[:, :4] = np.random.default_rng(0).integers(0, 256, (3, 4, 8, 3))
    background[:, :4] = False
    assert flicker(frames, background) == pytest.approx(0.2)
    assert np.isnan(flicker(frames, ~background & background))


def test_whose_picture_it_is():
    own, other = np.full((4, 32, 32, 3), 200, np.uint8), np.full((4, 32, 32, 3), 40, np.uint8)
    mixed = np.concatenate([own[:3], other[:1]])
    assert nearer_to_own(mixed, own, other) == 0.75


def test_estimates():
    values = np.random.default_rng(0).normal(10, 2, 100)
    result = estimate([*values, float("nan")])
    assert result.count == 100 and result.mean == pytest.approx(values.mean())
    assert result.low == pytest.approx(values.mean() - 0.39, abs=0.12)
    assert result.high == pytest.approx(values.mean() + 0.39, abs=0.12)
    assert estimate([float("nan")]).count == 0 and str(estimate([])) == "-"
