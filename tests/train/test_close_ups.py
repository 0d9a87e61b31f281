"""Tasks of the close-ups: what they are told and what counts as true."""

from functools import partial

import numpy as np
import pytest
import torch
from random_efficientnet import random_state

from megactor.errors import InputError
from megactor.models.dense_motion import DenseMotionNet
from megactor.models.dense_motion.close_up import CloseUp
from megactor.models.dense_motion.face_crops import UprightCrop
from megactor.train.config import CloseUpConfig
from megactor.train.tasks.close_up import CloseUpTask, _true_flow
from megactor.train.tasks.refiner import RefinerTask, spoilt


def crop(x: float, y: float, side: float, turn: float = 0.0) -> UprightCrop:
    angle = torch.tensor(turn)
    right = torch.stack([angle.cos(), angle.sin()]).view(1, 1, 2)
    return UprightCrop(torch.tensor([[[x, y]]]), right, torch.tensor([[[side]]]), mirrored=False)


def part(place: UprightCrop, source: UprightCrop) -> CloseUp:
    return CloseUp(place, source, torch.zeros(1, 2, 8, 8), torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 8, 8))


def batch(dx: float, dy: float) -> dict[str, torch.Tensor]:
    flow = torch.tensor([dx, dy]).view(1, 1, 2, 1, 1).expand(1, 1, 2, 16, 16)
    return {"flow": flow, "visible": torch.ones(1, 1, 1, 16, 16, dtype=torch.uint8), "flow_known": torch.ones(1)}


@pytest.mark.parametrize("turn", [0.0, 1.0])
def test_a_head_that_only_moved_has_no_flow_in_its_close_up(turn):
    """The crops moved along with it."""
    flow, shown, _ = _true_flow(part(crop(0.6, 0.5, 0.2, turn), crop(0.5, 0.45, 0.2, turn)), batch(-0.1, -0.05))
    torch.testing.assert_close(flow, torch.zeros(1, 2, 8, 8), atol=1e-5, rtol=0)
    torch.testing.assert_close(shown, torch.ones(1, 1, 8, 8))


def test_what_moved_against_the_head_has_a_flow_in_sizes_of_the_crop():
    flow, _, known = _true_flow(part(crop(0.5, 0.5, 0.2), crop(0.5, 0.5, 0.2)), batch(0.02, 0.0))
    torch.testing.assert_close(flow[:, 0], torch.full((1, 8, 8), 0.1))
    torch.testing.assert_close(flow[:, 1], torch.zeros(1, 8, 8), atol=1e-6, rtol=0)
    assert known.shape == (1, 1, 1, 1)


def test_spoilt_keypoints_are_near_the_true_ones():
    rng = np.random.default_rng(0)
    points = rng.uniform(0.3, 0.7, (70, 2)).astype(np.float32)
    errors = np.stack([spoilt(rng, points) - points for _ in range(200)]) * 128
    assert 1.0 < errors.std() < 3.5
    assert abs(errors.mean()) < 0.3


@pytest.mark.parametrize("task", [RefinerTask, partial(CloseUpTask, config=CloseUpConfig(kind="close_up"))])
def test_a_model_without_close_ups_is_told_so(task):
    with pytest.raises(InputError, match="this model has no"):
        task(DenseMotionNet(block_out_channels=(16, 16), attention_levels=(False, False)), seed=0)


def test_the_refiner_learns_to_find_points_again():
    torch.manual_seed(0)
    dense_motion = DenseMotionNet(
        block_out_channels=(16, 16),
        attention_levels=(False, False),
        keypoint_channels=(16, 16),
        refiner_channels=(8, 8, 8),
    )
    task = RefinerTask(dense_motion, seed=0)
    points = torch.from_numpy(np.random.default_rng(0).uniform(0.3, 0.7, (2, 1, 70, 2)).astype(np.float32))
    pictures = torch.randint(0, 256, (2, 1, 3, 64, 64), dtype=torch.uint8)
    batch = {
        "number": torch.arange(2),
        **dict.fromkeys(("target", "driver_shown"), pictures),
        **dict.fromkeys(("keypoints", "driving_keypoints"), points),
    }
    optimizer = torch.optim.Adam(dense_motion.refiner.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = task(batch, 0)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]
    assert dense_motion.keypoints.unet.conv_in.weight.grad is None, "nothing else learns"


def test_close_ups_and_their_critics_learn_at_once(tmp_path, monkeypatch):
    torch.save(random_state(), tmp_path / "efficientnet.pth")
    monkeypatch.setattr("megactor.metrics.perceptual.weights_file", lambda: tmp_path / "efficientnet.pth")
    torch.manual_seed(0)
    dense_motion = DenseMotionNet(
        block_out_channels=(16, 16),
        attention_levels=(False, False),
        keypoint_channels=(16, 16),
        close_up_channels=(8, 8, 8),
    )
    points = torch.from_numpy(np.random.default_rng(0).uniform(0.3, 0.7, (2, 1, 70, 2)).astype(np.float32))
    frames = torch.randint(0, 256, (2, 1, 3, 64, 64), dtype=torch.uint8)
    batch = {
        "number": torch.arange(2),
        "portrait": frames[:, 0].flip(-1),
        **dict.fromkeys(("target", "driving"), frames),
        "portrait_keypoints": points[:, 0],
        **dict.fromkeys(("keypoints", "driving_keypoints"), points),
        "flow": torch.zeros(2, 1, 2, 32, 32),
        "visible": torch.ones(2, 1, 1, 32, 32, dtype=torch.uint8),
        "flow_known": torch.ones(2),
    }

    def step(**weights: float) -> tuple[dict[str, float], list[torch.Tensor]]:
        dense_motion.zero_grad()
        task = CloseUpTask(dense_motion, CloseUpConfig(kind="close_up", **weights), seed=0)
        losses = task(batch, 0)
        losses["loss"].backward()
        critics = [weight for name, weight in task.named_parameters() if "critic" in name]
        assert bool(critics) == ("adversarial" in weights)
        assert all(weight.grad is not None for weight in critics)
        gradients = [weight.grad.clone() for weight in dense_motion.close_up.parameters() if weight.grad is not None]
        return {name: loss.item() for name, loss in losses.items()}, gradients

    plain, without = step()
    losses, with_critic = step(adversarial=0.5)
    total = plain["loss"] + losses["critic"] + 0.5 * losses["fooled"]
    assert losses["loss"] == pytest.approx(total, rel=1e-5)
    assert any(not torch.allclose(a, b) for a, b in zip(without, with_critic, strict=True)), "close-ups feel the critic"
    losses, with_features = step(perceptual=0.5)
    assert losses["loss"] == pytest.approx(plain["loss"] + 0.5 * losses["perceptual"], rel=1e-5)
    assert losses["perceptual"] > 0.01
    assert any(not torch.allclose(a, b) for a, b in zip(without, with_features, strict=True)), "and the features"
