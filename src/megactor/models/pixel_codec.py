"""PixelCodec: the exact, weightless codec of the `nano` preset, with the interface of diffusers' AutoencoderKL.

A patch of 4x4 RGB pixels becomes one latent position of 48 channels. Nothing is lost and nothing has to be trained,
which suits a first small model; the price is that the denoiser works on pixels instead of a learned latent space.
"""

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class PixelCodec(ModelMixin, ConfigMixin):
    """Space-to-depth as a drop-in for a VAE.

    Args:
        patch_size: pixels along the side of a patch; the latents are H / patch_size x W / patch_size.
        scaling_factor: factor between the codec's latents and those of the denoiser, as in AutoencoderKL.
    """

    @register_to_config
    def __init__(self, patch_size: int = 4, scaling_factor: float = 1.0):
        super().__init__()
        # ModelMixin reads its device and dtype off a tensor; there is nothing to save
        self.register_buffer("anchor", torch.zeros(1), persistent=False)
        self.shuffle = nn.PixelShuffle(patch_size)

    def encode(self, image: Tensor) -> AutoencoderKLOutput:
        """(B, 3, H, W) in [-1, 1] -> a distribution over (B, 3 * patch_size ** 2, h, w) without any variance."""
        latents = F.pixel_unshuffle(image, self.config.patch_size)
        parameters = torch.cat([latents, torch.zeros_like(latents)], dim=1)
        return AutoencoderKLOutput(latent_dist=DiagonalGaussianDistribution(parameters, deterministic=True))

    def decode(self, latents: Tensor) -> DecoderOutput:
        """(B, 3 * patch_size ** 2, h, w) -> `.sample` (B, 3, H, W), nominally in [-1, 1]."""
        return DecoderOutput(sample=self.shuffle(latents))
