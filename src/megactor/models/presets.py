"""The two presets: numbers of the same classes.

`sd15` has the shape of the released MegActor checkpoint; `nano` is small enough for a laptop CPU.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.pose_guider import PoseGuider
from megactor.models.reference_net import ReferenceNet


@dataclass(frozen=True)
class UNetNumbers:
    """Numbers shared by DenoisingUNet and ReferenceNet; see their docstrings."""

    latent_channels: int = 4
    block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280)
    layers_per_block: int = 2
    attention_levels: tuple[int, ...] = (0, 1, 2)
    attention_heads: int | tuple[int, ...] = 8
    cross_attention_dim: int = 768
    norm_groups: int = 32


@dataclass(frozen=True)
class DenoiserNumbers:
    """Numbers of DenoisingUNet alone; see its docstring."""

    mask_channels: int = 1
    use_motion_modules: bool = True
    motion_levels: tuple[int, ...] | None = None
    motion_heads: int | tuple[int, ...] = 8
    motion_norm_groups: int = 32
    motion_max_frames: int = 32
    portrait_skip: bool = False
    shading_cell: int = 0
    visibility_power: int = 1


@dataclass(frozen=True)
class PoseGuiderNumbers:
    """Numbers of PoseGuider; see its docstring."""

    channels: tuple[int, ...] = (16, 32, 64, 128)
    strides: tuple[int, ...] = (2, 2, 2, 1)
    out_channels: int = 4
    portrait_modulation: bool = True


@dataclass(frozen=True)
class BackgroundNumbers:
    """Numbers of the CLIP vision model that makes the background tokens (defaults: ViT-L/14)."""

    image_size: int = 224
    patch_size: int = 14
    hidden_size: int = 1024
    intermediate_size: int = 4096
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    projection_dim: int = 768


@dataclass(frozen=True)
class NetworkConfig:
    """A complete set of networks.

    Attributes:
        image_size: Side of the square picture in pixels.
        latent_factor: Pixels of a picture's side to one of a latent's.
        unet: Shared numbers of denoiser and ReferenceNet.
        denoiser: Numbers of the denoiser alone.
        pose_guider: Numbers of the PoseGuider.
        background: Numbers of the background encoder.
        upcast_reference: Whether ReferenceNet stays in float32.
    """

    image_size: int = 512
    latent_factor: int = 8
    unet: UNetNumbers = field(default_factory=UNetNumbers)
    denoiser: DenoiserNumbers = field(default_factory=DenoiserNumbers)
    pose_guider: PoseGuiderNumbers = field(default_factory=PoseGuiderNumbers)
    background: BackgroundNumbers = field(default_factory=BackgroundNumbers)
    upcast_reference: bool = False

    def denoising_unet(self) -> DenoisingUNet:
        """A freshly initialized denoiser."""
        numbers = vars(self.unet) | vars(self.denoiser)
        return DenoisingUNet(pose_channels=self.pose_guider.out_channels, **numbers)

    def reference_net(self) -> ReferenceNet:
        """A freshly initialized ReferenceNet."""
        return ReferenceNet(force_upcast=self.upcast_reference, **vars(self.unet))

    def driving_encoder(self) -> PoseGuider:
        """A freshly initialized PoseGuider."""
        return PoseGuider(**vars(self.pose_guider))

    def background_encoder(self) -> CLIPVisionModelWithProjection:
        """A freshly initialized CLIP vision model."""
        return CLIPVisionModelWithProjection(CLIPVisionConfig(**asdict(self.background)))


def sd15_config() -> NetworkConfig:
    """Networks of the released MegActor checkpoint: 512x512 pictures, SD 1.5 width."""
    return NetworkConfig()


def nano_config() -> NetworkConfig:
    """Networks for a laptop CPU: 128x128 pictures, latents of 48x32x32 (a 4x4 pixel unshuffle of RGB)."""
    return NetworkConfig(
        image_size=128,
        latent_factor=4,
        unet=UNetNumbers(
            latent_channels=48,
            block_out_channels=(64, 96, 128),
            layers_per_block=1,
            attention_levels=(1, 2),
            attention_heads=(2, 3, 4),
            cross_attention_dim=64,
            norm_groups=32,
        ),
        denoiser=DenoiserNumbers(
            mask_channels=2,
            motion_levels=(1, 2),
            motion_heads=4,
            portrait_skip=True,
            shading_cell=4,
            visibility_power=2,
        ),
        pose_guider=PoseGuiderNumbers((16, 32, 64, 96), (2, 2, 1, 1), 16, portrait_modulation=False),
        background=BackgroundNumbers(
            image_size=64,
            patch_size=16,
            hidden_size=64,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=2,
            projection_dim=64,
        ),
        upcast_reference=True,
    )
