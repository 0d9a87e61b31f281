"""One portrait and the crops of one driving clip through the networks: encoded, denoised, decoded, frame after frame.

No faces, files or layouts here: see `pipeline.py` for those.
"""

import contextlib
import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from megactor.animate.decoding import FrameDecoder
from megactor.animate.encoding import DrivingEncoder, FollowedMotion, encode_portrait, to_tensor
from megactor.animate.part_motion import PartMotion
from megactor.compute.cores import Cores, grouped
from megactor.compute.memory import Fallback, MemoryGuard
from megactor.denoise.clip import ClipDenoiser, Frame, default_window_batch
from megactor.denoise.conditions import FrameConditions
from megactor.denoise.solvers import new_solver
from megactor.denoise.windows import context_windows
from megactor.drive.masking import DrivingCrop
from megactor.drive.portrait import Portrait
from megactor.media.ahead import read_ahead
from megactor.models.clip_vision import ClipVision
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.dense_motion import DenseMotionNet
from megactor.models.pixel_codec import PixelCodec
from megactor.models.pose_guider import PoseGuider
from megactor.models.reference_net import ReferenceNet
from megactor.options import SamplingPlan
from megactor.result import Progress, no_progress

Item = TypeVar("Item")

ENCODED_TOGETHER = 4
"""Driving frames that the PoseGuider and the dense motion are given at once: enough to keep a core busy."""


@dataclass(frozen=True)
class PipelineComponents:
    """What a model is made of; see `MegActorPipeline` for each."""

    vae: AutoencoderKL | PixelCodec
    image_encoder: ClipVision
    reference_net: ReferenceNet
    pose_guider: PoseGuider
    unet: DenoisingUNet
    scheduler: Any
    dense_motion: DenseMotionNet | None = None


