"""The task of the motion UNet: what counts as the body, and that its motion is learned from the face's."""

import pytest
import torch

from megactor.models.dense_motion import DenseMotionNet
from megactor.models.dense_motion.flow import zoom_flow
from megactor.train.samples import Batch
from megactor.train.tasks import motion
from megactor.train.tasks.body import BodyTask, chest_of, fitted_zoom, seen_body
from megactor.train.tasks.finder_errors import SeenKeypoints
from megactor.train.tasks.motion import MotionTask


def face(left: float) -> torch.Tensor:
    """(1, 70, 2): a face 0.4 high whose chin is in the middle of the picture."""
    points = torch.rand(1, 70, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.3, 0.3])
    points = points + torch.tensor([left, 0.15])
    points[:, 0, 1], points[:, 8, 1] = 0.1, 0.5
    return points


def test_the_chest_is_what_moves_well_below_the_chin():
    flow = torch.zeros(1, 2, 32, 32)
    flow[:, 0, :, 8:24] = 0.1

    chest = chest_of(flow, face(0.3))

    expected = torch.zeros(1, 1, 32, 32)
    expected[..., 20:, 8:24] = 1  # 0.5 + 0.3 * 0.4 of 32 rows
    torch.testing.assert_close(chest, expected)


def swaying(count: int) -> Batch:
    """People who are shifted as a whole, each by another distance, in front of one wall."""
    shifts = torch.linspace(-0.1, 0.1, count)
    portrait = face(0.35).expand(count, -1, -1)
    frames = (portrait - torch.stack([shifts, torch.zeros(count)], 1)[:, None])[:, None]
    flow = torch.zeros(count, 1, 2, 32, 32)
    flow[:, :, 0] = shifts.view(-1, 1, 1, 1)
    gray = torch.full((count, 1, 3, 64, 64), 128, dtype=torch.uint8)
    return {
        "number": torch.arange(count),
        "portrait": gray[:, 0],
        **dict.fromkeys(("target", "driving"), gray),
        "portrait_keypoints": portrait,
        "anchor_keypoints": portrait,
        **dict.fromkeys(("keypoints", "driving_keypoints"), frames),
        "flow": flow,
        "visible": torch.ones(count, 1, 1, 32, 32, dtype=torch.uint8),
        "flow_known": torch.ones(count),
    }


@pytest.fixture
def network() -> DenseMotionNet:
    torch.manual_seed(0)
    return DenseMotionNet(
        block_out_channels=(16, 16), attention_levels=(False, False), keypoint_channels=(16, 16), body_width=32
    )


def test_the_bodys_motion_is_learned_from_the_face(network):
    task, batch = BodyTask(network, seed=0), swaying(8)
    with torch.no_grad():
        before = task.validate(batch).metrics
    optimizer = torch.optim.Adam([weight for weight in task.parameters() if weight.requires_grad], lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        task(batch, 0)["loss"].backward()
        optimizer.step()
    with torch.no_grad():
        after = task.validate(batch).metrics

    assert before["body_error"] == before["body_still"] == after["body_still"]
    assert after["body_error"] < 0.3 * after["body_still"]
    assert network.unet.conv_in.weight.grad is network.retargeter.proj_in.weight.grad is None, "nothing else learns"


def test_the_motion_network_moves_a_body_that_was_seen(network, monkeypatch):
    def true_keypoints(_: DenseMotionNet, batch: Batch) -> SeenKeypoints:
        known = torch.zeros(len(batch["number"]), 1, 1, dtype=torch.bool)
        return SeenKeypoints(
            batch["portrait_keypoints"], batch["driving_keypoints"][:, 0], batch["anchor_keypoints"], known
        )

    monkeypatch.setattr(motion, "found_keypoints", true_keypoints)  # the pictures are gray: there is no face to find
    batch = swaying(32)
    with torch.no_grad():
        errors = MotionTask(network, seed=0).validate(batch).metrics

    assert errors["body_error"] < 0.5 * errors["body_still"]


def test_a_chest_is_seen_where_it_went_but_not_always():
    batch = swaying(200)
    generators = [torch.Generator().manual_seed(number) for number in range(200)]

    seen = seen_body(batch, generators)

    unseen = seen.isnan().all(1)
    assert 0.15 < float(unseen.float().mean()) < 0.35
    errors = (seen[:, 0] - batch["flow"][:, 0, 0, 0, 0])[~unseen] * 128
    assert 0.2 < float(errors.std()) < 0.7
    assert seen_body(batch | {"flow_known": torch.zeros(200)}, generators).isnan().all()


def test_a_zoom_is_found_in_its_flow():
    motions = torch.tensor([[0.02, -0.01, 0.0], [0.0, 0.03, 0.05], [0.0, 0.0, 0.0]])
    flow = zoom_flow(motions, 32, 32)
    where = torch.zeros(3, 1, 32, 32)
    where[:, :, 20:, 4:28] = 1

    torch.testing.assert_close(fitted_zoom(flow, where), motions, atol=0.012, rtol=0)
    assert fitted_zoom(flow, torch.zeros(3, 1, 32, 32)).abs().max() == 0
