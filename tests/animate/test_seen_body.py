"""SeenBody: ways of the driver's chest become ways from the portrait."""

import numpy as np
import pytest
import torch

from megactor.animate.seen_body import SeenBody
from megactor.models.dense_motion.body_motion import BodyMotion

PORTRAIT = torch.rand(1, 70, 2, generator=torch.Generator().manual_seed(0))
FRAMES = torch.rand(4, 70, 2, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def body() -> BodyMotion:
    torch.manual_seed(0)
    network = BodyMotion(16).requires_grad_(False)
    torch.nn.init.normal_(network.proj_out.weight, std=3)
    return network


def told(body: BodyMotion, keypoints: torch.Tensor) -> torch.Tensor:
    """What the faces say, but for what may be a mistake."""
    return torch.nn.functional.softshrink(body(PORTRAIT.expand(len(keypoints), -1, -1), keypoints), 0.04)


def ways(*shifts: float | None) -> list[np.ndarray | None]:
    return [None if shift is None else np.array([shift, 0, 0], np.float32) for shift in shifts]


def test_it_starts_where_the_faces_say_and_goes_the_seen_way(body):
    start = told(body, FRAMES[:1])[0]
    assert start.abs().max() > 0.05

    seen = SeenBody(body, PORTRAIT)(FRAMES, ways(0.0, 0.1, 0.2, 0.1), [False] * 4)

    torch.testing.assert_close(seen[0], start)
    torch.testing.assert_close(seen[:, 0] - start[0], torch.tensor([0.0, 0.1, 0.2, 0.1]))


def test_a_learned_frame_is_where_the_faces_say(body):
    follow = SeenBody(body, PORTRAIT)
    follow.learn(FRAMES[2], ways(0.2)[0])

    seen = follow(FRAMES, ways(0.0, 0.1, 0.2, 0.1), [True, False, False, False])

    torch.testing.assert_close(seen[2], told(body, FRAMES[2:3])[0])
    torch.testing.assert_close(seen[0, 0] - seen[2, 0], torch.tensor(-0.2))


def test_every_shot_starts_anew(body):
    seen = SeenBody(body, PORTRAIT)(FRAMES, ways(0.0, 0.3, 0.0, 0.1), [True, False, True, False])

    for first in (0, 2):
        torch.testing.assert_close(seen[first], told(body, FRAMES[first : first + 1])[0])


def test_frames_without_a_chest_are_left_to_the_face(body):
    seen = SeenBody(body, PORTRAIT)(FRAMES, ways(None, None, 0.0, 0.1), [False] * 4)

    torch.testing.assert_close(seen[:3], told(body, FRAMES[:3]))
    torch.testing.assert_close(seen[3, 0] - seen[2, 0], torch.tensor(0.1))


def test_a_body_that_is_seen_no_more_follows_the_face_from_where_it_was(body):
    still = FRAMES[:1].expand(6, -1, -1)

    seen = SeenBody(body, PORTRAIT)(still, ways(0.0, 0.2, None, None, None, None), [False] * 6)

    way = seen[:, 0] - told(body, still)[:, 0]
    assert way[1] == pytest.approx(0.2)
    assert (way[2:] > 0).all() and (way[2:] < way[1:-1]).all()
    assert (way[1:-1] - way[2:]).max() < 0.05


def test_a_body_that_is_seen_again_comes_back_without_a_leap(body):
    still = FRAMES[:1].expand(30, -1, -1)

    seen = SeenBody(body, PORTRAIT)(still, ways(0.0, *[None] * 4, *[0.2] * 25), [False] * 30)

    way = seen[:, 0] - told(body, still)[:, 0]
    assert (way[1:] - way[:-1]).max() < 0.1
    assert way[-1] == pytest.approx(0.2)


def test_small_motions_that_only_a_face_tells_move_no_body(body):
    torch.nn.init.normal_(body.proj_out.weight, std=0.05)
    told = body(PORTRAIT.expand(4, -1, -1), FRAMES).abs().max()
    assert 0 < told < 0.04

    assert not SeenBody(body, PORTRAIT)(FRAMES, ways(None, None, None, None), [False] * 4).any()
