"""People whom the portrait's edge cuts off."""

import pytest
import torch
from torch import Tensor

from megactor.models.dense_motion import DenseMotion
from megactor.models.dense_motion.edges import hold_at_edges
from megactor.models.dense_motion.flow import warp

SIDE, PIXELS, AWAY = 64, 512, 0.045


def motion(x: float, y: float) -> DenseMotion:
    """The portrait's point that is shown lies by so much to the right and down."""
    flow = torch.tensor([x, y]).view(1, 2, 1, 1).expand(2, 2, SIDE, SIDE)
    return DenseMotion(flow, torch.full((2, 1, SIDE, SIDE), 0.2))


def person(turns: int = 0, top: int = 0) -> Tensor:
    """A broad column from the upper edge, or from `top`, turned to the left edge by one turn."""
    matte = torch.zeros(1, 1, PIXELS, PIXELS)
    matte[..., top : PIXELS // 2, PIXELS // 4 : 3 * PIXELS // 4] = 1
    return torch.rot90(matte, turns, (2, 3))


@pytest.mark.parametrize("turns", range(4))
def test_a_cut_off_person_goes_on_to_the_edge(turns: int) -> None:
    x, y = ((0, -AWAY), (-AWAY, 0), (0, AWAY), (AWAY, 0))[turns]
    before = motion(x, y)
    held = hold_at_edges(before, person(turns))
    # a ramp that begins at the edge: what is repeated has no slope
    ramp = torch.rot90(torch.linspace(0, 1, PIXELS).view(1, 1, PIXELS, 1).expand(2, 1, PIXELS, PIXELS), turns, (2, 3))
    was, now = (torch.rot90(warp(ramp, of.flow), -turns, (2, 3))[:, 0, :, PIXELS // 2] for of in (before, held))
    steps = now.diff(dim=1)
    assert was[:, : PIXELS // 25].diff(dim=1).abs().max() == 0
    assert steps.min() > 0.3 / PIXELS  # stretched, by about twice, and never folded
    assert now[0, 0] < 2 / PIXELS
    torch.testing.assert_close(now[:, PIXELS // 2 :], was[:, PIXELS // 2 :])
    shown = torch.rot90(held.visibility, -turns, (2, 3))[:, 0, :, SIDE // 2]
    assert (shown[:, : int(AWAY * SIDE)] > 0.9).all()
    torch.testing.assert_close(shown[:, SIDE // 3 + 1 :], torch.full_like(shown[:, SIDE // 3 + 1 :], 0.2))


def test_beside_the_person_it_begins_little_by_little() -> None:
    places = hold_at_edges(motion(0, -AWAY), person()).flow[0, 1, 0]
    assert places.diff().abs().max() < 0.3 * AWAY


@pytest.mark.parametrize(("x", "y", "top"), [(0.0, -AWAY, 100), (0.0, AWAY, 0), (0.0, 0.0, 0), (0.02, 0.0, 0)])
def test_who_is_whole_or_comes_no_farther_in_is_left_alone(x: float, y: float, top: int) -> None:
    before = motion(x, y)
    held = hold_at_edges(before, person(top=top))
    torch.testing.assert_close(held.flow, before.flow, atol=1e-6, rtol=0)
    assert held.stretched is not None
    assert not held.stretched.any()
    assert torch.equal(held.visibility, before.visibility)


def test_faces_are_not_stretched_however_far_a_person_goes() -> None:
    before, held = motion(0, -0.3), hold_at_edges(motion(0, -0.3), person())
    changed = (held.flow - before.flow)[0, 1, :, SIDE // 2]
    assert changed.max() < 0.06
    assert changed[int(0.55 * SIDE) :].abs().max() < 1e-6  # what lies by more than 0.25 within the portrait
    assert held.stretched is not None
    assert held.stretched[0, 0, : SIDE // 5, SIDE // 2].max() < 0.01, "left to the denoiser"
