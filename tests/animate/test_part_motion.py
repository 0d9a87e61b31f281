"""Motion of head, eyes and mouth scaled apart, on faces whose motion is known: the mean face under a camera."""

import numpy as np
import pytest
import torch
from torch import Tensor

from megactor.animate.part_motion import PartMotion
from megactor.faces.head_pose import MEAN_FACE

EYES, LIPS, NOSE = [*range(36, 48), 68, 69], [*range(48, 68)], [*range(27, 36)]


def seen(yaw: float = 0.0, roll: float = 0.0, lids: float = 1.0, lips: float = 0.0, shift: float = 0.0) -> Tensor:
    """(1, 70, 2) keypoints in picture units: turned to the side and in the plane (degrees), lids closed, lips apart."""
    face = MEAN_FACE.copy()
    for first in (36, 42):
        middle = face[first : first + 6, 1].mean()
        face[first : first + 6, 1] = middle + lids * (face[first : first + 6, 1] - middle)
    face[[55, 56, 57, 58, 59, 65, 66, 67], 1] += lips
    face = np.vstack([face, face[42:48].mean(0), face[36:42].mean(0)])  # the person's left iris first
    a, b = np.radians([yaw, roll])
    turn = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    lean = np.array([[np.cos(b), -np.sin(b)], [np.sin(b), np.cos(b)]])
    return torch.tensor(((face @ turn.T)[:, :2] @ lean.T * 0.25 + 0.5 + shift)[None], dtype=torch.float32)


def off(points: Tensor, wanted: Tensor, of: list[int]) -> float:
    return float((points - wanted)[:, of].abs().max())


def test_factors_of_one_change_nothing():
    driven = seen(yaw=20, lids=0.2, lips=0.3)
    assert torch.equal(PartMotion()(seen(), driven), driven)
    nearly = PartMotion(turn=1.0, eyes=1.0, mouth=1.0 + 1e-6)(seen(), driven)
    torch.testing.assert_close(nearly, driven, atol=1e-5, rtol=0)


@pytest.mark.parametrize("yaw", [0, 20])
def test_eyes_and_mouth_are_kept_apart(yaw):
    portrait, driven = seen(), seen(yaw=yaw, lids=0.1, lips=0.3, shift=0.05)

    no_eyes = PartMotion(eyes=0.0)(portrait, driven)
    no_mouth = PartMotion(mouth=0.0)(portrait, driven)

    assert off(driven, seen(yaw=yaw, lips=0.3, shift=0.05), EYES) > 0.01, "the lids moved"
    assert off(no_eyes, seen(yaw=yaw, lips=0.3, shift=0.05), EYES) < 0.003
    assert off(no_eyes, driven, LIPS) < 1e-5
    assert off(no_mouth, seen(yaw=yaw, lids=0.1, shift=0.05), LIPS) < 0.003
    assert off(no_mouth, driven, EYES) < 1e-5


def test_factors_are_parts_of_the_way():
    portrait, driven = seen(), seen(lids=0.2, lips=0.2)
    half, more = (PartMotion(mouth=factor)(portrait, driven) for factor in (0.5, 1.5))
    assert off(half, seen(lids=0.2, lips=0.1), LIPS) < 0.003
    assert off(more, seen(lids=0.2, lips=0.3), LIPS) < 0.003


def test_a_head_that_may_not_turn_keeps_place_and_lean_and_goes_on_talking():
    portrait, driven = seen(), seen(yaw=25, roll=15, lips=0.2)
    wanted = seen(roll=15, lips=0.2)

    still = PartMotion(turn=0.0)(portrait, driven)

    def centered(points: Tensor) -> Tensor:
        return points - points[:, NOSE].mean(1, keepdim=True)

    assert off(centered(driven), centered(wanted), LIPS + EYES) > 0.01
    assert off(centered(still), centered(wanted), LIPS + EYES) < 0.01
    assert off(still, driven, NOSE) < 0.05, "in its place"


def test_irises_stay_in_their_eyes_where_the_portrait_looks_aside():
    half = PartMotion(turn=0.5)(seen(yaw=30), seen(yaw=-10))
    for iris, eye in ((68, range(42, 48)), (69, range(36, 42))):
        torch.testing.assert_close(half[:, iris], half[:, list(eye)].mean(1), atol=1e-3, rtol=0)


def test_turns_are_not_exaggerated_without_end():
    portrait, driven = seen(), seen(yaw=20)
    assert torch.equal(PartMotion(turn=1.5)(portrait, driven), PartMotion(turn=3.0)(portrait, driven))
