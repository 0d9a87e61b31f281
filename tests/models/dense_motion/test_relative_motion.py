"""RelativeMotion on faces that are drawn by hand: what is copied, and what is not."""

import pytest
import torch
from torch import Tensor

from megactor.models.dense_motion.face_crops import MOUTH as MOUTH_POINTS
from megactor.models.dense_motion.face_crops import FaceFrame
from megactor.models.dense_motion.relative_motion import Gains, RelativeMotion

PLAIN = Gains(1.0, 1.0, 1.0)
MOUTH, EYES = slice(48, 68), slice(36, 48)


def face() -> Tensor:
    """(70, 2), with eyes and a mouth that are open."""
    torch.manual_seed(0)
    points = torch.rand(70, 2) * 0.01
    points[:17] += torch.stack([torch.linspace(0.25, 0.75, 17), torch.linspace(0, 3.1416, 17).sin() * 0.35 + 0.45], -1)
    points[17:27] += torch.stack([torch.linspace(0.3, 0.7, 10), torch.full((10,), 0.38)], -1)
    points[27:36] += torch.tensor([0.5, 0.55])
    eye = torch.tensor([[-3, 0], [-1, -1], [1, -1], [3, 0], [1, 1], [-1, 1]]) * 0.02
    points[36:42], points[42:48] = eye + torch.tensor([0.4, 0.45]), eye + torch.tensor([0.6, 0.45])
    around = torch.linspace(-3.1416, 3.1416, 13)[:12]
    points[48:60] = torch.stack([around.cos() * 0.1, around.sin() * 0.05], -1) + torch.tensor([0.5, 0.7])
    around = torch.linspace(-3.1416, 3.1416, 9)[:8]
    points[60:68] = torch.stack([around.cos() * 0.08, around.sin() * 0.02], -1) + torch.tensor([0.5, 0.7])
    points[68], points[69] = torch.tensor([0.6, 0.45]), torch.tensor([0.4, 0.45])
    return points


def stretched(points: Tensor, part: slice, across: float, down: float) -> Tensor:
    """The part larger about its middle; the eyes each about their own."""
    points = points.clone()
    for group in (slice(36, 42), slice(42, 48)) if part == EYES else (part,):
        middle = points[group].mean(0)
        points[group] = middle + (points[group] - middle) * torch.tensor([across, down])
    return points


def clip_of(first: Tensor, then: Tensor) -> Tensor:
    """(4, 70, 2): as usual three times, then something else."""
    return torch.stack([first, first, first, then])


def spans(points: Tensor, a: int, b: int) -> Tensor:
    """Distance of two points in units of the face."""
    return (points[..., a, :] - points[..., b, :]).norm(dim=-1) / FaceFrame.of(points.view(-1, 70, 2)).unit.view(-1)


def test_who_keeps_still_is_left_to_the_retargeter():
    driver, retargeted = face() + 0.01, stretched(face(), MOUTH, 0.7, 1.3)

    out = RelativeMotion(1.0, Gains(2.0, 2.0, 2.0))(driver.expand(5, -1, -1), retargeted.expand(5, -1, -1), [False] * 5)

    torch.testing.assert_close(out, retargeted.expand(5, -1, -1), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("part", "points", "gains", "gain"),
    [
        (MOUTH, (48, 54), Gains(1.0, 1.0, 1.0), 1.0),
        (MOUTH, (48, 54), Gains(1.0, 1.5, 1.0), 1.5),
        (MOUTH, (62, 66), Gains(1.0, 1.0, 1.5), 1.5),
        (EYES, (37, 41), Gains(1.0, 1.0, 1.0), 1.0),
        (EYES, (37, 41), Gains(1.5, 1.0, 1.0), 1.5),
    ],
)
def test_a_change_that_the_retargeter_flattens_comes_through(part, points, gains, gain):
    driver = clip_of(face(), stretched(face(), part, 1.15, 1.2))

    out = RelativeMotion(0.0, gains)(driver, face().expand(4, -1, -1), [False] * 4)

    wanted, found = spans(driver, *points), spans(out, *points)
    # the mean already knows the fourth frame
    assert float(found[3] - found[0]) == pytest.approx(0.75 * gain * float(wanted[3] - wanted[0]), rel=0.03)


def test_heads_go_as_the_share_says():
    driver, still = clip_of(face(), face() + torch.tensor([0.04, 0.0])), face().expand(4, -1, -1)
    for head in (0.0, 0.5, 1.0):
        moved = RelativeMotion(head, PLAIN)(driver, still, [False] * 4) - still
        torch.testing.assert_close(moved[3], torch.tensor([0.03 * head, 0]).expand(70, 2), atol=1e-5, rtol=0)


