"""From final latents to pictures: the way back of `encoding`."""

import functools
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from megactor.compute.cores import Cores, grouped
from megactor.compute.memory import Fallback, MemoryGuard
from megactor.denoise.clip import Frame
from megactor.denoise.conditions import PortraitInputs
from megactor.errors import ModelError
from megactor.models.dense_motion.close_up import CloseUp
from megactor.models.dense_motion.face_crops import MOUTH_PIXELS
from megactor.models.dense_motion.palette import MouthTones, Palette
from megactor.models.dense_motion.portrait_detail import add_portrait_detail, place_person
from megactor.models.pixel_codec import PixelCodec

_COLORS = 3
"""Of a decoded picture; what comes behind them tells the person's outline."""

PIXELS_AT_ONCE = 4 * 512 * 512
"""Of the pictures that are decoded at once: four of sd15's."""


def to_images(frames: Tensor) -> np.ndarray:
    """(B, 3, H, W) in [0, 1] -> uint8 (B, H, W, 3), rounded.

    Raises:
        ModelError: there are numbers in it that are none, which would be shown as black.
    """
    if not frames.sum(dtype=torch.float32).isfinite():  # as it is when all of them are, in a tenth of the time
        kind = str(frames.dtype).removeprefix("torch.")
        raise ModelError(f"the model computed something that is no picture (in {kind}): try --dtype float32")
    return (frames.float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()


class FrameDecoder:
    """Final latents to pictures, a few frames at once; one object per clip.

    A GPU is given them as one batch. On a CPU every core decodes a frame of its own, if the codec has no layers: those
    of a VAE are large enough to be shared, and would need the memory of as many frames.

    Args:
        vae: the model's codec.
        portrait: the clip's portrait at the size of the result; its detail is added where the model has dense motion.
        guard: runs the codec; where a batch does not fit, one frame at a time from there on.
        cores: of the CPU.

    Attributes:
        at_once: frames that are worth waiting for.
    """

    def __init__(self, vae: AutoencoderKL | PixelCodec, portrait: PortraitInputs, guard: MemoryGuard, cores: Cores):
        self._vae, self._portrait, self._guard, self._cores = vae, portrait, guard, cores
        pixels = max(portrait.image[0, 0].numel(), portrait.large[0, 0].numel())
        self.at_once = max(1, PIXELS_AT_ONCE // pixels)
        self._batch = self.at_once
        self._tones: MouthTones | None = None  # of the portrait, whose mouth is the same for all frames
        if portrait.image.device.type == "cpu":
            self.at_once = min(cores.count, self.at_once) if isinstance(vae, PixelCodec) else 1
            self._batch = 1

    def __call__(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        """Frames do not know of each other: together they are only faster.

        Returns:
            uint8 (N, N, 3) for each.

        Raises:
            ModelError: see `to_images`.
            torch.OutOfMemoryError: not even one frame at a time fits.
        """
        alone = Fallback("frames are decoded one at a time from here on", self._decode_alone)
        return self._guard(lambda: self._decode_all(frames), alone if self._batch > 1 else None)

    @functools.cached_property
    def _palette(self) -> Palette:
        """Of the portrait; models without dense motion never ask."""
        return Palette.of(self._portrait.large)

    def _decode_alone(self) -> None:
        self._batch = 1

    def _decode_all(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        batches = grouped(grouped(frames, self._batch), self.at_once)
        return [picture for some in batches for pictures in self._cores.map(self._decode, some) for picture in pictures]

    def _decode(self, frames: Sequence[Frame]) -> np.ndarray:
        latents = torch.cat([frame.latents[:, :, 0] for frame in frames]) / self._vae.config.scaling_factor
        images = (self._vae.decode(latents).sample / 2 + 0.5).clamp(0, 1)
        finished = [self._detailed(image, frame) for image, frame in zip(images.split(1), frames, strict=True)]
        return to_images(torch.cat(finished))

    def _detailed(self, image: Tensor, frame: Frame) -> Tensor:
        portrait, motion = self._portrait, frame.conditions.motion
        image, outline = image[:, :_COLORS], image[:, _COLORS:] if image.shape[1] > _COLORS else None
        if motion is None:
            return _resized(image, portrait.large.shape[-1])
        image = self._palette.fitted(image)
        motion = motion._replace(close_ups=self._fitted(motion.close_ups))
        if portrait.layers is None:
            return add_portrait_detail(image, portrait.large, motion)
        return place_person(image, portrait.layers, motion, outline)

    def _fitted(self, close_ups: tuple[CloseUp, ...]) -> tuple[CloseUp, ...]:
        fitted = tuple(part._replace(color=self._palette.fitted(part.color)) for part in close_ups)
        if not fitted:
            return fitted
        *eyes, mouth = fitted
        if self._tones is None:
            self._tones = MouthTones.of(mouth.source.pixels(self._portrait.large, MOUTH_PIXELS))
        return (*eyes, mouth._replace(color=self._tones.fitted(mouth.color)))


def _resized(image: Tensor, size: int) -> Tensor:
    """(1, 3, S, S) in [0, 1] -> (1, 3, size, size): larger without new detail, smaller without aliasing."""
    if image.shape[-1] == size:
        return image
    fitted = F.interpolate(image.float(), size=(size, size), mode="bicubic", align_corners=False, antialias=True)
    return fitted.clamp(0, 1)
