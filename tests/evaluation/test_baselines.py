from fractions import Fraction

import cv2
import numpy as np
import pytest
from fake_faces import FakeAnalyzer, face_at, frame_of

from megactor.evaluation.baselines import landmark_warp, like_portrait, still_portrait, warp
from megactor.evaluation.case import Case, CaseId
from megactor.faces.face import Face


def blob(x: float, y: float, size: int = 128) -> np.ndarray:
    ys, xs = np.mgrid[:size, :size] + 0.5
    light = 255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 40)
    return np.repeat(light[..., None], 3, axis=-1).astype(np.uint8)


def center(picture: np.ndarray) -> np.ndarray:
    light = picture[..., 0].astype(float)
    ys, xs = np.mgrid[: len(picture), : len(picture)] + 0.5
    return np.array([(xs * light).sum(), (ys * light).sum()]) / light.sum()


def test_points_go_where_they_are_sent_and_the_border_stays():
    picture = blob(64, 64)
    picture[:2] = 200
    source = np.array([(x, y) for x in (54, 64, 74) for y in (54, 64, 74)], float)
    moved = warp(picture, source, source + np.array([10, -4]))
    assert center(np.where(np.arange(128)[:, None, None] > 20, moved, 0)) == pytest.approx((74, 60), abs=1)
    assert moved[0].mean() == pytest.approx(200, abs=8)


def test_without_motion_nothing_changes():
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8), (0, 0), 2)
    points = np.array([(40, 40), (80, 40), (64, 90)], float)
    assert np.abs(warp(picture, points, points).astype(int) - picture).max() <= 1


def case(first_is_portrait: bool = True) -> Case:
    driver = np.stack([frame_of(number, 96, 96) for number in range(3)])
    none = np.zeros((68, 2))
    return Case(
        CaseId("a", "-", "a", False), Fraction(25), driver[0], driver, np.zeros((3, 4)), driver,
        np.ones(driver.shape[:3], bool), first_is_portrait, (none, none),
    )  # fmt: skip


class Reads(FakeAnalyzer):
    """Pictures are enlarged before they are read: places count in the enlarged ones."""

    def faces(self, image: np.ndarray) -> list[Face]:
        return [face.moved(image.shape[0] / 96, (0, 0)) for face in self.faces_of_frames[int(image[50, 50, 0])]]


def test_the_warp_follows_the_driver_and_holds_where_no_face_is_seen():
    face = face_at(48, 48, 30)
    moved = face_at(54, 48, 30)
    result = landmark_warp(case(), Reads([face], [moved], []))
    assert np.abs(result[0].astype(int) - case().portrait).max() <= 1
    assert result[1][48, 54, 1] == pytest.approx(48, abs=3)  # green holds the column that a pixel came from
    assert (result[2] == result[1]).all()


def test_a_driver_without_a_face_moves_nothing():
    unseen = case()
    assert (landmark_warp(unseen, Reads([], [], [])) == still_portrait(unseen)).all()


def test_the_driver_is_met_where_its_pose_is_the_portraits():
    straight = face_at(0, 0)
    turned = face_at(0, 0, moved={1: (0.3, 0.15), 168: (0.1, -0.15)})
    faces = [turned, None, straight]
    assert like_portrait(straight, faces, first_is_portrait=False) == 2
    assert like_portrait(straight, faces, first_is_portrait=True) == 0
    assert like_portrait(None, faces, first_is_portrait=False) == 0
    assert like_portrait(straight, [None, straight], first_is_portrait=True) is None
    assert like_portrait(straight, [None], first_is_portrait=False) is None
