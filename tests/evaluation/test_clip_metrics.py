"""One result judged: what counts where the face is lost, and what is looked at closely."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from fake_faces import face_at

from megactor.evaluation.case import Case, CaseId
from megactor.evaluation.clip_metrics import Judge
from megactor.faces.face import Face

FRAMES, SIDE = 8, 256
FACE = face_at(128, 128, 100)


class BrightFaces:
    """The face opens its mouth with the light of the picture's corner; black corners have no face."""

    def faces(self, image: np.ndarray) -> list[Face]:
        light = int(image[0, 0, 0])
        if light == 0:
            return []
        return [face_at(128, 128, 100, {14: (0, 0.3 + 0.002 * light)}).moved(len(image) / SIDE, (0, 0))]

    def near_faces(self, image: np.ndarray) -> list[Face]:
        return self.faces(image)

    def foreground(self, image: np.ndarray) -> np.ndarray:
        mask = np.zeros(image.shape[:2], np.float32)
        mask[60:, 80:180] = 1
        return mask

    def close(self) -> None:
        pass


@pytest.fixture
def truth():
    frames = np.random.default_rng(0).integers(90, 110, (FRAMES, SIDE, SIDE, 3)).astype(np.uint8)
    frames[:, :8, :8] = (20 + 30 * np.abs(np.arange(FRAMES) - 3))[:, None, None, None]
    return frames


def case_of(truth: np.ndarray, cross: bool) -> Case:
    key = CaseId("a", "-", "a", cross)
    return Case(
        key, Fraction(25), truth[0], truth, np.tile(FACE.box, (FRAMES, 1)), None if cross else truth,
        np.zeros(truth.shape[:3], bool), not cross, (FACE.landmarks68, FACE.landmarks68),
    )  # fmt: skip


@pytest.mark.parametrize("cross", [False, True])
def test_losing_the_face_where_the_mouth_opens_does_not_pay(truth, cross):
    judge = Judge(case_of(truth, cross), BrightFaces())
    copy, lost = truth.copy(), truth.copy()
    lost[5:, :8, :8] = 0
    kept, dropped = judge.metrics(copy), judge.metrics(lost)
    assert kept["r_mouth"] == pytest.approx(1) == kept["amplitude_mouth"] and kept["aed"] == pytest.approx(0, abs=1e-6)
    assert dropped["found"] == 5 / 8 and dropped["r_mouth"] < 0.8 and dropped["amplitude_mouth"] < 0.8
    assert dropped["aed"] > 0.05 and ("nme" in dropped) is not cross


def test_a_lost_face_is_looked_for_where_it_should_be(truth):
    """A frame without a face, painted over, is not the portrait's person, though the analyzer sees nobody in it."""
    judge = Judge(case_of(truth, cross=True), BrightFaces())
    lost = truth.copy()
    lost[4:, :8, :8] = 0
    hidden = lost.copy()
    hidden[4:, 60:, 60:200] = 0
    assert judge.metrics(hidden)["identity_difference"] > judge.metrics(lost)["identity_difference"] + 15


def test_the_embedding_is_compared_with_the_portraits(truth):
    judge = Judge(case_of(truth, cross=True), BrightFaces(), embedding=lambda picture, points: picture[-1, -1] / 100)
    result = truth.copy()
    result[:, -1, -1] = truth[0, -1, -1] + np.array([30, 40, 0], np.uint8)
    result[0] = 0  # which may be the portrait itself
    assert judge.metrics(result)["face_distance"] == pytest.approx(0.5)


def test_the_distance_of_the_face_is_that_of_the_face(truth):
    judge = Judge(case_of(truth, cross=False), BrightFaces(), lambda a, b: (a - b).abs().mean((1, 2, 3)))
    assert judge.metrics(truth.copy())["lpips_face"] == 0
    elsewhere, inside = truth.copy(), truth.copy()
    elsewhere[:, 200:] = 0
    inside[:, 120:140, 120:140] = 0
    assert judge.metrics(elsewhere)["lpips_face"] == 0 < judge.metrics(elsewhere)["lpips"]
    metrics = judge.metrics(inside)
    assert metrics["lpips_face"] > 3 * metrics["lpips"]


def test_the_perceptual_distance_is_that_of_the_face_in_sixteen_frames(truth):
    seen = []

    def distance(made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
        assert made.shape == true.shape == (len(made), 3, 224, 224)
        seen.append(len(made))
        return (made - true).abs().mean((1, 2, 3))

    truth = np.concatenate([truth] * 3)
    judge = Judge(case_of(truth, cross=False), BrightFaces(), perceptual=distance)
    assert judge.metrics(truth.copy())["perceptual_face"] == 0
    assert sum(seen) == 16
    elsewhere, inside = truth.copy(), truth.copy()
    elsewhere[:, 200:] = 0
    inside[:, 120:140, 120:140] = 0
    assert judge.metrics(elsewhere)["perceptual_face"] == 0 < judge.metrics(inside)["perceptual_face"]


def test_there_is_no_distance_of_a_face_that_the_truth_does_not_show(truth):
    truth[:, :8, :8] = 0
    judge = Judge(case_of(truth, cross=False), BrightFaces(), lambda a, b: (a - b).abs().mean((1, 2, 3)))
    metrics = judge.metrics(truth.copy())
    assert np.isnan(metrics["lpips_face"]) and metrics["lpips"] == 0 and np.isnan(metrics["jitter"])
