"""The presets: what they tell the constructors of the networks.

`sd15` has the shape of the released MegActor checkpoint, which is that of Stable Diffusion 1.5: the constructors'
defaults. `nano` is small enough for a laptop CPU. What the numbers mean is written where they are taken.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from diffusers import AutoencoderKL, DDIMScheduler
from torch import nn

from megactor.models.clip_vision import ClipVision
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.dense_motion import DenseMotionNet
from megactor.models.noise_schedules import nano_schedule, official_ddim
from megactor.models.pixel_codec import PixelCodec
from megactor.models.pose_guider import PoseGuider
from megactor.models.reference_net import ReferenceNet

Arguments = dict[str, Any]


def arguments_of(network: Callable[..., Any], **given: Any) -> Arguments:
    """All arguments of a network's constructor by name: the given ones, and its defaults."""
    return {name: argument.default for name, argument in inspect.signature(network).parameters.items()} | given


def clip_vit_large() -> Arguments:
    """Arguments of `ClipVision` for the ViT-L/14 that Stable Diffusion 1.5 came with (openai/CLIP)."""
    return {
        "image_size": 224,
        "patch_size": 14,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "projection_dim": 768,
    }


def sd15_vae() -> AutoencoderKL:
    """A freshly initialized VAE in the shape of Stable Diffusion 1.5's (stabilityai/sd-vae-ft-mse)."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
        sample_size=512,
    )


@dataclass(frozen=True)
class NetworkConfig:
    """A complete set of networks; those of `sd15` where nothing else is said.

    Attributes:
        image_size: Side of the square picture in pixels.
        unet: Arguments of DenoisingUNet; ReferenceNet takes those that it knows too.
        pose_guider: Arguments of PoseGuider.
        image_encoder: Arguments of ClipVision.
        upcast_reference: Whether ReferenceNet stays in float32.
        dense_motion: Arguments of DenseMotionNet, or None for models without it.
        vae: Makes the image codec.
        scheduler: Makes the scheduler that sampling follows.
        settings: Arguments of MegActorPipeline beside the components and `image_size`.
    """

    image_size: int = 512
    unet: Arguments = field(default_factory=lambda: arguments_of(DenoisingUNet))
    pose_guider: Arguments = field(default_factory=lambda: arguments_of(PoseGuider))
    image_encoder: Arguments = field(default_factory=clip_vit_large)
    upcast_reference: bool = False
    dense_motion: Arguments | None = None
    vae: Callable[[], nn.Module] = sd15_vae
    scheduler: Callable[[], DDIMScheduler] = official_ddim
    settings: Arguments = field(default_factory=lambda: {"training_schedule": "official"})

    @property
    def latent_factor(self) -> int:
        """Pixels of a picture's side to one of a latent's."""
        return math.prod(self.pose_guider["strides"])

    def denoising_unet(self) -> DenoisingUNet:
        """A freshly initialized denoiser."""
        return DenoisingUNet(**self.unet | {"pose_channels": self.pose_guider["out_channels"]})

    def reference_net(self) -> ReferenceNet:
        """A freshly initialized ReferenceNet."""
        shared = {name: self.unet[name] for name in arguments_of(ReferenceNet) if name in self.unet}
        shared["latent_channels"] -= self.unet["matte_channels"]  # it reads the portrait as a picture
        return ReferenceNet(**shared, force_upcast=self.upcast_reference)

    def driving_encoder(self) -> PoseGuider:
        """A freshly initialized PoseGuider."""
        return PoseGuider(**self.pose_guider)

    def background_encoder(self) -> ClipVision:
        """A freshly initialized CLIP vision model."""
        return ClipVision(**self.image_encoder)

    def components(self) -> dict[str, Any]:
        """All components of a MegActorPipeline by name, freshly initialized."""
        return {
            "vae": self.vae(),
            "dense_motion": None if self.dense_motion is None else DenseMotionNet(**self.dense_motion),
            "image_encoder": self.background_encoder(),
            "reference_net": self.reference_net(),
            "pose_guider": self.driving_encoder(),
            "unet": self.denoising_unet(),
            "scheduler": self.scheduler(),
        }


def sd15_config() -> NetworkConfig:
    """Networks of the released MegActor checkpoint: 512x512 pictures, SD 1.5 width."""
    return NetworkConfig()


def nano_config() -> NetworkConfig:
    """Networks for a laptop CPU: 128x128 pictures; a latent is 4x4 pixels, 48 channels of color and 16 of outline."""
    return NetworkConfig(
        image_size=128,
        unet=arguments_of(
            DenoisingUNet,
            latent_channels=64,
            mask_channels=1 + 16,
            block_out_channels=(64, 96, 128),
            layers_per_block=1,
            attention_levels=(1, 2),
            attention_heads=(2, 3, 4),
            cross_attention_dim=64,
            motion_levels=(1, 2),
            motion_heads=4,
            portrait_skip=True,
            shading_width=3,
            matte_channels=16,
            output_channels=(32, 16),
        ),
        pose_guider=arguments_of(
            PoseGuider, channels=(16, 32, 64, 96), strides=(2, 2, 1, 1), out_channels=16, portrait_modulation=False
        ),
        image_encoder={
            "image_size": 64,
            "patch_size": 16,
            "hidden_size": 64,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "projection_dim": 64,
        },
        upcast_reference=True,
        # a close look at the face, closer ones at eyes and mouth, and the body's motion told from the head's
        dense_motion={
            "looks_twice": True,
            "refiner_channels": (24, 48, 96),
            "close_up_channels": (32, 64, 128),
            "detail_size": 256,
            "body_width": 128,
            "moves_lids": True,
            "head_change": 0.75,
            "expression_gains": (1.5, 1.1, 1.5),
        },
        vae=PixelCodec,
        scheduler=nano_schedule,
        settings={
            "output_size": 512,
            "default_steps": 1,
            "default_guidance": 1.0,
            "default_motion": "relative",
            "window": 16,
            "overlap": 4,
            "cyclic": False,
            "training_schedule": "own",
        },
    )
