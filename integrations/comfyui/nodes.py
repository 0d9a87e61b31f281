"""The nodes: what ComfyUI shows of them, and how they run the pipeline."""

import logging
from contextlib import closing
from typing import TYPE_CHECKING, Any

import comfy.model_management
import torch
from comfy_api.latest import Types, io

from .driving import opened
from .options import INPUTS, asked
from .progress import NodeProgress
from .results import GeneratedVideo, gathered, sound_of
from .tensors import one_picture

if TYPE_CHECKING:
    from megactor import MegActorPipeline

MegActorModel = io.Custom("MEGACTOR")
_CATEGORY = "MegActor"


class LoadModel(io.ComfyNode):
    """Loads a `MegActorPipeline`; ComfyUI keeps it for as long as the inputs stay the same."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What ComfyUI shows."""
        return io.Schema(
            node_id="MegActorLoadModel",
            display_name="MegActor Load Model",
            category=_CATEGORY,
            description="Loads the networks that animate a portrait.",
            inputs=[
                io.String.Input(
                    "model",
                    default="nano",
                    tooltip="nano: small, in the package, runs on a CPU. sd15: full quality, wants a GPU, fetched "
                    "before with 'megactor weights fetch sd15'. Or a folder, or OWNER/NAME on the Hugging Face hub.",
                ),
                io.Combo.Input(
                    "device", options=["auto", "cpu", "cuda", "mps"], default="auto", tooltip="auto: as ComfyUI."
                ),
                io.Combo.Input(
                    "dtype",
                    options=["auto", "float32", "bfloat16", "float16"],
                    default="auto",
                    tooltip="Number format of the networks. auto: float16 on a GPU, float32 on the CPU.",
                ),
                io.Boolean.Input(
                    "offload",
                    default=False,
                    optional=True,
                    tooltip="Keep networks in main memory while they do not run: fits small GPUs, slower.",
                ),
            ],
            outputs=[MegActorModel.Output(display_name="model")],
        )

    @classmethod
    def execute(cls, model: str, device: str, dtype: str, offload: bool = False) -> io.NodeOutput:
        """Loads the model.

        Raises:
            ModelError: missing or damaged weights, or the device is not there.
        """
        from megactor import MegActorPipeline  # seconds of imports, only where they are needed

        place = str(comfy.model_management.get_torch_device()) if device == "auto" else device
        with _ordinary_tensors():
            return io.NodeOutput(MegActorPipeline.from_preset(model.strip(), place, dtype, offload))


class Animate(io.ComfyNode):
    """Runs the pipeline on ComfyUI's pictures, videos and sounds."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What ComfyUI shows."""
        return io.Schema(
            node_id="MegActorAnimate",
            display_name="MegActor Animate",
            category=_CATEGORY,
            description="Makes a portrait perform a video: same expressions, head motion and gaze.",
            inputs=[
                MegActorModel.Input("model"),
                io.Image.Input("portrait", tooltip="One picture with a face: photo, painting, comic, 3-D avatar."),
                io.MultiType.Input(
                    "driving",
                    [io.Video, io.Image],
                    tooltip="A video whose face movements the portrait performs, or its frames as a batch of pictures.",
                ),
                *INPUTS,
            ],
            outputs=[
                io.Image.Output(display_name="images"),
                io.Audio.Output(display_name="audio", tooltip="The driving video's; nothing where it has none."),
                io.Video.Output(display_name="video", tooltip="Both; its files say that they were generated."),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: "MegActorPipeline",
        portrait: torch.Tensor,
        driving: Any,
        start: float = 0.0,
        end: float = 0.0,
        fps: float = 0.0,
        **options: Any,
    ) -> io.NodeOutput:
        """Animates the portrait.

        Args:
            model: from `LoadModel`.
            portrait: float32 (1, H, W, 3) in [0, 1].
            driving: a `VideoInput`, or float32 (F, H, W, 3) in [0, 1].
            start: where to begin, in seconds.
            end: where to stop; 0 for all.
            fps: frames a second of the result, or of a batch of pictures; 0 for the video's own, 25 for pictures.
            options: of `options.INPUTS`.

        Returns:
            The frames, float32 (F, H, W, 3) in [0, 1]; the sound, or None; both as a video.

        Raises:
            InputError: an option, the portrait or the driver cannot be used.
            FaceError: no face in one of them.
            InterruptProcessingException: it was canceled.
        """
        progress = NodeProgress()
        with _ordinary_tensors(), opened(driving, start, end, fps) as driver:
            result = model(one_picture(portrait), driver.frames, progress=progress, **driver.part, **asked(options))
            with closing(result.frames):
                images = gathered(result, progress)
            audio = driver.audio or sound_of(result)
        for warning in result.warnings:
            logging.warning("MegActor: %s", warning)
        video = GeneratedVideo(Types.VideoComponents(images=images, audio=audio, frame_rate=result.fps))
        return io.NodeOutput(images, audio, video)


def _ordinary_tensors() -> torch.inference_mode:
    """ComfyUI runs nodes in inference mode, which holds for its thread alone: the pipeline computes in several."""
    return torch.inference_mode(False)
