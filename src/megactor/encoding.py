"""From pictures to what the denoiser reads: the portrait once per clip, the driving frames once each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.models.dense_motion import DenseMotion, DenseMotionNet, warp
from megactor.models.offload import bring_to_device
from megactor.models.pose_guider import PoseGuider


def to_tensor(image: np.ndarray, device: torch.device, dtype: torch.dtype) -> Tensor:
    """uint8 (H, W, 3) -> (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1)[None].to(dtype) / 255


def to_image(frame: Tensor) -> np.ndarray:
    """(1, 3, H, W) in [0, 1] -> uint8 (H, W, 3), rounded."""
    return (frame[0].float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


@dataclass(frozen=True)
class PortraitInputs:
    """All that is computed once per clip.

    image: (1, 3, S, S) in [0, 1], the portrait crop at the model's size.
    large: (1, 3, N, N) in [0, 1], the same crop at the size of the result.
    mask: (1, 1, S, S), 1 = background.
    tokens: (1, tokens, D), background tokens.
    reference_latents: (1, C, h, w), posterior mean, for the ReferenceNet.
    latents: (1, C, h, w), posterior sample, for the denoiser's input.
    """

    image: Tensor
    large: Tensor
    mask: Tensor
    tokens: Tensor
    reference_latents: Tensor
    latents: Tensor


@dataclass(frozen=True)
class FrameConditions:
    """What the denoiser and the decoder have to know of one frame.

    channels: (1, C + M + P, 1, h, w), the denoiser's input behind the noise latents: portrait latent, background mask
        (and visibility), PoseGuider output.
    motion: dense motion of this frame, or None where the preset has none.
    preview: uint8 (N, N, 3), the driving crop for the side-by-side layout, or None.
    """

    channels: Tensor
    motion: DenseMotion | None
    preview: np.ndarray | None


class DrivingEncoder:
    """Turns driving conditions into `FrameConditions`; one object per clip.

    Args:
        pose_guider: reads the driving frame.
        portrait: the clip's portrait.
        dense_motion: moves the portrait into place, or None.
        vae_latents: function (1, 3, S, S) in [0, 1] -> (1, C, h, w) scaled latents, used for warped portraits.
    """

    def __init__(
        self,
        pose_guider: PoseGuider,
        portrait: PortraitInputs,
        dense_motion: DenseMotionNet | None,
        vae_latents: Callable[[Tensor], Tensor],
    ):
        self.pose_guider = pose_guider
        self.portrait = portrait
        self.dense_motion = dense_motion
        self.vae_latents = vae_latents
        self._portrait_keypoints = None
        if dense_motion is not None:
            bring_to_device(dense_motion)
            self._portrait_keypoints = dense_motion.keypoints(portrait.image)
        self._modulation = None
        if pose_guider.config.portrait_modulation:
            # the statistics path was built for 512x512, whatever the size of the video
            large = F.interpolate(portrait.image, size=512, mode="bilinear", align_corners=False)
            self._modulation = pose_guider.read_portrait(large)

    def __call__(self, driving: Tensor, preview: np.ndarray | None) -> FrameConditions:
        """driving: (1, 3, S, S) in [0, 1], the masked driving frame in the portrait's framing."""
        portrait = self.portrait
        pose = self.pose_guider(driving[:, :, None], self._modulation)
        size = pose.shape[-2:]
        motion = None
        latents, mask = portrait.latents, F.interpolate(portrait.mask, size=size, mode="nearest")
        if self.dense_motion is not None:
            motion = self.dense_motion(portrait.image, driving, self._portrait_keypoints)
            flow = motion.flow.to(driving.dtype)
            latents = self.vae_latents(warp(portrait.image, flow))
            background = F.interpolate(warp(portrait.mask, flow), size=size, mode="area")
            visibility = F.interpolate(motion.visibility.to(driving.dtype), size=size, mode="area")
            mask = torch.cat([background, visibility], dim=1)
        channels = torch.cat([latents, mask, pose[:, :, 0]], dim=1)
        return FrameConditions(channels[:, :, None], motion, preview)
