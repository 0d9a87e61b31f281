"""Layers in training: the moved person before the true plate, and what the motion UNet is told of its outline."""

import torch

from megactor.models.dense_motion import MotionLogits
from megactor.train.samples import Batch
from megactor.train.tasks.layers import (
    are_known,
    finished_picture,
    moved_background,
    moved_picture,
    outline_error,
    portrait_layers,
)
from megactor.train.tasks.motion import motion_losses

SIZE, STEP = 64, 8


def stepping(known: float = 1.0) -> Batch:
    """A white square that steps to the right in front of a wall with a gradient."""
    wall = torch.linspace(40, 90, SIZE).round().expand(1, 3, SIZE, SIZE)

    def shown(left: int) -> tuple[torch.Tensor, torch.Tensor]:
        matte = torch.zeros(1, 1, SIZE, SIZE)
        matte[..., 16:48, left : left + 24] = 255
        return torch.where(matte > 0, 255.0, wall), matte

    (portrait, portrait_matte), (target, matte) = shown(12), shown(12 + STEP)
    flow = torch.zeros(1, 2, SIZE // 2, SIZE // 2)
    flow[:, 0] = torch.where(matte[:, 0, ::2, ::2] > 0, -STEP / SIZE, 0.0)
    points = torch.rand(1, 70, 2, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.3
    return {
        "number": torch.zeros(1),
        "portrait": portrait.byte(),
        "portrait_background": (portrait_matte == 0).byte(),
        "portrait_matte": portrait_matte.byte(),
        "target": target[:, None].byte(),
        "matte": matte[:, None].byte(),
        "plate": (wall if known else torch.zeros_like(wall))[:, None].byte(),
        "layers_known": torch.tensor([known]),
        "keypoints": points[:, None],
        "flow": flow[:, None],
        "visible": torch.ones(1, 1, 1, SIZE // 2, SIZE // 2, dtype=torch.uint8),
        "flow_known": torch.ones(1),
    }


def step_everywhere() -> torch.Tensor:
    """The person's flow, which goes on behind their outline."""
    flow = torch.zeros(1, 2, SIZE // 2, SIZE // 2)
    flow[:, 0] = -STEP / SIZE
    return flow


def test_the_person_moves_before_the_true_plate() -> None:
    batch = stepping()
    portrait, target = batch["portrait"].float() / 255, batch["target"][:, 0].float() / 255
    made = moved_picture(batch, portrait, step_everywhere())
    torch.testing.assert_close(made, target, atol=0.003, rtol=0)
    # without layers the wall would move along
    plain = {name: value for name, value in batch.items() if name != "matte"}
    assert not are_known(plain)
    assert (moved_picture(plain, portrait, step_everywhere()) - target).abs().max() > 0.02


def test_background_is_where_nobody_is() -> None:
    background = moved_background(stepping(), step_everywhere())
    torch.testing.assert_close(background, (stepping()["matte"][:, 0] == 0).float(), atol=0.01, rtol=0)


def test_frames_stand_in_for_plates_that_nobody_knows() -> None:
    batch = stepping(known=0.0)
    made = moved_picture(batch, batch["portrait"].float() / 255, torch.zeros(1, 2, 4, 4))
    nobody = (batch["portrait_matte"] == 0).expand_as(made)
    assert torch.equal(made[nobody], (batch["target"][:, 0].float() / 255)[nobody])


def test_the_outline_teaches_the_flow() -> None:
    batch = stepping()
    portrait, visible = batch["portrait"].float() / 255, torch.full((1, 1, SIZE // 2, SIZE // 2), 9.0)
    true, still = (
        motion_losses(MotionLogits(flow, visible, None), portrait, batch)
        for flow in (step_everywhere(), torch.zeros(1, 2, SIZE // 2, SIZE // 2))
    )
    assert true["matte"] < 0.01 < 0.05 < still["matte"]
    assert true["flow"] < 1e-6  # behind the outline any flow is right
    assert true["loss"] < 0.2 * still["loss"]


def test_the_persons_colors_go_on_behind_their_outline() -> None:
    batch = stepping()
    layers = portrait_layers(batch, batch["portrait"].float() / 255)
    assert (layers.person > 0.99).all(), "all of the person is white, and the wall is not"
    assert torch.equal(layers.matte, batch["portrait_matte"].float() / 255)


def test_what_a_denoiser_made_stands_before_the_plate() -> None:
    batch = stepping()
    target, matte = batch["target"][:, 0].float() / 255, batch["matte"][:, 0].float() / 255
    made = torch.cat([torch.ones(1, 3, SIZE, SIZE), matte], 1)
    torch.testing.assert_close(finished_picture(batch, made), target)
    assert outline_error(batch, made) == 0
    assert torch.equal(finished_picture(batch, target), target), "colors alone are the picture"

    thin = made.clone()
    thin[:, 3:] = 0.01
    assert torch.equal(finished_picture(batch, thin), batch["plate"][:, 0].float() / 255), "next to nobody is nobody"
    assert outline_error(batch, thin) > 0.1
    assert outline_error(stepping(known=0.0), thin) == 0, "a filmed clip teaches no outline"
