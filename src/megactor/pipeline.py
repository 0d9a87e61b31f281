"""MegActorPipeline: one portrait and one driving video in, an animation out.

Read `__call__` from top to bottom: it is the whole method in order.
"""

import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np
import torch
from diffusers import AutoencoderKL, DiffusionPipeline
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from megactor.animation import AnimationResult, Progress, no_progress
from megactor.composition import Composer
from megactor.conditions.paste_back import PasteBack
from megactor.denoising import ClipDenoiser, Frame
from megactor.driving_clip import DrivingClip
from megactor.encoding import DrivingEncoder, FrameConditions, PortraitInputs, to_image, to_tensor
from megactor.errors import ModelError
from megactor.faces.analyzer import FaceAnalyzer, create_analyzer
from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.memory import Measure, MemoryGuard
from megactor.models.background_encoder import background_tokens, clip_pixels
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.dense_motion import DenseMotionNet
from megactor.models.detail import add_portrait_detail
from megactor.models.pixel_codec import PixelCodec
from megactor.models.pose_guider import PoseGuider
from megactor.models.reference_net import ReferenceNet
from megactor.options import AnimationOptions
from megactor.portrait import Portrait, read_portrait
from megactor.weights import load_components
from megactor.windows import context_windows


class MegActorPipeline(DiffusionPipeline):
    """The networks of one preset and how to run them.

    Args:
        vae: pictures to latents and back (AutoencoderKL, or `PixelCodec` for nano).
        image_encoder: CLIP vision model for the background tokens.
        reference_net: reads the portrait.
        pose_guider: reads the driving frames.
        unet: the denoiser.
        scheduler: any diffusers scheduler; its `prediction_type` must be what the denoiser was trained for.
        dense_motion: moves the portrait into place first (nano), or None.
        image_size: side of the square pictures that the networks work on.
        output_size: default side of the result; larger than `image_size` only with `dense_motion`.
        default_steps: denoising steps.
        default_guidance: guidance scale.
        window: frames the motion modules see at once.
        overlap: frames that neighboring windows share.
        cyclic: windows run round the end of the clip as in the official release. The whole clip's latents are then
            kept; otherwise frames stream through in flat memory.
    """

    model_cpu_offload_seq = "image_encoder->reference_net->pose_guider->dense_motion->unet->vae"
    _optional_components: ClassVar[list[str]] = ["dense_motion"]

    def __init__(
        self,
        vae: AutoencoderKL | PixelCodec,
        image_encoder: CLIPVisionModelWithProjection,
        reference_net: ReferenceNet,
        pose_guider: PoseGuider,
        unet: DenoisingUNet,
        scheduler: Any,
        dense_motion: DenseMotionNet | None = None,
        image_size: int = 512,
        output_size: int = 512,
        default_steps: int = 25,
        default_guidance: float = 4.5,
        window: int = 16,
        overlap: int = 8,
        cyclic: bool = True,
    ) -> None:
        super().__init__()
        self.register_modules(
            vae=vae,
            image_encoder=image_encoder,
            reference_net=reference_net,
            pose_guider=pose_guider,
            unet=unet,
            scheduler=scheduler,
            dense_motion=dense_motion,
        )
        self.register_to_config(
            image_size=image_size,
            output_size=output_size,
            default_steps=default_steps,
            default_guidance=default_guidance,
            window=window,
            overlap=overlap,
            cyclic=cyclic,
        )
        self._analyzer: FaceAnalyzer | None = None

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **options: Any) -> Self:
        """Loads "nano" (packaged), "sd15" (fetched before), or a folder of ours or in the official layout.

        Args:
            pretrained_model_name_or_path: preset name, folder, or the checkpoint in an official folder. Nothing is
                downloaded; see `weights.fetch` for that.
            options: `torch_dtype`, and components or settings that replace the saved ones.

        Raises:
            ModelError: no such folder, missing or damaged files, weights of another architecture.
        """
        dtype = options.pop("torch_dtype", None)
        return cls(**load_components(pretrained_model_name_or_path, dtype) | options)

    @classmethod
    def from_preset(
        cls, model: str | os.PathLike[str], device: str = "auto", dtype: str = "auto", offload: bool = False
    ) -> Self:
        """`from_pretrained`, moved to a device.

        Args:
            model: as in `from_pretrained`.
            device: "auto" (CUDA, else MPS, else CPU), or a torch device.
            dtype: "auto" (float16 on a GPU, float32 on the CPU), "float32", "float16" or "bfloat16".
            offload: keep networks in main memory while they do not run: less memory on the device, slower.

        Raises:
            ModelError: the weights cannot be used, or the device is not there, or offload has nowhere to go.
        """
        place = _choose_device(device)
        if offload and place.type == "cpu":
            raise ModelError("offload moves networks between a GPU and main memory: leave it out on the CPU")
        pipe = cls.from_pretrained(model, torch_dtype=_choose_dtype(dtype, place))
        if not offload:
            return pipe.to(place)
        pipe.enable_model_cpu_offload(device=place)
        return pipe

    @property
    def analyzer(self) -> FaceAnalyzer:
        """Finds faces; made at first use."""
        if self._analyzer is None:
            self._analyzer = create_analyzer()
        return self._analyzer

    def __call__(
        self,
        portrait: str | os.PathLike[str] | np.ndarray,
        driving: str | os.PathLike[str],
        *,
        progress: Progress = no_progress,
        **options: Any,
    ) -> AnimationResult:
        """Animates a portrait.

        The portrait and the faces of the driving video are read at once, so that bad input shows early; frames are
        denoised while the result is iterated or saved.

        Args:
            portrait: file, or uint8 RGB (H, W, 3).
            driving: video file.
            progress: see `animation.Progress`.
            options: fields of `AnimationOptions`.

        Returns:
            The lazy result.

        Raises:
            InputError: an option, the portrait or the video cannot be used.
            FaceError: no face in the portrait or the video.
        """
        asked = AnimationOptions(**options)
        size = asked.size or self.config.output_size

        picture = load_image(portrait) if isinstance(portrait, str | os.PathLike) else portrait
        face = read_portrait(picture, self.analyzer, asked.face, self.config.image_size, size)
        reader = VideoReader(driving, asked.start, asked.end, asked.fps)
        preview_size = size if asked.layout == "side-by-side" else None
        clip = DrivingClip(reader, self.analyzer, face, asked, self.config.image_size, preview_size, progress)
        paste_back = PasteBack(picture, face.crop) if asked.paste_back else None
        composer = Composer(asked.layout, paste_back, face.large)

        warnings = reader.warnings
        finished = self.animate_crops(face, clip.frames(), clip.frame_count, asked, progress, warnings.append)
        frames = (composer(frame, preview) for frame, preview in finished)
        return AnimationResult(
            fps=Fraction(reader.fps),
            size=composer.size,
            frame_count=clip.frame_count,
            audio=reader.audio_track(),
            frames=frames,
            progress=progress,
            warnings=warnings,
        )

    def animate_crops(
        self,
        portrait: Portrait,
        driving: Iterable[tuple[np.ndarray, np.ndarray | None]],
        frame_count: int,
        asked: AnimationOptions,
        progress: Progress = no_progress,
        say: Callable[[str], None] | None = None,
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Animates what was cropped already: the method without faces, files and layouts.

        Args:
            portrait: with `image` at the networks' size and `large` at that of the result.
            driving: for each frame the masked driving crop, uint8 (S, S, 3) in the portrait's framing, and what is to
                come out beside its result.
            frame_count: number of frames.
            asked: steps, guidance and seed.
            progress: see `animation.Progress`.
            say: told in one line when the device runs out of memory and less of it will be used.

        Yields:
            uint8 (N, N, 3) and what came beside the driving frame.

        Raises:
            torch.OutOfMemoryError: the device has too little memory even so.
        """
        guard = MemoryGuard(self._memory_measures(), say)
        # the frames are made while they are asked for, long after a decorator's `no_grad` has ended
        with torch.no_grad():
            inputs = guard(lambda: self._encode_portrait(portrait, asked.seed))
        conditions = self._encode_driving(driving, inputs, guard)
        finished = self._denoise(frame_count, conditions, inputs, asked, progress, guard)
        while True:
            with torch.no_grad():
                frame = next(finished, None)
                if frame is None:
                    break
                picture = guard(functools.partial(self._decode, frame, inputs))
            yield picture, frame.conditions.preview
        self.maybe_free_model_hooks()

    def _memory_measures(self) -> list[Measure]:
        """What can be done when the device is full, the cheapest first. Windows already run one by one."""
        device = self._execution_device
        if device.type == "cpu" or getattr(self, "_all_hooks", None):
            return []
        words = "networks wait in main memory from here on, which is slower (as with --offload)"
        return [Measure(words, lambda: self.enable_model_cpu_offload(device=device))]

    def _encode_portrait(self, face: Portrait, seed: int) -> PortraitInputs:
        device, dtype = self._execution_device, self.unet.dtype
        image = to_tensor(face.image, device, dtype)
        distribution = self.vae.encode(image * 2 - 1).latent_dist
        # the official code draws this sample and the initial noise from the same seed
        generator = torch.Generator("cpu").manual_seed(seed)
        noise = torch.randn(distribution.mean.shape, generator=generator).to(device, dtype)
        pixels = clip_pixels(face.background, self.image_encoder.config.image_size).to(device, dtype)
        scale = self.vae.config.scaling_factor
        return PortraitInputs(
            image=image,
            large=to_tensor(face.large, device, dtype),
            mask=1 - torch.from_numpy(face.foreground).to(device, dtype)[None, None],
            tokens=background_tokens(self.image_encoder, pixels),
            reference_latents=distribution.mean * scale,
            latents=(distribution.mean + distribution.std * noise) * scale,
        )

    def _encode_driving(
        self, driving: Iterable[tuple[np.ndarray, np.ndarray | None]], inputs: PortraitInputs, guard: MemoryGuard
    ) -> Iterator[FrameConditions]:
        def latents_of(image: Tensor) -> Tensor:
            return self.vae.encode(image * 2 - 1).latent_dist.mean * self.vae.config.scaling_factor

        encode = DrivingEncoder(self.pose_guider, inputs, self.dense_motion, latents_of)
        for condition, preview in driving:
            tensor = to_tensor(condition, inputs.image.device, inputs.image.dtype)
            yield guard(functools.partial(encode, tensor, preview))

    def _denoise(
        self,
        frame_count: int,
        conditions: Iterator[FrameConditions],
        portrait: PortraitInputs,
        asked: AnimationOptions,
        progress: Progress,
        guard: MemoryGuard,
    ) -> Iterator[Frame]:
        """Noise to final latents, frame by frame in order."""
        config = self.config
        steps = config.default_steps if asked.steps is None else asked.steps
        windows = context_windows(frame_count, config.window, config.overlap, cyclic=config.cyclic)
        windows_done = itertools.count(1)
        self.scheduler.set_timesteps(steps)
        denoiser = ClipDenoiser(
            unet=self.unet,
            reference_net=self.reference_net,
            scheduler=self.scheduler,
            portrait=portrait,
            windows=windows,
            guidance=config.default_guidance if asked.guidance is None else asked.guidance,
            generator=torch.Generator("cpu").manual_seed(asked.seed),
            on_window=lambda: progress("denoise", next(windows_done), len(windows) * steps),
            guard=guard,
        )
        return denoiser.whole(conditions) if config.cyclic else denoiser.stream(conditions)

    def _decode(self, frame: Frame, inputs: PortraitInputs) -> np.ndarray:
        latents = frame.latents[:, :, 0] / self.vae.config.scaling_factor
        image = (self.vae.decode(latents).sample / 2 + 0.5).clamp(0, 1)
        if frame.conditions.motion is not None:
            image = add_portrait_detail(image, inputs.large, frame.conditions.motion)
        return to_image(image)


def _choose_device(device: str) -> torch.device:
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"device {device!r} cannot be used here ({reason}): try --device cpu") from error
    return chosen


def _choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    choices = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    if dtype not in choices:
        raise ModelError(f"unknown dtype {dtype!r}: choose one of auto, {', '.join(choices)}")
    return choices[dtype]
