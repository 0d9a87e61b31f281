from types import SimpleNamespace

import numpy as np
import pytest
from fake_faces import face_at

from megactor.evaluation.rendered_truth import true_performance
from megactor.metrics.motion import MEASURES

NAMES = ("eyeBlink_L", "jawOpen", "eyeBlink_R")


def frame(yaw: float = 0.0, blink: float = 0.0, chin: float = 0.6):
    """A moment of a clip whose lower lip is where the chin takes it."""
    face = face_at(0, 0, moved={14: (0, 0.3 + (chin - 0.6)), 152: (0, chin)})
    pose = SimpleNamespace(
        rotation=np.array([0.1, yaw, 0.0]), gaze=np.array([0.2, 0.0]), expressions=np.array([blink, 1.0, blink])
    )
    return SimpleNamespace(rendered={"target": SimpleNamespace(landmarks=face.landmarks68)}, pose=pose)


def read(*frames):
    rows = true_performance(frames, "target", SimpleNamespace(yaw=0.05, pitch=-0.3), NAMES)
    assert rows.shape == (len(frames), len(MEASURES))
    return [dict(zip(MEASURES, row, strict=True)) for row in rows]


def test_head_and_gaze_are_seen_from_the_camera():
    (row,) = read(frame(yaw=0.2))
    assert (row["yaw"], row["pitch"], row["gaze"]) == pytest.approx((0.25, -0.2, 0.2))


def test_an_open_mouth_is_larger():
    closed, opened = read(frame(), frame(chin=0.75))
    assert closed["mouth"] == pytest.approx(0, abs=1e-6) and opened["mouth"] > 0.1


def test_what_cannot_be_seen_is_unknown():
    turned, asleep, awake = read(frame(yaw=0.5), frame(blink=0.6), frame())
    assert np.isnan([turned["lids"], turned["gaze"], asleep["gaze"]]).all()
    assert np.isfinite([turned["mouth"], turned["yaw"], asleep["lids"], awake["gaze"]]).all()
