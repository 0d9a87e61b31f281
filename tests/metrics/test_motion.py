import numpy as np
import pytest
from tiny_model import CenteredFaceAnalyzer

from megactor.metrics.motion import (
    LEAST_SPREAD,
    MEASURES,
    correlations,
    find_faces,
    follows,
    found_rate,
    performance,
)
from megactor.metrics.stability import drift, flicker
from megactor.metrics.statistics import estimate


def random_tracks(seed: int, frames: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (frames, len(MEASURES)))


def test_a_scaled_copy_follows_and_a_mirrored_one_does_not():
    drive = random_tracks(0)
    assert all(r == pytest.approx(1) for r in follows(0.3 * drive + 5, drive).values())
    assert all(r == pytest.approx(-1) for r in follows(-drive, drive).values())
    assert all(abs(r) < 0.5 for r in follows(random_tracks(1), drive).values())


def test_a_still_drive_is_not_judged_and_a_still_result_follows_nothing():
    drive = random_tracks(0) * [LEAST_SPREAD[name] * 0.5 for name in MEASURES]
    assert all(np.isnan(r) for r in follows(random_tracks(1), drive).values())
    assert set(follows(np.zeros((40, len(MEASURES))), random_tracks(0)).values()) == {0.0}


def test_frames_without_a_face_are_left_out():
    drive = random_tracks(0)
    result = drive.copy()
    result[::2] = np.nan
    assert follows(result, drive)["yaw"] == pytest.approx(1)
    result[5:] = np.nan
    assert np.isnan(follows(result, drive)["yaw"])


def test_what_is_unknown_of_one_measure_does_not_touch_the_others():
    drive = random_tracks(0)
    drive[10:, MEASURES.index("gaze")] = np.nan
    drive[:, MEASURES.index("lids")] = np.nan
    result = random_tracks(0)
    result[:10, MEASURES.index("gaze")] *= -1
    found = correlations(result, drive)
    assert found["gaze"] == pytest.approx(-1) and found["mouth"] == pytest.approx(1) and np.isnan(found["lids"])


def test_correlations_ask_for_movement_but_not_for_its_size():
    drive = random_tracks(0)
    assert all(r == pytest.approx(1) for r in correlations(drive, 1e-4 * drive).values())
    assert all(np.isnan(r) for r in correlations(drive, 0 * drive).values())


@pytest.mark.parametrize("side", [40, 500])
def test_faces_are_given_in_pixels_of_the_frame(side):
    frames = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), np.uint8)
    faces = find_faces(CenteredFaceAnalyzer(), frames)
    assert all(0.2 * side < face.box[0] < face.box[2] < 0.8 * side for face in faces)
    measured = performance([*faces, None])
    assert measured.shape == (3, len(MEASURES)) and np.isfinite(measured[:2]).all() and np.isnan(measured[2]).all()
    assert found_rate(find_faces(CenteredFaceAnalyzer(found=False), frames)) == 0
    assert found_rate([*faces, None, None]) == 0.5


def test_flicker_looks_at_the_background_only():
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    frames[1] = 51
    background = np.ones((3, 8, 8), bool)
    assert flicker(frames, background) == pytest.approx(0.2)
    frames[:, :4] = np.random.default_rng(0).integers(0, 256, (3, 4, 8, 3))
    background[:, :4] = False
    assert flicker(frames, background) == pytest.approx(0.2)
    assert np.isnan(flicker(frames, ~background & background))


def test_drift_is_what_flicker_misses():
    frames = np.zeros((52, 4, 4, 3), np.uint8) + np.arange(52, dtype=np.uint8)[:, None, None, None]
    background = np.ones((52, 4, 4), bool)
    assert flicker(frames, background) == pytest.approx(1 / 255)
    assert drift(frames, background) == pytest.approx(26 / 255)
    background[0] = False
    assert np.isnan(drift(frames, background))


def test_estimates():
    values = np.random.default_rng(0).normal(10, 2, 100)
    result = estimate([*values, float("nan")])
    assert result.count == 100 and result.mean == pytest.approx(values.mean())
    assert result.low == pytest.approx(values.mean() - 0.39, abs=0.12)
    assert result.high == pytest.approx(values.mean() + 0.39, abs=0.12)
    assert estimate([float("nan")]).count == 0 and str(estimate([])) == "-"
