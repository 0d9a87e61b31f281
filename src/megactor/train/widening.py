"""A denoiser goes on from one that knew less: latents without an outline, a visibility that was one number a latent."""

from typing import Any

import torch
from torch import Tensor

from megactor.models.denoising_unet import DenoisingUNet


def fill_wider(into: DenoisingUNet, source: DenoisingUNet) -> list[str]:
    """Takes all weights that fit; what `conv_in` reads for the first time starts at zero. A new output stays new.

    Args:
        into: the denoiser to fill; its latents' colors are those of `source`.
        source: the denoiser that knew less.

    Returns:
        Names of the weights that stay as they are.

    Raises:
        ValueError: they differ in more than inputs and output.
    """
    tensors = source.state_dict()
    tensors["conv_in.weight"] = _widened(tensors["conv_in.weight"], source.config, into.config)
    own = into.state_dict()
    new = [name for name in own if name not in tensors or tensors[name].shape != own[name].shape]
    if any(not name.startswith("conv_out.") for name in new):
        raise ValueError(f"{new[0]} has another shape")
    into.load_state_dict({name: tensors[name] for name in own if name not in new}, strict=False)
    return new


def _widened(weight: Tensor, narrow: Any, wide: Any) -> Tensor:
    """`conv_in.weight` for more inputs; the order is that of `denoiser_input`."""
    colors = narrow.latent_channels - narrow.matte_channels
    if colors != wide.latent_channels - wide.matte_channels:
        raise ValueError(f"latents have {wide.latent_channels - wide.matte_channels} channels of color, not {colors}")
    noisy, portrait, background, visibility, pose = weight.split(
        [narrow.latent_channels, narrow.latent_channels, 1, narrow.mask_channels - 1, narrow.pose_channels], 1
    )
    finer = wide.mask_channels - 1
    if visibility.shape[1] != finer:
        # all pixels of a latent together say what its mean said
        visibility = visibility.mean(1, keepdim=True).expand(-1, finer, -1, -1) / finer
    unknown = torch.zeros_like(noisy[:, :1]).expand(-1, wide.latent_channels - colors, -1, -1)
    return torch.cat([noisy[:, :colors], unknown, portrait[:, :colors], unknown, background, visibility, pose], 1)
