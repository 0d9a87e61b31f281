"""What is added to the moved portrait: all where it hides a point, light where it shows one."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.portrait_skip import add_correction

COLORS, FRAMES, SIDE = 3, 2, 8


def latents(pictures: Tensor, patch: int) -> Tensor:
    """(F, C, H, W) -> (1, C * patch ** 2, F, h, w)."""
    return F.pixel_unshuffle(pictures, patch).transpose(0, 1)[None]


def added(correction: Tensor, visibility: Tensor, outline: Tensor | None, width: int, patch: int) -> Tensor:
    """What changes of colors, (F, 3, H, W), by a correction of them and of no outline."""
    portrait = torch.rand_like(correction)
    given = [portrait, correction]
    if outline is not None:
        given = [torch.cat([portrait, outline], 1), torch.cat([correction, torch.zeros_like(outline)], 1)]
    of_matte = 0 if outline is None else patch**2
    parts = (latents(part, patch) for part in (*given, visibility))
    made = add_correction(*parts, width, of_matte)
    pictures = F.pixel_shuffle(made[0].transpose(0, 1), patch)
    if outline is not None:
        torch.testing.assert_close(pictures[:, COLORS:], outline)
    return pictures[:, :COLORS] - portrait


@pytest.fixture(params=[1, 4], ids=["latents", "pixels"])
def patch(request: pytest.FixtureRequest) -> int:
    """Pixels of a latent's side that the visibility tells apart."""
    return int(request.param)


def whole(patch: int, value: float = 1) -> Tensor:
    return torch.full((FRAMES, 1, SIDE * patch, SIDE * patch), float(value))


def test_what_is_hidden_is_painted(patch: int) -> None:
    correction = torch.randn(FRAMES, COLORS, SIDE * patch, SIDE * patch)
    for width in (0, 3):
        torch.testing.assert_close(added(correction, whole(patch, 0), whole(patch), width, patch), correction)


def test_what_is_shown_keeps_its_edges_and_changes_its_light(patch: int) -> None:
    x = torch.arange(SIDE * patch)
    fine = (1.0 - 2 * ((x + x[:, None]) % 2)).expand(FRAMES, COLORS, -1, -1)
    shown = whole(patch)
    assert not added(fine + 1, shown, shown, 0, patch).any()
    inner = added(fine, shown, shown, 3, patch)[..., 1:-1, 1:-1]
    assert inner.abs().max() < 0.12
    light = torch.full_like(fine, 0.1)
    for outline in (shown, None):
        lit = added(light, shown, outline, 3, patch)
        assert lit.min() > 0.05 and lit.max() <= 0.1


@pytest.mark.parametrize("width", [1, 3])
def test_light_multiplies(patch: int, width: int) -> None:
    """As much as it may; a veil over dark hair was the same everywhere."""
    shown = whole(patch)
    portrait = shown.expand(-1, COLORS, -1, -1) * 0.2
    portrait[..., :: 2 * width, :] = -1  # black lines
    parts = (latents(part, patch) for part in (portrait, torch.full_like(portrait, 0.12), shown))
    lit = F.pixel_shuffle(add_correction(*parts, width)[0].transpose(0, 1), patch)

    black = portrait == -1
    assert torch.equal(lit[black], portrait[black])
    alone = (portrait != -1)[..., width:-width, :]  # beside the lines the mean is darker
    change = (lit - portrait)[..., width:-width, :][alone]
    assert change.min() > 0.08 and change.max() < 0.25 * 1.2 + 1e-5
    parts = (latents(part, patch) for part in (portrait, torch.full_like(portrait, 5.0), shown))
    most = F.pixel_shuffle(add_correction(*parts, width)[0].transpose(0, 1), patch)
    torch.testing.assert_close(most, (portrait + 1) * 1.25 - 1)


def test_nobodys_colors_are_no_light_on_the_person(patch: int) -> None:
    outline, half = whole(patch), SIDE * patch // 2
    outline[..., half:] = -1
    correction = (1 - outline).expand(-1, COLORS, -1, -1)
    person = added(correction, whole(patch), outline, 5, patch)[..., :half]
    torch.testing.assert_close(person, torch.zeros_like(person))
