"""CloseUpNet: the animated eyes and mouth, at the size of the result.

Where lids or lips meet, two keypoints come to one place and no smooth flow can follow both; an eye that looks aside
shows what the portrait hides. So eyes and mouth are made by networks of their own: out of the portrait's pixels, moved
by a flow that may tear, and of colors where the portrait has nothing to show. They are told the keypoints of the
portrait and of the animated frame, and see the driver's raw pixels.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from megactor.models.dense_motion.eyelids import LidMotion, is_closing, lid_motion
from megactor.models.dense_motion.face_crops import (
    EYE,
    EYE_PIXELS,
    LIDS,
    MIRRORED_EYE,
    MIRRORED_LIDS,
    MOUTH,
    MOUTH_PIXELS,
    UprightCrop,
    eye_crops,
    mouth_crop,
    normalized,
)
from megactor.models.dense_motion.patch_unet import PatchUNet
from megactor.models.dense_motion.sampling import sample
from megactor.models.dense_motion.seams import within_face
from megactor.models.dense_motion.smoothstep import smoothstep

_DOT = 1.5
"""Radius in pixels of the dots that keypoints are shown as."""
_FLOW_UNIT = 1 / 8
"""As `flow.FLOW_UNIT`, in sizes of a crop."""
_FADE = 0.25
"""Width in crops of the rim over which a close-up fades into the frame."""
_PATCH = 2


class CloseUp(NamedTuple):
    """One part of a face in the animated frames.

    place: where it goes.
    source: where it comes from in the portrait.
    flow: (B, 2, S, S), backward flow (x, y) in sizes of a crop: the point q of `place` shows the point q + flow(q) of
        `source`.
    shown: (B, 1, S, S), before the sigmoid: how much of the color comes from the portrait.
    color: (B, 3, S, S) in [0, 1], the rest.
    lids: (B, 2, 12, 2), the points of an eye in `place` and in `source`, if skin is moved with its lids (`eyelids`).
    within: (B, 1, S, S) in [0, 1], how much of it is inserted, see `seams.within_face`; None for all of it.
    """

    place: UprightCrop
    source: UprightCrop
    flow: Tensor
    shown: Tensor
    color: Tensor
    lids: Tensor | None = None
    within: Tensor | None = None

    def split(self) -> list["CloseUp"]:
        """One for each frame."""
        fields = (self.flow, self.shown, self.color)
        parts = (self.place.split(), self.source.split(), *(field.split(1) for field in fields))
        perhaps = ([None] * len(self.flow) if field is None else field.split(1) for field in (self.lids, self.within))
        return [CloseUp(*part) for part in zip(*parts, *perhaps, strict=True)]

    def picture(self, portrait: Tensor, places: Tensor) -> Tensor:
        """Colors at some points.

        Args:
            portrait: (B, 3, N, N) in [0, 1].
            places: (1 or B, h, w, 2) in units of the crop.

        Returns:
            (B, 3, h, w) in [0, 1].
        """
        places = places.expand(len(portrait), -1, -1, -1)
        if self.lids is None or min(places.shape[1:3]) < 2:
            return self._samples(portrait, places)
        # the line of a closed lid is thinner than a pixel: the mean of four places in each
        right = (places[:, :, 1:] - places[:, :, :-1]).mean((1, 2))[:, None, None] / 4
        down = (places[:, 1:] - places[:, :-1]).mean((1, 2))[:, None, None] / 4
        ways = torch.cat([right + down, right - down, down - right, -right - down], 1)  # (B, 4, 1, 2)
        four = (places[:, None] + ways[..., None, :]).flatten(1, 2)  # (B, 4 * h, w, 2), all at once: they are small
        return self._samples(portrait, four).unflatten(2, (4, -1)).mean(2)

    def _samples(self, portrait: Tensor, places: Tensor) -> Tensor:
        fields = torch.cat([self.flow, self.shown, self.color], 1)
        fields = sample(fields, places)
        flow, shown, color = fields.split([2, 1, 3], 1)
        there = (places + flow.permute(0, 2, 3, 1)).flatten(1, 2)
        shown = shown.sigmoid()
        lids = self._lid_motion(places.flatten(1, 2))
        if lids is not None:
            there = torch.lerp(there, lids.places, lids.share[..., None])
            shown = torch.lerp(shown, torch.ones_like(shown), lids.share.view_as(shown))
        warped = sample(portrait.float(), self.source.back(there).view_as(places))
        if lids is not None:
            plain = sample(_plain(self.source.pixels(portrait, EYE_PIXELS)), there.view_as(places))
            warped = torch.lerp(warped, plain, (lids.share * lids.stretched).view_as(shown))
        return torch.lerp(color, warped, shown)

    def _lid_motion(self, centers: Tensor) -> LidMotion | None:
        """At some places (B, N, 2); None where no eye closes."""
        if self.lids is None:
            return None
        place, source = self.lids.unbind(1)
        return lid_motion(place, source, centers) if is_closing(place, source) else None


def _plain(eye: Tensor) -> Tensor:
    """(B, 3, S, S), a close-up's pixels -> the colors of its skin, without the strokes of lashes and creases."""
    lighter = F.max_pool2d(eye, (3, 5), 1, (1, 2))
    eye = -F.max_pool2d(-lighter, (3, 5), 1, (1, 2))  # dark strokes narrower than that are gone
    for _ in range(2):
        eye = F.avg_pool2d(eye, (1, 9), 1, (0, 4), count_include_pad=False)
    return eye


