"""From pictures to what the denoiser reads: the portrait once per clip, the driving frames once each."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from megactor.animate.clip_pixels import clip_pixels
from megactor.animate.head_turn import HeadTurn
from megactor.animate.part_motion import PartMotion
from megactor.animate.seen_body import SeenBody
from megactor.compute.offload import bring_to_device
from megactor.denoise.conditions import FrameConditions, PortraitInputs
from megactor.drive.layers import PortraitLayers
from megactor.drive.masking import DrivingCrop
from megactor.drive.portrait import Portrait
from megactor.drive.strands import Strands
from megactor.media.shots import CutWatch
from megactor.models.background_encoder import background_tokens
from megactor.models.clip_vision import ClipVision
from megactor.models.denoiser_input import join_conditions, visibility_latents
from megactor.models.dense_motion import DenseMotion, DenseMotionNet, FollowedMotion, resized
from megactor.models.dense_motion.edges import hold_at_edges
from megactor.models.dense_motion.flow import warp
from megactor.models.dense_motion.picture_layers import Layers
from megactor.models.pixel_codec import PixelCodec
from megactor.models.pose_guider import PoseGuider


def to_tensor(image: np.ndarray, device: torch.device, dtype: torch.dtype) -> Tensor:
    """uint8 (H, W, 3) -> (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1)[None].to(dtype) / 255


def encode_portrait(
    face: Portrait,
    seed: int,
    vae: AutoencoderKL | PixelCodec,
    image_encoder: ClipVision,
    device: torch.device,
    dtype: torch.dtype,
    has_outline: bool = False,
) -> PortraitInputs:
    """What the networks read of the portrait; the seed draws the sample of its latents.

    Args:
        face: the portrait.
        seed: of the sample.
        vae: the model's codec.
        image_encoder: reads the background.
        device: for all of it.
        dtype: for all of it.
        has_outline: whether the denoiser's latents tell the person's outline beside colors.
    """
    image, large = (to_tensor(picture, device, dtype) for picture in (face.image, face.large))
    distribution = vae.encode(image * 2 - 1).latent_dist
    # the official code draws this sample and the initial noise from the same seed
    noise = torch.randn(distribution.mean.shape, generator=torch.Generator("cpu").manual_seed(seed))
    pixels = clip_pixels(face.background, image_encoder.config.image_size).to(device, dtype)
    scale = vae.config.scaling_factor
    foreground = torch.from_numpy(face.foreground).to(device, dtype)[None, None]
    latents = (distribution.mean + distribution.std * noise.to(device, dtype)) * scale
    if has_outline:
        latents = vae.encode(torch.cat([image, foreground], 1) * 2 - 1).latent_dist.mean * scale
    bring_to_device(image_encoder)  # not before the VAE has run: they would lie on the device together
    return PortraitInputs(
        image=image,
        large=large,
        mask=1 - foreground,
        tokens=background_tokens(image_encoder, pixels),
        reference_latents=distribution.mean * scale,
        latents=latents,
        layers=None if face.layers is None else _to_layers(face.layers, device, dtype),
    )


def _to_layers(layers: PortraitLayers, device: torch.device, dtype: torch.dtype) -> Layers:
    return Layers(
        torch.from_numpy(layers.matte).to(device, dtype)[None, None],
        to_tensor(layers.person, device, dtype),
        to_tensor(layers.plate, device, dtype),
        None if layers.strands is None else _to_strands(layers.strands, device, dtype),
    )


def _to_strands(strands: Strands, device: torch.device, dtype: torch.dtype) -> Tensor:
    cover = torch.from_numpy(strands.cover).to(device, dtype)[None, None]
    return torch.cat([to_tensor(strands.colors, device, dtype), cover], 1)