class ClipAnimator:
    """The networks at work on one clip. Its steps are lazy: a frame is made when the one who reads asks for it.

    Args:
        networks: of the model.
        portrait: with `image` at the networks' size and `large` at that of the result.
        plan: how to denoise.
        seed: of all noise.
        device: where the networks run.
        window_batch: windows that the denoiser is given at once; None for as many as keep the device busy.
        guard: runs the networks, again in less memory where there was not enough.
        progress: told the stage "denoise".
        parts: more or less motion for parts of the face, where there is dense motion.
        samples: some of the driving crops, spread over the clip, where they are known beforehand.
        turns: as for `DrivingEncoder`.
    """

    @torch.no_grad()
    def __init__(
        self,
        networks: PipelineComponents,
        portrait: Portrait,
        plan: SamplingPlan,
        seed: int,
        device: torch.device,
        window_batch: int | None = None,
        guard: MemoryGuard | None = None,
        progress: Progress = no_progress,
        parts: PartMotion | None = None,
        samples: Sequence[DrivingCrop] = (),
        turns: bool = False,
    ) -> None:
        self._networks = networks
        self._plan = plan
        self._seed = seed
        self._window_batch = window_batch
        self._guard = guard or MemoryGuard()
        self._progress = progress
        self._parts, self._samples, self._turns = parts, samples, turns
        self._cores = Cores.of(device)
        self._has_outline = bool(networks.unet.config.matte_channels)
        read = functools.partial(encode_portrait, vae=networks.vae, image_encoder=networks.image_encoder)
        kind = networks.unet.dtype
        self._inputs = self._guard(
            lambda: read(portrait, seed, device=device, dtype=kind, has_outline=self._has_outline)
        )

    def __call__(self, driving: Iterable[DrivingCrop], frame_count: int | None) -> Iterator[np.ndarray]:
        """The whole way; a frame after the other, as soon as it is final.

        Args:
            driving: the clip's driving crops.
            frame_count: how many there are; None where that is not known yet, which needs a plan with chunks.
        """
        with contextlib.ExitStack() as threads:

            def ahead(items: Iterable[Item], count: int = self._plan.window) -> Iterator[Item]:
                return threads.enter_context(contextlib.closing(read_ahead(items, count)))

            recorded = frame_count is not None  # else the next frame is not there yet
            conditions = self.encode(ahead(driving) if recorded else driving)
            if recorded and self._cores.count > 1:
                conditions = ahead(conditions)  # fills the cores that wait for the last window
            elif self._plan.ahead and self._plan.chunk and self._cores.count > 1:
                conditions = ahead(self._cores.part(conditions, 2), self._plan.chunk)
                yield from self._cores.part(self.decode(self.denoise(conditions, None)), 2)
                return
            yield from self.decode(self.denoise(conditions, frame_count))

    @torch.no_grad()  # a generator is resumed in it, whichever thread asks
    def encode(self, driving: Iterable[DrivingCrop]) -> Iterator[FrameConditions]:
        """What the denoiser has to know of every frame; reads a window or a chunk at a time."""

        def latents_of(image: Tensor) -> Tensor:
            vae = self._networks.vae
            return vae.encode(image * 2 - 1).latent_dist.mean * vae.config.scaling_factor

        def tensor_of(crops: list[DrivingCrop]) -> Tensor:
            image = self._inputs.image
            return torch.cat([to_tensor(crop.picture, image.device, image.dtype) for crop in crops])

        def find(crops: list[DrivingCrop]) -> Tensor | None:
            return encode.find(tensor_of(crops))

        def encode_frames(piece: tuple[list[DrivingCrop], FollowedMotion | None]) -> list[FrameConditions]:
            crops, followed = piece
            return encode(tensor_of(crops), followed)

        networks, inputs = self._networks, self._inputs
        visibility, parts = networks.unet.config.mask_channels - 1, self._parts
        encode = self._guard(
            lambda: DrivingEncoder(
                networks.pose_guider,
                inputs,
                networks.dense_motion,
                latents_of,
                visibility,
                self._has_outline,
                parts,
                self._turns,
            )
        )
        if encode.learns and self._samples:
            pieces = list(grouped(self._samples, ENCODED_TOGETHER))
            seen = self._guard(functools.partial(self._cores.map, find, pieces))
            encode.learn(torch.cat([points for points in seen if points is not None]), self._samples)
        for crops in grouped(driving, self._plan.chunk or self._plan.window):
            pieces = list(grouped(crops, ENCODED_TOGETHER))
            # a face is followed from frame to frame; all else of them is done side by side
            found = self._guard(functools.partial(self._cores.map, find, pieces))
            known = [(piece, encode.follow(points, piece)) for points, piece in zip(found, pieces, strict=True)]
            yield from itertools.chain(*self._guard(functools.partial(self._cores.map, encode_frames, known)))

    @torch.no_grad()
    def denoise(self, conditions: Iterable[FrameConditions], frame_count: int | None) -> Iterator[Frame]:
        """Noise to final latents, in the order of the frames; `frame_count` as for the whole way."""
        plan = self._plan
        windows: list[list[int]] = []
        if plan.chunk is None:
            assert frame_count is not None, "windows need the number of frames: give a chunk"
            windows = context_windows(frame_count, plan.window, plan.overlap, cyclic=plan.cyclic)
            count: int | None = len(windows) * plan.steps
        else:
            count = None if frame_count is None else math.ceil(frame_count / plan.chunk) * plan.steps
        done = itertools.count(1)
        denoiser = ClipDenoiser(
            unet=self._networks.unet,
            reference_net=self._networks.reference_net,
            solver=new_solver(self._networks.scheduler, plan.steps, plan.solver),
            portrait=self._inputs,
            plan=plan,
            generator=torch.Generator("cpu").manual_seed(self._seed),
            on_window=lambda: self._progress("denoise", next(done), count),
            guard=self._guard,
            cores=self._cores,
            window_batch=self._window_batch or default_window_batch(self._inputs.latents, plan.window, self._cores),
        )
        if denoiser.window_batch > 1:
            slower = Fallback("one window at a time from here on", lambda: setattr(denoiser, "window_batch", 1))
            self._guard.try_first(slower)
        if plan.chunk is not None:
            yield from denoiser.chunks(conditions, plan.chunk)
        else:
            yield from denoiser.whole(conditions, windows) if plan.cyclic else denoiser.stream(conditions, windows)

    @torch.no_grad()
    def decode(self, frames: Iterable[Frame]) -> Iterator[np.ndarray]:
        """Final latents to pictures, a few at once; frames of a chunk never wait for the next one."""
        decode = FrameDecoder(self._networks.vae, self._inputs, self._guard, self._cores)
        for ready in grouped(frames, self._plan.chunk or decode.at_once):
            for some in grouped(ready, decode.at_once):
                yield from decode(some)
