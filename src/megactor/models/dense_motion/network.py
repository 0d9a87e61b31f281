"""DenseMotionNet: where each pixel of the animated frame comes from in the portrait.

Not part of the released MegActor: it belongs to the `nano` preset, which has too few parameters to learn long-range
copying through reference attention alone. A renderer knows the true correspondence between any two frames, so this
network is trained with supervision; the denoiser then receives the portrait latent already moved into place and adds
what no warp can: the inside of the mouth, uncovered skin and background, sharpness.

Keypoints tell how the face moves; a UNet over both pictures and that motion moves hair, neck, shoulders and what turns
into view; then the flow is bent so that it meets the keypoints exactly. With `BodyMotion` keypoints tell how the body
below has moved, too, and the UNet says which of the motions each pixel follows, and what is to be added.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from torch import Tensor

from megactor.models.dense_motion.body_motion import BodyMotion
from megactor.models.dense_motion.close_up import CloseUp, CloseUpNet
from megactor.models.dense_motion.face_crops import face_crop
from megactor.models.dense_motion.flow import FLOW_UNIT, affine_flow, meet_keypoints, zoom_flow
from megactor.models.dense_motion.keypoint_refiner import KeypointRefiner
from megactor.models.dense_motion.keypoints import KEYPOINTS, MIRRORED, KeypointNet, KeypointRetargeter, to_gray
from megactor.models.dense_motion.nearby import mean_nearby
from megactor.models.dense_motion.patch_unet import PatchUNet
from megactor.models.dense_motion.relative_motion import Gains, RelativeMotion
from megactor.models.precision import UpcastMixin

FACE_RADIUS, FACE_SMOOTHING = 0.06, 0.1
"""`meet_keypoints` for the motion that the UNet is told: coarse, because the UNet's grid is."""

FOLLOWED = 3
"""What a pixel may follow: nothing, the head, the body."""

_MIRROR_SIDE = 0.9
"""Of the crop that is read in the mirror, in parts of the other's: eyes want to be seen closely, a turn whole."""

_NEARBY, _DOUBT = 5, 0.05
"""Where a pixel follows neither head nor body, what the pixels around it follow decides: width of a mean over them in
pixels of the flow, taken `_NEARBY` times, and its weight."""


class DenseMotion(NamedTuple):
    """Result of `DenseMotionNet`.

    flow: (B, 2, H, W), backward flow (x, y) in units of the picture's width and height: the pixel at p shows the
        portrait's point p + flow(p).
    visibility: (B, 1, H, W) in [0, 1], how far the portrait can be shown there: its point is visible in the portrait,
        or what is in its place looks the same.
    close_ups: eyes and mouth, which the flow cannot carry.
    stretched: (B, 1, H, W) in [0, 1], where the portrait ends and what it shows beside was stretched, see
        `hold_at_edges`: nothing is to be generated there. None for nowhere.
    """

    flow: Tensor
    visibility: Tensor
    close_ups: tuple[CloseUp, ...] = ()
    stretched: Tensor | None = None

    def split(self) -> list["DenseMotion"]:
        """One for each frame."""
        count = len(self.flow)
        parts = [close_up.split() for close_up in self.close_ups]
        stretched = [None] * count if self.stretched is None else self.stretched.split(1)
        frames = zip(self.flow.split(1), self.visibility.split(1), range(count), stretched, strict=True)
        return [
            DenseMotion(flow, visibility, tuple(part[number] for part in parts), ends)
            for flow, visibility, number, ends in frames
        ]


class FollowedMotion(NamedTuple):
    """What is known of frames from those before.

    driving: (B, K, 2), keypoints of the driving frames in picture units.
    animated: (B, K, 2), those of the animated ones.
    body: (B, 3), how the body moved from the portrait, see `flow.zoom_flow`; NaN or None leaves it to the face.
    """

    driving: Tensor
    animated: Tensor
    body: Tensor | None = None


class MotionLogits(NamedTuple):
    """What training needs of a motion.

    flow: (B, 2, h, w) as in `DenseMotion`.
    visibility: (B, 1, h, w), before the sigmoid.
    body_flow: (B, 2, h, w), of the body alone, everywhere; None for networks that do not know it.
    """

    flow: Tensor
    visibility: Tensor
    body_flow: Tensor | None


