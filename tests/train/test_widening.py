"""A denoiser that goes on from one that knew less."""

from inspect import signature

import pytest
import torch
from tiny_model import OUTLINE, tiny_pipeline

from megactor.models.denoiser_input import join_conditions, join_noisy, visibility_latents
from megactor.models.denoising_unet import DenoisingUNet
from megactor.train.widening import fill_wider


def wider(unet: DenoisingUNet, **more) -> DenoisingUNet:
    arguments = {name: value for name, value in unet.config.items() if name in signature(DenoisingUNet).parameters}
    return DenoisingUNet(**arguments | OUTLINE | more)


@torch.no_grad()
def test_it_reads_what_the_other_one_read():
    unet = tiny_pipeline().unet
    wide = wider(unet)
    new = fill_wider(wide, unet)
    assert new and all(name.startswith("conv_out.") for name in new)
    noisy, portrait, outline = (torch.randn(1, channels, 2, 8, 8) for channels in (48, 48, 16))
    background, pose, picture = torch.rand(1, 1, 2, 8, 8), torch.randn(1, 4, 2, 8, 8), torch.rand(2, 1, 8, 8)

    def visibility(channels):
        latents = visibility_latents(picture, channels, torch.Size((8, 8)))
        return latents.unflatten(0, (1, 2)).transpose(1, 2)

    narrow_input = join_noisy(noisy, join_conditions(portrait, background, visibility(1), pose))
    finer = visibility(16)
    # bilinear pixels and area means are not the same mean: give both the same
    narrow_input[:, 97] = finer.mean(1)
    wide_input = join_noisy(
        torch.cat([noisy, outline], 1),
        join_conditions(torch.cat([portrait, outline], 1), background, finer, pose),
    )
    read, wanted = (network.conv_in(sample[:, :, 0]) for network, sample in ((wide, wide_input), (unet, narrow_input)))
    torch.testing.assert_close(read, wanted, rtol=1e-4, atol=1e-5)


def test_another_shape_is_refused():
    unet = tiny_pipeline().unet
    with pytest.raises(ValueError, match="shape"):
        fill_wider(wider(unet, block_out_channels=(16, 32)), unet)
    with pytest.raises(ValueError, match="channels of color"):
        fill_wider(wider(unet, latent_channels=80), unet)
