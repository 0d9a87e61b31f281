"""The outline of the small model in place of the moved one: one edge, never both."""

import torch
import torch.nn.functional as F

from megactor.models.dense_motion.outline import outlined

ALL = torch.ones(1, 1, 128, 128)
BENT, RIGID = torch.zeros(1, 1, 64, 64), torch.ones(1, 1, 64, 64)


def half(edge: float, size: int, soft: float = 0.0) -> torch.Tensor:
    """(1, 1, size, size): a person to the left of `edge`, in picture units, who fades within `soft` of it."""
    x = (torch.arange(size) + 0.5) / size
    across = ((edge - x) / soft / 2 + 0.5).clamp(0, 1) if soft else (x < edge).float()
    return across.expand(1, 1, size, size).clone()


def test_an_outline_that_is_the_same_changes_nothing_at_all() -> None:
    matte = half(0.5, 512)
    assert torch.equal(outlined(matte, F.interpolate(matte, size=(128, 128), mode="area"), ALL, BENT), matte)


def test_where_nobody_asks_nothing_changes() -> None:
    matte = half(0.5, 512)
    assert torch.equal(outlined(matte, half(0.4, 128), ALL * 0, BENT), matte)


def test_a_softer_outline_leaves_no_second_edge() -> None:
    """The sum of a sharp matte and the difference of two coarse ones kept the sharp step within the soft one."""
    row = outlined(half(0.503, 512), half(0.49, 128, soft=0.025), ALL, BENT)[0, 0, 256]
    steps = row.diff()
    assert row[:200].min() == 1
    assert row[300:].max() == 0
    assert steps.max() <= 1e-4  # never more of a person again to the right
    assert steps.min() > -0.25  # the sum: -0.92


def test_what_is_added_has_the_new_edge() -> None:
    made = outlined(half(0.4, 512), half(0.5, 128), ALL, BENT)[0, 0, 256]
    assert made[: int(0.5 * 512) - 6].min() > 0.95  # which `Layers.corrected` takes for all of the person; the sum: .44
    assert made[int(0.5 * 512) + 6 :].max() == 0


def test_far_from_a_change_the_matte_is_the_same_number() -> None:
    matte = half(0.5, 512).rot90(1, (2, 3))
    outline = F.interpolate(matte, size=(128, 128), mode="area")
    outline[..., :64] = 0
    made = outlined(matte, outline, ALL, BENT)
    assert torch.equal(made[..., 280:], matte[..., 280:])
    assert made[..., :240].max() == 0


def test_where_motion_is_rigid_a_softer_edge_beside_is_not_shown() -> None:
    """Half a pixel of the small model beside the moved edge, and soft: a veil around hair."""
    matte, outline = half(0.503, 512), half(0.499, 128, soft=0.02)
    assert torch.equal(outlined(matte, outline, ALL, RIGID), matte)
    assert not torch.equal(outlined(matte, outline, ALL, BENT), matte)


def test_where_motion_is_rigid_a_person_who_is_elsewhere_is_shown_there() -> None:
    matte, outline = half(0.5, 512), half(0.44, 128)
    torch.testing.assert_close(outlined(matte, outline, ALL, RIGID), outlined(matte, outline, ALL, BENT))
