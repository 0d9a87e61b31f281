import numpy as np
import pytest
from fake_faces import face_at
from tiny_model import CenteredFaceAnalyzer

from megactor.metrics.motion import (
    LEAST_SPREAD,
    MEASURES,
    amplitudes,
    correlations,
    find_faces,
    follows,
    found_rate,
    performance,
)
from megactor.metrics.stability import beside_person, drift, flicker, jitter
from megactor.metrics.statistics import LEAST_CLIPS, bootstrap, estimate


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


def test_amplitude_is_what_r_cannot_see():
    drive = random_tracks(0)
    assert all(ratio == pytest.approx(0.5) for ratio in amplitudes(0.5 * drive + 3, drive).values())
    assert all(ratio == pytest.approx(1.8) for ratio in amplitudes(-1.8 * drive, drive).values())
    assert set(amplitudes(np.zeros_like(drive), drive).values()) == {0.0}


def test_the_amplitude_of_a_still_drive_would_be_one_of_noise():
    for share, judged in ((0.8, False), (1.2, True)):
        tracks = random_tracks(0)
        drive = tracks / tracks.std(0) * [LEAST_SPREAD[name] * share for name in MEASURES]
        assert all(np.isfinite(ratio) == judged for ratio in amplitudes(random_tracks(1), drive).values())


def test_who_loses_the_face_where_it_moves_most_does_not_gain():
    drive = np.repeat(random_tracks(0)[:, :1], len(MEASURES), axis=1)
    lost = drive.copy()
    lost[np.abs(drive[:, 0]) > 1] = np.nan
    rest = np.isfinite(lost[:, 0])
    assert np.corrcoef(lost[rest, 0], drive[rest, 0])[0, 1] == pytest.approx(1)
    assert all(r < 0.8 for r in follows(lost, drive).values())
    assert all(ratio < 0.8 for ratio in amplitudes(lost, drive).values())
    nowhere = np.full_like(drive, np.nan)
    assert set(follows(nowhere, drive).values()) == set(amplitudes(nowhere, drive).values()) == {0.0}


def test_frames_whose_drive_is_unknown_are_left_out():
    drive = random_tracks(0)
    result = drive.copy()
    drive[::2] = np.nan
    result[::2] = 7
    assert follows(result, drive)["yaw"] == pytest.approx(1) == amplitudes(result, drive)["yaw"]
    drive[6:] = np.nan
    assert np.isnan(follows(result, drive)["yaw"]) and np.isnan(amplitudes(result, drive)["yaw"])


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


def test_a_frame_that_comes_again_is_not_read_again():
    counting = Counting()
    frames = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)
    faces = find_faces(counting, frames[[0, 0, 1, 2, 2, 2, 0]])
    assert counting.calls == 4 and faces[0] is faces[1] and faces[3] is faces[5] and len(faces) == 7


class Counting(CenteredFaceAnalyzer):
    calls = 0

    def faces(self, image):
        self.calls += 1
        return super().faces(image)


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


def test_a_face_trembles_or_moves():
    smooth = [face_at(40 + 3 * t, 50, 30) for t in range(8)]
    still = [face_at(40, 50, 30)] * 8
    trembling = [face_at(40 + 3 * t + (t % 2) * 0.5, 50, 30) for t in range(8)]
    assert jitter(still) == 0 and jitter(smooth) == pytest.approx(0, abs=1e-6)
    eyes = np.linalg.norm(np.diff(smooth[0].landmarks68[[36, 45]], axis=0))
    assert jitter(trembling) == pytest.approx(0.5 / eyes, rel=1e-4)
    assert jitter([*trembling[:5], None, *still]) == pytest.approx(0.5 / eyes / 3, rel=1e-4)  # 3 and 6 triples
    assert np.isnan(jitter([*still[:2], None, *still[:2]]))


def test_a_silhouette_that_drags_the_background_along_is_seen_beside_the_person():
    portrait = np.random.default_rng(0).integers(0, 100, (64, 64, 3), np.uint8)
    person = np.zeros((64, 64), bool)
    person[20:, 24:40] = True
    still = np.stack([portrait] * 2)
    people = np.stack([person, np.roll(person, 3, axis=1)])
    assert beside_person(still, portrait, people, person) == 0
    moved = still.copy()
    moved[0, 20:, 24:40] += 90  # the person may change, wherever either shows it
    moved[1, 20:, 24:43] += 90
    moved[:, :, :8] += 50  # so may what is far away
    assert beside_person(moved, portrait, people, person) == 0
    moved[:, 20:, 20:24] += 51
    halo = beside_person(moved, portrait, people, person)
    assert 0.2 * 0.15 < halo < 0.2 * 0.4
    assert np.isnan(beside_person(still, portrait, np.ones_like(people), person))


def test_estimates():
    values = np.random.default_rng(0).normal(10, 2, 100)
    result = estimate([*values, float("nan")])
    assert result.count == 100 and result.mean == pytest.approx(values.mean())
    assert result.low == pytest.approx(values.mean() - 0.39, abs=0.12)
    assert result.high == pytest.approx(values.mean() + 0.39, abs=0.12)
    assert estimate([float("nan")]).count == 0 and str(estimate([])) == "-"
    skewed = [1.0] * 6 + [1000.0]
    assert estimate(skewed, median=True).mean == 1 and estimate(skewed).mean > 100


def test_a_few_clips_make_nobody_sure():
    few = estimate([1.0] * (LEAST_CLIPS - 1))
    assert few.mean == 1 and np.isnan([few.low, few.high]).all() and "too few" in str(few)
    assert not few.excludes(0)
    assert estimate([1.0, 1.1, 0.9] * 2).excludes(0) and not estimate([1.0, 1.1, -0.9] * 2).excludes(0)


@pytest.mark.parametrize("clips", [6, 12])
def test_an_interval_of_95_percent_is_right_that_often(clips):
    draws = np.random.default_rng(1).normal(0, 1, (400, clips))
    assert 0.91 < np.mean([not estimate(values).excludes(0) for values in draws]) < 0.98


def test_other_figures_of_clips():
    weights, values = np.array([1.0, 3.0] * 4), np.array([2.0, 4.0] * 4)
    pooled = bootstrap(8, lambda chosen: (weights * values)[chosen].sum(-1) / weights[chosen].sum(-1))
    assert pooled.mean == pytest.approx(3.5) and 2 < pooled.low < 3.5 < pooled.high <= 4