def test_lids_and_lips_meet_and_do_not_cross():
    driver = clip_of(face(), stretched(stretched(face(), EYES, 1.0, 0.1), MOUTH, 1.0, 0.1))

    out = RelativeMotion(0.0, Gains(3.0, 1.0, 3.0))(driver, face().expand(4, -1, -1), [False] * 4)[3]

    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65)):
        assert float(out[lower, 1] - out[upper, 1]) == pytest.approx(0, abs=1e-3)
    assert float(out[66, 1]) == pytest.approx(0.7, abs=0.01), "lips meet in the middle"
    lower = 0.75 * float(driver[3, 41, 1]) + 0.25 * float(driver[0, 41, 1])
    assert float(out[41, 1]) == pytest.approx(lower, abs=2e-3), "lids meet where the lower one is"


def test_how_many_frames_come_at_a_time_does_not_matter():
    torch.manual_seed(1)
    driver, retargeted = face() + torch.randn(2, 9, 70, 2) * 0.003
    starts = [number == 3 for number in range(9)]
    whole = RelativeMotion(0.5, Gains(1.2, 1.3, 1.4))(driver, retargeted, starts)

    by_piece = RelativeMotion(0.5, Gains(1.2, 1.3, 1.4))
    pieces = [by_piece(driver[a:b], retargeted[a:b], starts[a:b]) for a, b in ((0, 1), (1, 5), (5, 9))]

    torch.testing.assert_close(torch.cat(pieces), whole, atol=1e-6, rtol=0)


def test_another_shot_is_nobodys_change():
    other = stretched(face() * torch.tensor([0.8, 1.1]), MOUTH, 1.3, 0.8)
    driver, still = clip_of(face(), other), face().expand(4, -1, -1)

    out = RelativeMotion(1.0, PLAIN)(driver, still, [False, False, False, True])

    torch.testing.assert_close(out[3], still[3], atol=1e-6, rtol=0)


def performing(error: Tensor) -> tuple[Tensor, Tensor]:
    """A driver who turns, and what a retargeter with a constant error makes of it (5, 70, 2); the third is `face`."""
    steps = torch.arange(-2.0, 3.0)[:, None, None] * torch.tensor([0.03, 0.01])
    return face() + 0.02 + steps, face() + error + steps


def test_what_is_wrong_where_both_do_the_same_is_taken_away():
    error = torch.zeros(70, 2)
    error[:36] = torch.linspace(-0.006, 0.006, 36)[:, None]
    driver, retargeted = performing(error)
    relative = RelativeMotion(0.5, PLAIN)
    relative.learn(driver, retargeted, face()[None])

    out = relative(driver, retargeted, [False] * 5)

    wanted, rigid = retargeted - error, [*range(17), *range(27, 36)]
    assert float((retargeted - wanted)[:, rigid].abs().mean()) > 0.002
    assert float((out - wanted)[:, rigid].abs().mean()) < 0.0005


def test_eyes_and_mouth_go_along_as_they_are():
    error = torch.zeros(70, 2)
    error[[37, 38, 50, 51, 52], 1] = 0.01  # lids and lips that the portrait has elsewhere
    driver, retargeted = performing(error)
    anchored, free = RelativeMotion(0.5, PLAIN), RelativeMotion(0.5, PLAIN)
    anchored.learn(driver, retargeted, face()[None])
    free.learn(driver, retargeted, face()[None] + 1)

    out, usual = (motion(driver, retargeted, [False] * 5) for motion in (anchored, free))

    for part in (slice(36, 42), MOUTH):
        shapes = [points[:, part] - points[:, part].mean(1, keepdim=True) for points in (out, usual)]
        torch.testing.assert_close(*shapes, atol=1e-5, rtol=0)


def test_a_portrait_that_nobody_is_like_changes_nothing():
    driver, retargeted = performing(torch.full((70, 2), 0.004))
    aside = face()[None] + torch.tensor([0.2, 0.0])
    anchored, other = RelativeMotion(0.5, PLAIN), RelativeMotion(0.5, PLAIN)
    anchored.learn(driver, retargeted, aside)
    other.learn(driver, retargeted, aside + 1)

    torch.testing.assert_close(
        anchored(driver, retargeted, [False] * 5), other(driver, retargeted, [False] * 5), atol=1e-4, rtol=0
    )


def test_a_mouth_that_gapes_does_not_open_as_much_wider_as_one_that_speaks():
    """Gains make up for small openings, which are not seen whole; lips stay in the close-up."""
    change = torch.zeros(2, 20, 2)
    change[:, 18, 1] = torch.tensor([0.01, 0.3])  # of the lower lip

    speaking, gaping = Gains(1.0, 1.0, 1.5).enlarged(change, MOUTH_POINTS)[:, 18, 1].tolist()

    assert speaking == pytest.approx(0.015, rel=0.02)
    assert 0.09 < gaping < 0.15
