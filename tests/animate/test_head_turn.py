"""HeadTurn: one head turned as another one is."""

import numpy as np
import pytest
import torch
from tiny_model import tiny_pipeline

from megactor.animate.encoding import DrivingEncoder, encode_portrait
from megactor.animate.head_turn import HeadTurn
from megactor.drive.masking import DrivingCrop
from megactor.drive.pictures import read_picture
from megactor.faces.head_pose import MEAN_FACE, head_pose


def rotation(yaw: float, pitch: float) -> np.ndarray:
    """(3, 3) of the axes right, down, away; degrees."""
    a, b = np.radians([yaw, pitch])
    across = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    down = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return down @ across


def face(yaw: float, pitch: float, size: float = 0.2, wide: float = 1.0) -> torch.Tensor:
    """(70, 2) keypoints in picture units of a face that looks somewhere."""
    irises = np.stack([MEAN_FACE[42:48].mean(0), MEAN_FACE[36:42].mean(0)])
    solid = np.concatenate([MEAN_FACE, irises]) * [wide, 1, 1]
    return torch.from_numpy(size * (solid @ rotation(yaw, pitch).T)[:, :2] + [0.5, 0.4]).float()


def degrees(points: torch.Tensor) -> np.ndarray:
    return head_pose(points[:68].double().numpy()).degrees


def test_a_start_is_turned_as_the_portrait_is():
    start, portrait = face(2, -4), face(-20, 14)

    turned = HeadTurn.between(start, portrait)(start[None])[0]

    torch.testing.assert_close(turned, portrait, atol=2e-3, rtol=0)


@pytest.mark.parametrize(("yaw", "pitch"), [(15, 0), (0, 12), (-10, -8)])
def test_turns_add_up(yaw, pitch):
    turn = HeadTurn.between(face(0, 0), face(-18, 0))

    turned = degrees(turn(face(yaw, pitch)[None])[0])

    np.testing.assert_allclose(turned[:2], [yaw - 18, pitch], atol=4)


def test_who_looks_alike_is_left_alone():
    start = face(7, 3)
    frames = torch.stack([face(-12, 5, wide=1.1), face(20, -6)])

    torch.testing.assert_close(HeadTurn.between(start, start)(frames), frames, atol=1e-5, rtol=0)


def test_expressions_and_places_stay():
    """A mouth that opens opens as far in a face that is turned; the head does not wander."""
    turn = HeadTurn.between(face(0, 0), face(-15, 0))
    shut, opened = face(3, 0), face(3, 0)
    opened[[57, 65, 66, 67], 1] += 0.03

    turned = turn(torch.stack([shut, opened]))

    torch.testing.assert_close(turned[1, 66] - turned[0, 66], torch.tensor([0.0, 0.03]), atol=3e-3, rtol=0)
    eyes = turned[0, 36:48].mean(0) - shut[36:48].mean(0)
    assert eyes.norm() < 0.03


@torch.no_grad()
@pytest.mark.parametrize(
    ("learned", "turns", "yaws"), [(0, True, (-20, -14)), (2, True, (-26, -20)), (0, False, (0, 6))]
)
def test_a_driver_starts_as_the_portrait_is_turned(monkeypatch, learned, turns, yaws):
    """From the frame that is most like it, where some are known beforehand, else from the first one."""
    pipe = tiny_pipeline()
    pipe.dense_motion.register_to_config(head_change=1.0, expression_gains=(1.0, 1.0, 1.0))
    monkeypatch.setattr(pipe.dense_motion, "find_keypoints", lambda image: face(-20, 0)[None])
    picture = np.random.default_rng(1).integers(0, 255, (96, 96, 3), np.uint8)
    parts = pipe.vae, pipe.image_encoder, torch.device("cpu"), torch.float32
    portrait = encode_portrait(pipe.read_portrait(read_picture(picture), 0, 64), 0, *parts)
    encoder = DrivingEncoder(pipe.pose_guider, portrait, pipe.dense_motion, lambda image: image, turns=turns)
    found, crops = torch.stack([face(0, 0), face(6, 0)]), [DrivingCrop(np.zeros((64, 64, 3), np.uint8))] * 2

    # of these the second is nearer to the portrait
    encoder.learn(torch.stack([face(12, 0), face(6, 0)])[:learned], crops[:learned])
    followed = encoder.follow(found, crops)

    assert followed is not None
    np.testing.assert_allclose([degrees(points)[0] for points in followed.animated], yaws, atol=3)
    torch.testing.assert_close(followed.driving, found)
    again = encoder.follow(face(30, 0)[None], [crops[0]._replace(starts=True)])
    assert again is not None
    after = yaws[1] + 24 if learned or not turns else -20  # who was learned is known in all shots
    np.testing.assert_allclose(degrees(again.animated[0])[0], after, atol=5)
