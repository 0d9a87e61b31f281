"""MegActorPipeline: one portrait and one driving video in, an animation out.

Read `__call__` from top to bottom: it is the whole method in order.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np
import torch
from diffusers import AutoencoderKL

from megactor.animate.clip import ClipAnimator, PipelineComponents
from megactor.animate.layout import Composer, laid_out
from megactor.animate.part_motion import PartMotion
from megactor.compute.compiling import compile_blocks
from megactor.compute.devices import choose_device, choose_dtype
from megactor.compute.memory import Fallback, MemoryGuard
from megactor.drive.frames import Frames, read_driver
from megactor.drive.live import LiveDrive, live_frames
from megactor.drive.masking import DrivingCrop, DrivingFrame
from megactor.drive.pictures import Picture, read_frames, read_picture
from megactor.drive.portrait import Portrait, read_portrait
from megactor.drive.recording import DrivingClip
from megactor.errors import InputError, ModelError
from megactor.faces.analyzer import FaceAnalyzer, create_analyzer
from megactor.models.clip_vision import ClipVision
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.dense_motion import DenseMotionNet
from megactor.models.pixel_codec import PixelCodec
from megactor.models.pose_guider import PoseGuider
from megactor.models.reference_net import ReferenceNet
from megactor.options import AnimationOptions, SamplingPlan, Square
from megactor.result import AnimationResult, Progress, no_progress
from megactor.weights import load_components, model_folder
from megactor.weights.hub import HubSource, public_name
from megactor.weights.hub_pipeline import HubPipeline
from megactor.weights.model_card import read_card

LIVE_CHUNK = 8
"""Frames that `stream` takes at a time: a third of a second of a camera."""


class MegActorPipeline(HubPipeline):
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
        default_motion: how the driver's head motion is taken over, see `AnimationOptions.motion`.
        cyclic: windows run round the end of the clip as in the official release. The whole clip's latents are then
            kept; otherwise frames stream through in flat memory.
        training_schedule: noise that training follows, "official" or "own", see `noise_schedules.training_schedule`.
    """

    model_cpu_offload_seq = "image_encoder->reference_net->pose_guider->dense_motion->unet->vae"
    _optional_components: ClassVar[list[str]] = ["dense_motion"]

    def __init__(
        self,
        vae: AutoencoderKL | PixelCodec,
        image_encoder: ClipVision,
        reference_net: ReferenceNet,
        pose_guider: PoseGuider,
        unet: DenoisingUNet,
        scheduler: Any,
        dense_motion: DenseMotionNet | None = None,
        image_size: int = 512,
        output_size: int = 512,
        default_steps: int = 25,
        default_guidance: float = 4.5,
        default_motion: str = "absolute",
        window: int = 16,
        overlap: int = 8,
        cyclic: bool = True,
        training_schedule: str = "official",
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
            default_motion=default_motion,
            window=window,
            overlap=overlap,
            cyclic=cyclic,
            training_schedule=training_schedule,
        )
        self._analyzer: FaceAnalyzer | None = None
        self._made_beside: Future[FaceAnalyzer] | None = None

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **options: Any) -> Self:
        """Loads "nano" (packaged), "sd15" (fetched before), a folder of ours or in the official layout, or a model of
        the Hugging Face hub.

        Args:
            pretrained_model_name_or_path: preset name, folder, the checkpoint in an official folder, or "owner/name".
                Only the last is downloaded, where it is not in the hub's cache; a folder of that name goes before it.
            options: `torch_dtype`; `variant` of the files; for the hub `revision`, `token`, `cache_dir`,
                `local_files_only` and `force_download`; components or settings that replace the saved ones.

        Raises:
            ModelError: no such model, missing or damaged files, weights of another architecture.
        """
        dtype, variant = options.pop("torch_dtype", None), options.pop("variant", None)
        source = HubSource(**{key: options.pop(key) for key in vars(HubSource()) if key in options})
        folder = model_folder(pretrained_model_name_or_path, source)
        pipe = cls(**load_components(folder, dtype, variant) | options)
        pipe.card, pipe.model_name = read_card(folder), public_name(pretrained_model_name_or_path)
        for network in (pipe.unet, pipe.reference_net, pipe.vae, pipe.pose_guider, pipe.dense_motion):
            if network is not None:
                network.to(memory_format=torch.channels_last)  # the layout that convolutions are fastest in
        return pipe

    @classmethod
    def from_preset(
        cls, model: str | os.PathLike[str], device: str = "auto", dtype: str = "auto", offload: bool = False
    ) -> Self:
        """`from_pretrained`, moved to a device, with `analyzer` made beside it.

        Args:
            model: as in `from_pretrained`.
            device: "auto" (CUDA, else MPS, else CPU), or a torch device.
            dtype: "auto" (float16 on a GPU, float32 on the CPU), "float32", "float16" or "bfloat16".
            offload: keep networks in main memory while they do not run: less memory on the device, slower.

        Raises:
            ModelError: the weights cannot be used, or the device is not there, or offload has nowhere to go.
        """
        place = choose_device(device)
        if offload and place.type == "cpu":
            raise ModelError("offload moves networks between a GPU and main memory: leave it out on the CPU")
        with ThreadPoolExecutor(1, thread_name_prefix="megactor-faces") as beside:
            analyzer = beside.submit(create_analyzer)
            pipe = cls.from_pretrained(model, torch_dtype=choose_dtype(dtype, place))
        pipe._made_beside = analyzer
        if not offload:
            return pipe.to(place)
        pipe.enable_model_cpu_offload(device=place)
        return pipe

    def compile_blocks(self, backend: str = "inductor") -> None:
        """Compiles the repeated blocks of denoiser and ReferenceNet with torch.compile, for many or long clips.

        Takes a minute or more at the first window, and again where windows have another length; inductor keeps the
        result on disk for the next process. Numbers change within float tolerance.

        Args:
            backend: of torch.compile.
        """
        for network in (self.unet, self.reference_net):
            compile_blocks(network, backend)

    @property
    def analyzer(self) -> FaceAnalyzer:
        """Finds faces; made at first use where `from_preset` did not. Raises what `create_analyzer` raises."""
        if self._analyzer is None:
            made, self._made_beside = self._made_beside, None
            self._analyzer = made.result() if made else create_analyzer()
        return self._analyzer

    def __call__(
        self,
        portrait: Picture,
        driving: str | os.PathLike[str] | Frames,
        *,
        progress: Progress = no_progress,
        **options: Any,
    ) -> AnimationResult:
        """Animates a portrait.

        The portrait and the faces of the driving video are read at once, so that bad input shows early; frames are
        denoised while the result is iterated or saved.

        Args:
            portrait: see `drive.pictures.Picture`: a file, a PIL image, an array or a tensor.
            driving: video file, or frames, see `drive.frames.Frames`: then `fps` is their rate (25 where it is not
                given), and there is no sound.
            progress: see `result.Progress`.
            options: fields of `AnimationOptions`.

        Returns:
            The lazy result.

        Raises:
            InputError: an option, the portrait or the video cannot be used.
            FaceError: no face in the portrait or the video.
        """
        asked = self.completed(AnimationOptions(**options))
        size = asked.size or self.config.output_size
        face = self.read_portrait(read_picture(portrait), asked.face, size, asked.portrait_crop)
        reader = read_driver(driving, asked)
        sizes = self.driving_size, asked.preview_size(size)
        clip = DrivingClip(reader, self.analyzer, face, asked, *sizes, progress, self.knows_body)
        relative = self.dense_motion is not None and self.dense_motion.config.expression_gains is not None
        samples = clip.samples() if relative else []
        composer = Composer.of(face, asked)

        warnings = reader.warnings
        warnings += face.warnings
        if composer.paste_back is not None and composer.paste_back.scaled:
            warnings.append(composer.paste_back.note)

        def animate(crops: Iterable[DrivingCrop]) -> Iterator[np.ndarray]:
            return self.animate_crops(face, crops, clip.frame_count, asked, progress, None, warnings.append, samples)

        return AnimationResult(
            fps=Fraction(reader.fps),
            size=composer.size,
            frame_count=clip.frame_count,
            audio=reader.audio_track(),
            frames=laid_out(clip.frames(), animate, composer),
            progress=progress,
            warnings=warnings,
            model=self.model_name,
        )

    def stream(
        self,
        portrait: Picture,
        frames: Iterable[Picture],
        *,
        chunk: int = LIVE_CHUNK,
        window: int | None = None,
        ahead: bool = False,
        begins_again: Callable[[], bool] = lambda: False,
        **options: Any,
    ) -> Iterator[np.ndarray]:
        """Animates a portrait live: frames of a camera in, as many frames out, for as long as they come.

        Reads `chunk` frames, gives `chunk` frames, and so on; memory does not grow. The face is followed without a
        second pass: the first frame with a face decides the framing, so its results differ a little from those of
        `__call__` on a recording. Until a face is seen, the portrait itself comes out.

        Args:
            portrait: see `drive.pictures.Picture`: a file, a PIL image, an array or a tensor.
            frames: pictures as the portrait, from any iterator; all of one shape.
            chunk: frames at a time, 1 to the model's window: fewer mean less delay and more work a frame.
            window: frames that the denoiser sees at once, `chunk` at least, by default the model's: fewer, less work.
            ahead: see `SamplingPlan`.
            begins_again: asked before every frame: whether its face is to be laid on the portrait's like the first one.
            options: fields of `AnimationOptions`, with `speed="realtime"` where it is not given; start, end and fps
                belong to files.

        Yields:
            uint8 RGB frames, one for each that was read.

        Raises:
            InputError: an option or the portrait cannot be used; later, a frame cannot.
            FaceError: no face in the portrait.
        """
        asked = self.completed(AnimationOptions(**{"speed": "realtime"} | options))
        if not (asked.start is asked.end is asked.fps is None):
            raise InputError("start, end and fps are for video files: choose the frames before they are streamed")
        if not 1 <= chunk <= self.config.window:
            raise InputError(f"chunk is {chunk}, but must be from 1 to {self.config.window}")
        live = {"chunk": chunk, "ahead": ahead} | ({} if window is None else {"window": max(window, chunk)})
        size = asked.size or self.config.output_size
        face = self.read_portrait(read_picture(portrait), asked.face, size, asked.portrait_crop)
        sizes = self.driving_size, asked.preview_size(size)
        drive = LiveDrive(self.analyzer, face, asked, *sizes, self.knows_body)
        composer = Composer.of(face, asked)

        def animate(crops: Iterable[DrivingCrop]) -> Iterator[np.ndarray]:
            return self.animate_crops(face, crops, None, asked, live=live)

        def driven(frame: np.ndarray) -> DrivingFrame | None:
            if begins_again():
                drive.begin_again()
            return drive(frame)

        before = composer(face.large, np.zeros_like(face.large))
        return live_frames(read_frames(frames), driven, before, lambda driving: laid_out(driving, animate, composer))

    def animate_crops(
        self,
        portrait: Portrait,
        driving: Iterable[np.ndarray | DrivingCrop],
        frame_count: int | None,
        asked: AnimationOptions,
        progress: Progress = no_progress,
        live: Mapping[str, Any] | None = None,
        say: Callable[[str], None] | None = None,
        samples: Sequence[np.ndarray | DrivingCrop] = (),
    ) -> Iterator[np.ndarray]:
        """Animates what was cropped already: the method without faces, files and layouts.

        Args:
            portrait: with `image` at the networks' size and `large` at that of the result.
            driving: for each frame the masked driving crop in the portrait's framing, uint8 RGB with `driving_size`
                pixels a side, alone or with what was seen of the body.
            frame_count: number of frames; None where it is not known yet, which needs a chunk.
            asked: steps, guidance, seed, speed and the scales of motion.
            progress: see `result.Progress`.
            live: fields of the `SamplingPlan` that are different for a stream, `chunk` among them.
            say: told in one line when the device runs out of memory and less of it will be used.
            samples: some of the driving crops, spread over the clip, where they are known beforehand.

        Yields:
            uint8 RGB (N, N, 3), one for each driving crop, in their order.

        Raises:
            torch.OutOfMemoryError: the device has too little memory even so.
        """
        plan = asked.plan(self.own_plan)
        try:
            animator = ClipAnimator(
                PipelineComponents(**self.components),
                portrait,
                replace(plan, **live or {}),
                seed=asked.seed,
                device=self._execution_device,
                window_batch=asked.window_batch,
                guard=MemoryGuard(self._memory_fallbacks(), say),
                progress=progress,
                parts=PartMotion(asked.motion_scale, asked.eyes_scale, asked.mouth_scale),
                samples=[DrivingCrop.of(sample) for sample in samples],
                turns=asked.motion == "relative",
            )
            yield from animator(map(DrivingCrop.of, driving), frame_count)
        finally:  # also for whoever stops early
            self.maybe_free_model_hooks()

    def read_portrait(self, picture: np.ndarray, face: int, size: int, square: Square | None = None) -> Portrait:
        """One face of a picture, as this model wants it; arguments and errors as of `drive.portrait.read_portrait`."""
        layered = self.dense_motion is not None
        return read_portrait(picture, self.analyzer, face, self.config.image_size, size, layered, square)

    @property
    def driving_size(self) -> int:
        """Side of the driving crops, in pixels: some networks look closer than others."""
        size = self.config.image_size if self.dense_motion is None else self.dense_motion.config.detail_size
        return int(size)

    @property
    def knows_body(self) -> bool:
        """Whether the driver's body matters."""
        return self.dense_motion is not None and self.dense_motion.body is not None

    def completed(self, asked: AnimationOptions) -> AnimationOptions:
        """The options with this model's own motion where none is asked for.

        Raises:
            InputError: this model cannot do what they ask for.
        """
        if self.dense_motion is None and not asked.eyes_scale == asked.mouth_scale == 1:
            raise InputError(
                "eyes and mouth cannot be scaled apart with this model, which reads the driver's pixels as they are: "
                "use nano, or leave their scales at 1"
            )
        return asked if asked.motion else replace(asked, motion=self.config.default_motion)

    @property
    def own_plan(self) -> SamplingPlan:
        """How this model denoises where nothing else is asked for: the reference for all faster ways."""
        config = self.config
        return SamplingPlan(
            steps=config.default_steps,
            guidance=config.default_guidance,
            window=config.window,
            overlap=config.overlap,
            cyclic=config.cyclic,
        )

    def _memory_fallbacks(self) -> list[Fallback]:
        """What can be done when the device is full, the cheapest first; those of `ClipAnimator` go before it."""
        device = self._execution_device
        if device.type == "cpu" or getattr(self, "_all_hooks", None):
            return []
        words = "networks wait in main memory from here on, which is slower (as with --offload)"
        return [Fallback(words, lambda: self.enable_model_cpu_offload(device=device))]