class DrivingEncoder:
    """Turns driving conditions into `FrameConditions`; one object per clip.

    Args:
        pose_guider: reads the driving frame.
        portrait: the clip's portrait.
        dense_motion: moves the portrait into place, or None.
        vae_latents: function (1, 3, S, S) in [0, 1] -> (1, C, h, w) scaled latents, used for warped portraits; with
            `has_outline` (1, 4, S, S), the person's colors and outline.
        visibility_channels: as in `visibility_latents`.
        has_outline: as in `encode_portrait`.
        parts: more or less motion for parts of the face, where there is dense motion.
        turns: whether the driver's head turns from where the portrait's is turned, see `HeadTurn`: from the frame that
            is most like the portrait where some were learned, else from the first one of a shot.
    """

    def __init__(
        self,
        pose_guider: PoseGuider,
        portrait: PortraitInputs,
        dense_motion: DenseMotionNet | None,
        vae_latents: Callable[[Tensor], Tensor],
        visibility_channels: int = 1,
        has_outline: bool = False,
        parts: PartMotion | None = None,
        turns: bool = False,
    ):
        self.parts = parts
        self.turns = turns
        self.pose_guider = pose_guider
        self.portrait = portrait
        self.dense_motion = dense_motion
        self.vae_latents = vae_latents
        self.visibility_channels = visibility_channels
        self.has_outline = has_outline
        self._portrait_keypoints = None
        self._relative = None if dense_motion is None else dense_motion.new_relative_motion()
        self._turn: HeadTurn | None = None
        self._learned = False
        self._body: SeenBody | None = None
        self._watch = CutWatch()
        if dense_motion is not None:
            bring_to_device(dense_motion)
            large = resized(portrait.large, dense_motion.config.detail_size)
            self._portrait_keypoints = dense_motion.find_keypoints(large.to(dense_motion.dtype))
            if dense_motion.body is not None:
                self._body = SeenBody(dense_motion.body, self._portrait_keypoints)
        self._layers = None if portrait.layers is None else portrait.layers.resized(portrait.image.shape[-1])
        self._modulation = None
        if pose_guider.config.portrait_modulation:
            # the statistics path was built for 512x512, whatever the size of the video
            large = F.interpolate(portrait.image, size=512, mode="bilinear", align_corners=False)
            self._modulation = pose_guider.read_portrait(large)

    def find(self, driving: Tensor) -> Tensor | None:
        """The driver's keypoints (F, K, 2) in driving frames as for `__call__`; None without dense motion."""
        return (
            None if self.dense_motion is None else self.dense_motion.find_keypoints(driving.to(self.dense_motion.dtype))
        )

    @property
    def learns(self) -> bool:
        """Whether `learn` changes anything."""
        return self._relative is not None

    def learn(self, found: Tensor, crops: Sequence[DrivingCrop]) -> None:
        """Takes the driver's keypoints in some frames, spread over the clip, for how he usually looks.

        Args:
            found: (F, K, 2), what `find` said of them.
            crops: these.
        """
        if self._relative is None or self._portrait_keypoints is None or not len(found):
            return
        retargeted = self._retargeted(found)
        keypoints, alike = self._relative.learn(found, retargeted, self._portrait_keypoints)
        if self.turns:
            self._turn = HeadTurn.between(retargeted[alike], self._portrait_keypoints[0])
            found = self._turn(found)
            keypoints, alike = self._relative.learn(found, self._retargeted(found), self._portrait_keypoints)
        self._learned = True
        if self._body is not None:
            self._body.learn(keypoints[alike], crops[alike].body)

    def _retargeted(self, found: Tensor) -> Tensor:
        assert self.dense_motion is not None and self._portrait_keypoints is not None
        retargeted: Tensor = self.dense_motion.retargeter(self._portrait_keypoints.expand(len(found), -1, -1), found)
        return retargeted

    def _turned(self, found: Tensor, starts: Sequence[bool]) -> Tensor:
        """The driver's keypoints (F, K, 2), his head turned; anew where a shot starts, unless he was learned before."""
        assert self._portrait_keypoints is not None
        turned = []
        for points, anew in zip(found.split(1), starts, strict=True):
            if self._turn is None or (anew and not self._learned):
                self._turn = HeadTurn.between(self._retargeted(points)[0], self._portrait_keypoints[0])
            turned.append(self._turn(points))
        return torch.cat(turned)

    def follow(self, found: Tensor | None, crops: Sequence[DrivingCrop]) -> FollowedMotion | None:
        """What `__call__` has to know of frames that others came before; all frames of a clip, in their order.

        Args:
            found: what `find` said of the next ones.
            crops: these.
        """
        if found is None:
            return None
        starts = [self._watch(crop.picture) or crop.starts for crop in crops]
        driving = self._turned(found, [crop.starts for crop in crops]) if self.turns else found
        keypoints = self._retargeted(driving)
        if self._relative is not None:
            keypoints = self._relative(driving, keypoints, starts)
        body = None if self._body is None else self._body(keypoints, [crop.body for crop in crops], starts)
        return FollowedMotion(found, keypoints, body)

    def __call__(self, driving: Tensor, followed: FollowedMotion | None = None) -> list[FrameConditions]:
        """Frames do not know of each other: together they are only faster.

        Args:
            driving: (F, 3, D, D) in [0, 1], masked driving frames in the portrait's framing; D is S, or the
                `detail_size` of the dense motion.
            followed: what `follow` said of them.
        """
        portrait, count = self.portrait, len(driving)
        small = resized(driving, portrait.image.shape[-1])
        pose = self.pose_guider(small.transpose(0, 1)[None], self._modulation)
        size = pose.shape[-2:]
        latents, visibility = portrait.latents, None
        background = F.interpolate(portrait.mask, size=size, mode="nearest")
        motions: Sequence[DenseMotion | None] = [None] * count
        if self.dense_motion is not None and self._portrait_keypoints is not None:
            image, large = (picture.expand(count, -1, -1, -1) for picture in (portrait.image, portrait.large))
            kind, keypoints = self.dense_motion.dtype, self._portrait_keypoints.expand(count, -1, -1)
            layered = self._layers is not None
            motion = self.dense_motion(
                image.to(kind), driving.to(kind), large.to(kind), keypoints, layered, self.parts, followed
            )
            if self._layers is not None:
                motion = hold_at_edges(motion, self._layers.matte)
            moved, outside = self._move(motion.flow)
            latents = self.vae_latents(moved)
            background = F.interpolate(outside, size=size, mode="area")
            if self.has_outline and not layered:
                motion = _background_is_shown(motion, outside)
            visible = motion.visibility.to(driving.dtype)
            visibility = visibility_latents(visible, self.visibility_channels, size)[:, :, None]
            motions = motion.split()
        of_frames = pose[0].transpose(0, 1)[:, :, None]  # (F, P, 1, h, w): each frame a clip of its own
        channels = join_conditions(latents[:, :, None], background[:, :, None], visibility, of_frames).split(1)
        return [FrameConditions(*of_frame) for of_frame in zip(channels, motions, strict=True)]

    def _move(self, flow: Tensor) -> tuple[Tensor, Tensor]:
        """The portrait in its place in every frame and where the background is, (F, 1, S, S).

        The portrait as a picture (F, 3, S, S), or as the person's colors and outline (F, 4, S, S).
        """
        if self._layers is not None:
            layers = self._layers.moved(flow)
            moved = torch.cat([layers.person, layers.matte], 1) if self.has_outline else layers.picture()
            return moved, 1 - layers.matte
        image, mask = (part.expand(len(flow), -1, -1, -1) for part in (self.portrait.image, self.portrait.mask))
        outside = warp(mask, flow)
        moved = warp(image, flow)
        return torch.cat([moved, 1 - outside], 1) if self.has_outline else moved, outside


def _background_is_shown(motion: DenseMotion, outside: Tensor) -> DenseMotion:
    """A denoiser of persons knows nothing of what lies beside them: there the portrait is shown."""
    outside = F.interpolate(outside.float(), size=motion.visibility.shape[-2:], mode="area")
    return motion._replace(visibility=torch.maximum(motion.visibility, outside.to(motion.visibility.dtype)))