def fade(places: Tensor) -> Tensor:
    """(..., 2) in units of a crop -> (...) in [0, 1]: 1 in its middle, smoothly 0 at its inscribed circle and outside.

    The corners of a square are what first reaches hair, or the far side of a turned face, and shows as a stroke there.
    """
    return smoothstep((0.5 - (places - 0.5).norm(dim=-1)) / _FADE)


def insert(frame: Tensor, portrait: Tensor, close_up: CloseUp) -> Tensor:
    """Puts a close-up into its frame.

    Args:
        frame: (1, 3, N, N) in [0, 1].
        portrait: (1, 3, N, N) in [0, 1].
        close_up: of this one frame.

    Returns:
        (1, 3, N, N).
    """
    size, place = frame.shape[-1], close_up.place
    corners = place.back(torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]], device=frame.device)) * size
    left, top = corners[0].amin(0).floor().clamp(0, size).int().tolist()
    right, bottom = corners[0].amax(0).ceil().clamp(0, size).int().tolist()
    if left >= right or top >= bottom:
        return frame
    x = (torch.arange(left, right, device=frame.device) + 0.5) / size
    y = (torch.arange(top, bottom, device=frame.device) + 0.5) / size
    points = torch.stack(torch.broadcast_tensors(x, y[:, None]), -1)
    places = place.into(points.view(1, -1, 2)).view(1, *points.shape)
    changed = frame.clone()
    part, share = changed[..., top:bottom, left:right], fade(places)[:, None]
    if close_up.within is not None:
        share = share * sample(close_up.within, places)
    changed[..., top:bottom, left:right] = torch.lerp(part, close_up.picture(portrait, places), share)
    return changed


class CloseUpNet(nn.Module):
    """Makes the close-ups of a face.

    Args:
        block_out_channels, norm_num_groups: as in `PatchUNet`, for the eyes' network and for the mouth's.
        moves_lids: around eyes that close, skin is moved with the lids, whatever the network says: see `eyelids`.
    """

    def __init__(
        self, block_out_channels: tuple[int, ...] = (32, 64, 128), norm_num_groups: int = 8, moves_lids: bool = False
    ):
        super().__init__()
        self.moves_lids = moves_lids
        self.eye, self.mouth = (
            PatchUNet(
                in_channels=3 + 1 + 2 * len(points),
                out_channels=(2 + 1 + 3) * _PATCH**2,
                patch_size=_PATCH,
                block_out_channels=block_out_channels,
                attention_levels=(False,) * len(block_out_channels),
                head_dim=1,
                norm_num_groups=norm_num_groups,
            )
            for points in (EYE, MOUTH)
        )
        for unet in (self.eye, self.mouth):
            for parameter in unet.conv_out.parameters():
                nn.init.zeros_(parameter)

    def forward(
        self,
        portrait: Tensor,
        driving: Tensor,
        portrait_keypoints: Tensor,
        driving_keypoints: Tensor,
        keypoints: Tensor,
    ) -> tuple[CloseUp, CloseUp, CloseUp]:
        """Left eye, right eye, mouth.

        Args:
            portrait: (B, 3, N, N) in [0, 1].
            driving: (B, 1, D, D) in [0, 1], gray.
            portrait_keypoints: (B, 70, 2) in picture units, like the following two.
            driving_keypoints: of the driving frame.
            keypoints: of the animated frame.
        """
        sources, drivers, places = (
            (*eye_crops(points), mouth_crop(points)) for points in (portrait_keypoints, driving_keypoints, keypoints)
        )
        inputs = []
        for source, driver, place, ids in zip(sources, drivers, places, (EYE, MIRRORED_EYE, MOUTH), strict=True):
            size = MOUTH_PIXELS if ids is MOUTH else EYE_PIXELS
            inputs.append(
                torch.cat(
                    [
                        source.pixels(portrait, size) * 2 - 1,
                        normalized(driver.pixels(driving, size)),
                        _dots(source.into(portrait_keypoints[:, ids]), size),
                        _dots(place.into(keypoints[:, ids]), size),
                    ],
                    1,
                )
            )
        dtype = self.eye.conv_in.weight.dtype
        left, right = self.eye(torch.cat(inputs[:2]).to(dtype)).chunk(2)
        outs = (left, right, self.mouth(inputs[2].to(dtype)))
        made = [
            _close_up(place, source, out)._replace(within=within_face(place, keypoints, part))
            for place, source, out, part in zip(places, sources, outs, (LIDS, MIRRORED_LIDS, MOUTH), strict=True)
        ]
        if self.moves_lids:
            for eye, ids in enumerate((EYE, MIRRORED_EYE)):
                ends = places[eye].into(keypoints[:, ids]), sources[eye].into(portrait_keypoints[:, ids])
                made[eye] = made[eye]._replace(lids=torch.stack(ends, 1))
        return tuple(made)  # type: ignore[return-value]


def _close_up(place: UprightCrop, source: UprightCrop, out: Tensor) -> CloseUp:
    flow, shown, color = F.pixel_shuffle(out, _PATCH).split([2, 1, 3], 1)
    return CloseUp(place, source, flow * _FLOW_UNIT, shown, color.sigmoid())


def _dots(points: Tensor, size: int) -> Tensor:
    """(B, K, 2) in units of the crop -> (B, K, size, size), a soft dot each: the product of one along each axis."""
    centers = torch.arange(size, device=points.device) + 0.5
    x, y = torch.exp((centers - points[..., None] * size).square() / (-2 * _DOT**2)).unbind(2)
    return y[..., :, None] * x[..., None, :]
