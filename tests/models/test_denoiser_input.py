"""The order of the denoiser's input channels."""

from __future__ import annotations

import pytest
import torch

from megactor.models.denoiser_input import join_conditions, join_noisy, split_portrait, visibility_latents


def parts(*values: float, frames: int = 3, clips: int = 2) -> list[torch.Tensor]:
    return [
        torch.full((clips, channels, frames, 2, 2), value)
        for channels, value in zip((4, 4, 1, 1, 5), values, strict=True)
    ]


@pytest.mark.parametrize(("clips", "frames"), [(2, 3), (1, 3), (2, 1), (1, 1)])
def test_what_is_shared_is_repeated(clips: int, frames: int) -> None:
    noisy, *_, pose = parts(0, 1, 2, 3, 4)
    _, portrait, background, visibility, _ = parts(0, 1, 2, 3, 4, clips=clips, frames=frames)

    released = join_noisy(noisy, join_conditions(portrait, background, None, pose))
    nano = join_noisy(noisy, join_conditions(portrait, background, visibility, pose))

    assert released.shape == (2, 14, 3, 2, 2) and nano.shape == (2, 15, 3, 2, 2)
    assert released[1, :, 2, 0, 0].tolist() == [0.0] * 4 + [1.0] * 4 + [2.0] + [4.0] * 5
    assert nano[1, :, 2, 0, 0].tolist() == [0.0] * 4 + [1.0] * 4 + [2.0, 3.0] + [4.0] * 5


def test_the_portrait_skip_reads_what_was_joined() -> None:
    noisy, *conditions = parts(0, 1, 2, 3, 4)
    joined = join_noisy(noisy, join_conditions(*conditions))
    portrait, visibility = split_portrait(joined, latent_channels=4, mask_channels=2)
    assert portrait.shape == (2, 4, 3, 2, 2) and (portrait == 1).all()
    assert visibility.shape == (2, 1, 3, 2, 2) and (visibility == 3).all()


def test_a_fine_visibility_has_a_channel_for_every_pixel_of_a_latent() -> None:
    noisy, portrait, background, _, pose = parts(0, 1, 2, 3, 4)
    picture = torch.rand(6, 1, 8, 8)
    visibility = visibility_latents(picture, 16, torch.Size((2, 2)))
    assert torch.equal(torch.nn.functional.pixel_shuffle(visibility, 4), picture)
    joined = join_noisy(
        noisy, join_conditions(portrait, background, visibility.unflatten(0, (2, 3)).transpose(1, 2), pose)
    )
    _, read = split_portrait(joined, latent_channels=4, mask_channels=17)
    assert torch.equal(read.transpose(1, 2).flatten(0, 1), visibility)


def test_a_coarse_visibility_is_the_mean() -> None:
    picture = torch.rand(2, 1, 8, 8)
    coarse = visibility_latents(picture, 1, torch.Size((2, 2)))
    assert torch.allclose(coarse, torch.nn.functional.avg_pool2d(picture, 4))
