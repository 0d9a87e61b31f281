"""The order of the denoiser's input channels."""

from __future__ import annotations

import pytest
import torch

from megactor.models.denoiser_input import join_conditions, join_noisy, split_portrait


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
    portrait, visibility = split_portrait(join_noisy(noisy, join_conditions(*conditions)), latent_channels=4)
    assert portrait.shape == (2, 4, 3, 2, 2) and (portrait == 1).all()
    assert visibility.shape == (2, 1, 3, 2, 2) and (visibility == 3).all()
