"""A complete pipeline of a few thousand random parameters, and an analyzer that sees a face where it is told to."""

from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler

from megactor.faces.face import Face
from megactor.models.clip_vision import ClipVision
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.dense_motion import DenseMotionNet
from megactor.models.noise_schedules import official_ddim
from megactor.models.pixel_codec import PixelCodec
from megactor.models.pose_guider import PoseGuider
from megactor.models.reference_net import ReferenceNet
from megactor.models.upsampling_output import UpsamplingOutput
from megactor.pipeline import MegActorPipeline


class CenteredFaceAnalyzer:
    """One face in the middle of every picture, half as large as the picture, that wanders a little."""

    def __init__(self, found: bool = True) -> None:
        self.found = found

    def faces(self, image: np.ndarray) -> list[Face]:
        if not self.found:
            return []
        height, width = image.shape[:2]
        points = np.random.default_rng(1).uniform(0.25, 0.75, (478, 2))
        wander = 0.02 * np.sin(image.mean())
        return [Face(((points + wander) * [width, height]).astype(np.float32))]

    def near_faces(self, image: np.ndarray) -> list[Face]:
        return self.faces(image)

    def all_faces(self, image: np.ndarray) -> list[Face]:
        return self.faces(image)

    def turns_to_upright(self, image: np.ndarray, face: Face) -> int:
        return 0

    def foreground(self, image: np.ndarray) -> np.ndarray:
        mask = np.zeros(image.shape[:2], np.float32)
        mask[image.shape[0] // 4 :, image.shape[1] // 4 : -image.shape[1] // 4] = 1
        return mask

    def close(self) -> None:
        pass


OUTLINE: dict[str, Any] = {
    "latent_channels": 64,
    "matte_channels": 16,
    "mask_channels": 17,
    "output_channels": (8, 8),
}
"""Arguments of a denoiser that makes the person's outline, too."""


def tiny_pipeline(
    width: int = 8, scheduler: Any = None, cyclic: bool = False, outline: bool = False, body: bool = False
) -> MegActorPipeline:
    """Random but repeatable networks in the shape of nano; 32x32 pictures, results of 64x64."""
    torch.manual_seed(0)
    shared: dict[str, Any] = {
        "latent_channels": 48,
        "block_out_channels": (width, 2 * width),
        "layers_per_block": 1,
        "attention_levels": (1,),
        "attention_heads": 2,
        "cross_attention_dim": 8,
        "norm_groups": 4,
    }
    image_encoder = ClipVision(
        image_size=32,
        patch_size=16,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        projection_dim=8,
    )
    skip = {"mask_channels": 2, "pose_channels": 4, "motion_heads": 2, "motion_norm_groups": 4, "portrait_skip": True}
    unet = DenoisingUNet(**shared | skip | (OUTLINE if outline else {}))
    dense_motion = DenseMotionNet(
        block_out_channels=(16, 16),
        attention_levels=(False, True),
        head_dim=8,
        norm_num_groups=4,
        keypoint_channels=(8, 8),
        coarse_size=32,
        refiner_channels=(8, 8, 8),
        close_up_channels=(8, 8, 8),
        detail_size=64,
        retargeter_width=16,
        body_width=8 if body else None,
    )
    last = unet.conv_out.pixels if isinstance(unet.conv_out, UpsamplingOutput) else unet.conv_out
    for layer in (last, dense_motion.unet.conv_out):  # both start at zero, which would hide everything else
        torch.nn.init.normal_(layer.weight, std=0.05)
    pipe = MegActorPipeline(
        vae=PixelCodec(4),
        image_encoder=image_encoder,
        reference_net=ReferenceNet(**shared),
        pose_guider=PoseGuider((4, 8), (2, 2), 4, portrait_modulation=False),
        unet=unet,
        scheduler=scheduler or DDIMScheduler(prediction_type="sample", clip_sample=False),
        dense_motion=dense_motion,
        image_size=32,
        output_size=64,
        default_steps=2,
        default_guidance=1.0,
        window=8,
        overlap=2,
        cyclic=cyclic,
        training_schedule="own",
    )
    pipe._analyzer = CenteredFaceAnalyzer()
    return pipe


def tiny_official_pipeline() -> MegActorPipeline:
    """Random networks in the shape of sd15: a learned codec, portrait modulation, no dense motion; 32x32 pictures."""
    torch.manual_seed(0)
    shared: dict[str, Any] = {
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "attention_levels": (1,),
        "attention_heads": 2,
        "cross_attention_dim": 8,
        "norm_groups": 4,
    }
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(4, 4, 8),
        norm_num_groups=4,
        latent_channels=4,
    )
    nano = tiny_pipeline()
    return MegActorPipeline(
        vae=vae,
        image_encoder=nano.image_encoder,
        reference_net=ReferenceNet(**shared),
        pose_guider=PoseGuider((4, 8), (2, 2), 4, portrait_modulation=True),
        unet=DenoisingUNet(**shared, motion_heads=2, motion_norm_groups=4),
        scheduler=official_ddim(),
        image_size=32,
        output_size=32,
        default_steps=2,
    )