def resized(image: Tensor, size: int) -> Tensor:
    """(B, C, H, H) -> (B, C, size, size), smoothed where it gets smaller; the same tensor where it fits already."""
    if image.shape[-1] == size:
        return image
    small = F.interpolate(image.float(), size=(size, size), mode="bilinear", align_corners=False, antialias=True)
    return small.to(image.dtype)


class DenseMotionNet(UpcastMixin, ConfigMixin):
    """Motion from the portrait to one masked gray driving frame; its output has half the input's resolution.

    It answers with places in pictures, which half precision tells half a pixel apart: it is always kept in float32.

    Args:
        patch_size: as in `PatchUNet`, like the following four.
        block_out_channels: widths of the levels.
        attention_levels: levels with self-attention.
        head_dim: width of an attention head.
        norm_num_groups: groups of the GroupNorms.
        keypoint_channels: `block_out_channels` of the `KeypointNet`.
        coarse_size: side of the pictures that the `KeypointNet` reads.
        looks_twice: the `KeypointNet` reads the whole picture, then the face alone, upright and larger, and that in the
            mirror, too.
        refiner_channels: `block_out_channels` of the `KeypointRefiner`; None leaves keypoints as the first look is.
        close_up_channels: `block_out_channels` of the `CloseUpNet`; None leaves eyes and mouth to the flow.
        moves_lids: as in `CloseUpNet`.
        detail_size: side of the pictures that `KeypointRefiner` and `CloseUpNet` want.
        retargeter_width: `width` of the `KeypointRetargeter`.
        body_width: `width` of the `BodyMotion`; None leaves the body to the UNet.
        keypoint_radius: as `radius` in `meet_keypoints`.
        keypoint_smoothing: as `smoothing` in `meet_keypoints`.
        keypoint_count: K, number of keypoints.
        head_change: as `head` in `RelativeMotion`.
        expression_gains: as `Gains`; None leaves every frame to the retargeter alone.
    """

    @classmethod
    def is_upcast(cls, config: Mapping[str, Any]) -> bool:
        """See `UpcastMixin`."""
        return True

    @register_to_config
    def __init__(
        self,
        patch_size: int = 4,
        block_out_channels: tuple[int, ...] = (48, 96, 160, 192),
        attention_levels: tuple[bool, ...] = (False, False, True, True),
        head_dim: int = 32,
        norm_num_groups: int = 16,
        keypoint_channels: tuple[int, ...] = (32, 64, 96, 128),
        coarse_size: int = 128,
        looks_twice: bool = False,
        refiner_channels: tuple[int, ...] | None = None,
        close_up_channels: tuple[int, ...] | None = None,
        moves_lids: bool = False,
        detail_size: int = 128,
        retargeter_width: int = 512,
        body_width: int | None = None,
        keypoint_radius: float = 0.025,
        keypoint_smoothing: float = 0.05,
        keypoint_count: int = KEYPOINTS,
        head_change: float = 0.0,
        expression_gains: tuple[float, float, float] | None = None,
    ):
        super().__init__()
        # the RGB portrait, the gray driving frame and the motions of face and body in; flow, layers and visibility out,
        # 2x2 times a patch
        layered = body_width is not None
        self.unet = PatchUNet(
            in_channels=3 + 1 + 2 + 2 * layered,
            out_channels=(2 + FOLLOWED * layered + 1) * (patch_size // 2) ** 2,
            patch_size=patch_size,
            block_out_channels=block_out_channels,
            attention_levels=attention_levels,
            head_dim=head_dim,
            norm_num_groups=norm_num_groups,
        )
        for parameter in self.unet.conv_out.parameters():
            torch.nn.init.zeros_(parameter)
        self.keypoints = KeypointNet(patch_size, keypoint_channels, norm_num_groups, keypoint_count)
        self.refiner = None if refiner_channels is None else KeypointRefiner(refiner_channels)
        self.retargeter = KeypointRetargeter(retargeter_width, count=keypoint_count)
        self.body = None if body_width is None else BodyMotion(body_width, keypoint_count)
        self.close_up = None if close_up_channels is None else CloseUpNet(close_up_channels, moves_lids=moves_lids)

    def find_keypoints(self, image: Tensor) -> Tensor:
        """(B, 3, H, H) in [0, 1], best with `detail_size` pixels a side -> (B, K, 2) in picture units, float32."""
        keypoints = self.find_coarse(image)
        if self.refiner is None:
            return keypoints
        refined: Tensor = self.refiner(to_gray(image), keypoints)
        # after a second look both are about as good, and their errors are their own
        return (keypoints + refined) / 2 if self.config.looks_twice else refined

    def find_coarse(self, image: Tensor) -> Tensor:
        """The same before the `KeypointRefiner` has looked at eyes and mouth."""
        size = self.config.coarse_size
        keypoints: Tensor = self.keypoints(resized(image, size))
        if not self.config.looks_twice:
            return keypoints
        crop = face_crop(keypoints)
        mirror = replace(crop, side=crop.side * _MIRROR_SIDE, mirrored=True)
        looks = torch.cat([look.pixels(image, size) for look in (crop, mirror)]).to(image.dtype)
        found, in_mirror = self.keypoints(looks).chunk(2)
        # what is wrong about a face is often wrong in its mirror image, too, but on its other side
        return (crop.back(found) + mirror.back(in_mirror[:, list(MIRRORED)])) / 2

    def new_relative_motion(self) -> RelativeMotion | None:
        """For the frames of one clip; None where the retargeter alone says what the portrait's face does."""
        gains = self.config.expression_gains
        return None if gains is None else RelativeMotion(self.config.head_change, Gains(*gains))

    def logits(
        self,
        portrait: Tensor,
        driving: Tensor,
        portrait_keypoints: Tensor,
        keypoints: Tensor,
        of_person: bool = False,
        seen_body: Tensor | None = None,
        in_mirror: bool = False,
    ) -> MotionLogits:
        """The motion at half of the portrait's resolution, as training needs it.

        Args:
            portrait: (B, 3, H, W) in [0, 1].
            driving: (B, 3, H, W) in [0, 1].
            portrait_keypoints: (B, K, 2) in picture units.
            keypoints: the same of the animated frame, as the retargeter says.
            of_person: as in `forward`.
            seen_body: (B, 3), as `FollowedMotion.body`.
            in_mirror: the UNet looks at the mirror image, too, and the mean of what it says is taken.
        """
        if portrait.shape[-2:] != driving.shape[-2:]:
            raise ValueError(f"portrait {tuple(portrait.shape)} and driving {tuple(driving.shape)} differ in size")
        size, patch = portrait.shape[-2:], self.config.patch_size
        body = None if self.body is None else self.body(portrait_keypoints, keypoints)
        if body is not None and seen_body is not None:
            body = torch.where(seen_body.isnan(), body, seen_body)
        told = self._known_motions(keypoints, portrait_keypoints, body, size[0] // patch, size[1] // patch)
        told = F.interpolate(told.to(portrait.dtype), size=size, mode="nearest")
        read = torch.cat([portrait * 2 - 1, to_gray(driving) * 2 - 1, told / FLOW_UNIT], 1)
        out = F.pixel_shuffle(self.unet(read), patch // 2)
        if in_mirror:  # as with keypoints, what is wrong there is wrong on the other side
            of_mirror = F.pixel_shuffle(self.unet(_mirrored(read, slice(4, None, 2))), patch // 2)
            out = (out + _mirrored(of_mirror, slice(0, 1))) / 2
        followed = 0 if body is None else FOLLOWED
        added, follows, visibility = out.split([2, followed, 1], 1)
        flow, body_flow = added * FLOW_UNIT, None
        if body is not None:
            known = self._known_motions(keypoints, portrait_keypoints, body, size[0] // 2, size[1] // 2)
            of_head, of_body = _shares(follows.softmax(1), of_person).split(1, 1)
            head_flow, body_flow = known.chunk(2, 1)
            flow = flow + of_head * head_flow + of_body * body_flow
        # a point that turned away from the camera in either picture tells nothing about the surface in front of it
        trust = F.grid_sample(visibility.detach().sigmoid(), (2 * keypoints - 1)[:, None], align_corners=False)
        radius, smoothing = self.config.keypoint_radius, self.config.keypoint_smoothing
        with torch.autocast(portrait.device.type, enabled=False):
            flow = meet_keypoints(flow, keypoints, portrait_keypoints, trust[:, 0, 0, :, None], radius, smoothing)
        return MotionLogits(flow, visibility, body_flow)

    def _known_motions(
        self, keypoints: Tensor, portrait_keypoints: Tensor, body: Tensor | None, height: int, width: int
    ) -> Tensor:
        """(B, 2 or 4, height, width): how the head moved, and the body where that is known."""
        with torch.autocast(keypoints.device.type, enabled=False):  # small systems of equations need float32
            head = affine_flow(keypoints, portrait_keypoints, height, width)
            trust = torch.ones_like(keypoints[..., :1])
            face = meet_keypoints(head, keypoints, portrait_keypoints, trust, FACE_RADIUS, FACE_SMOOTHING)
        return face if body is None else torch.cat([face, zoom_flow(body, height, width)], 1)

    def forward(
        self,
        portrait: Tensor,
        driving: Tensor,
        large: Tensor | None = None,
        portrait_keypoints: Tensor | None = None,
        of_person: bool = False,
        scaled: Callable[[Tensor, Tensor], Tensor] | None = None,
        followed: FollowedMotion | None = None,
    ) -> DenseMotion:
        """Predicts the motion from the portrait to one driving frame.

        Args:
            portrait: (B, 3, H, H) in [0, 1]; H divisible by patch_size * 2 ** (levels - 1).
            driving: (B, 3, D, D) in [0, 1], the driving condition (a masked frame), used in gray; D as `detail_size`.
            large: (B, 3, N, N) in [0, 1], the portrait with more pixels, where there are.
            portrait_keypoints: (B, K, 2), `find_keypoints` of the portrait, where they are known from an earlier frame.
            of_person: the flow is the person's everywhere, for a person who is moved before a background that is known;
                otherwise the background's where nobody is. Only with `BodyMotion`.
            scaled: keypoints of portrait and animated frame -> those of the frame that is wanted instead.
            followed: where frames are known that came before; otherwise every frame is on its own.

        Returns:
            `DenseMotion` at half of the portrait's resolution, float32.
        """
        large = portrait if large is None else large
        if portrait_keypoints is None:
            portrait_keypoints = self.find_keypoints(resized(large, self.config.detail_size))
        if followed is None:
            driving_keypoints = self.find_keypoints(driving)
            followed = FollowedMotion(driving_keypoints, self.retargeter(portrait_keypoints, driving_keypoints))
        driving_keypoints, keypoints, seen_body = followed
        if scaled is not None:
            keypoints = scaled(portrait_keypoints, keypoints)
        small = resized(driving, portrait.shape[-1])
        motion = self.logits(portrait, small, portrait_keypoints, keypoints, of_person, seen_body, in_mirror=True)
        close_ups: tuple[CloseUp, ...] = ()
        if self.close_up is not None:
            close_ups = self.close_up(large, to_gray(driving), portrait_keypoints, driving_keypoints, keypoints)
        return DenseMotion(motion.flow, motion.visibility.sigmoid(), close_ups)


def _mirrored(fields: Tensor, across: slice) -> Tensor:
    """(B, C, h, w) in the mirror, where the channels `across`, which point along x, point the other way."""
    mirrored = fields.flip(-1)
    mirrored[:, across] = -mirrored[:, across]
    return mirrored


def _shares(follows: Tensor, of_person: bool) -> Tensor:
    """How far a pixel follows nothing, the head and the body (B, 3, h, w) -> head and body (B, 2, h, w).

    Args:
        follows: sums to 1.
        of_person: nothing does not count: what remains sums to 1, too.
    """
    shares = follows[:, 1:]
    if not of_person:
        return shares
    nearby = shares
    for _ in range(_NEARBY):
        nearby = mean_nearby(nearby, _NEARBY)
    shares = shares + _DOUBT * (nearby + 1e-4)
    return shares / shares.sum(1, keepdim=True)
