"""Styled twins by an image-to-image diffusion model, as the paper made them (SDXL-Turbo, strength 0.5).

The weights are the user's own; nothing is downloaded. Frames are made one by one from the same noise, as officially
done: that keeps flicker down, but not away.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from megactor.curate.twins.backend import Made, TwinError
from megactor.errors import ModelError

PROMPT = "anime style, a portrait of a person, clean lines"


class ImageToImage:
    """See `TwinBackend`.

    Args:
        model: folder of a diffusers pipeline that knows image-to-image.
        prompt: the style.
        strength: how much noise is put on a frame, in (0, 1].
        steps: denoising steps of the full schedule; `strength` of them are done.

    Raises:
        ModelError: the folder holds no such pipeline.
    """

    name = "img2img"
    stream = "styled"

    def __init__(self, model: Path, prompt: str = PROMPT, strength: float = 0.5, steps: int = 4) -> None:
        self.prompt, self.strength, self.steps = prompt, strength, steps
        self._pipe = _load(model)

    def make(self, frames: np.ndarray, landmarks: np.ndarray, seed: int) -> Made:
        """See `TwinBackend`."""
        import torch

        made = np.empty_like(frames)
        for number, frame in enumerate(frames):
            picture = self._pipe(
                prompt=self.prompt,
                image=Image.fromarray(frame),
                strength=self.strength,
                num_inference_steps=self.steps,
                guidance_scale=0.0,
                generator=torch.Generator("cpu").manual_seed(seed),
            ).images[0]
            made[number] = np.asarray(picture.convert("RGB").resize(frame.shape[1::-1], Image.Resampling.LANCZOS))
        if made.std() < 1:
            raise TwinError("the pipeline made empty pictures")
        return Made(made)


def _load(model: Path) -> Any:
    import torch
    from diffusers import AutoPipelineForImage2Image

    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.float16 if device == "cuda" else torch.float32
    try:
        pipe = AutoPipelineForImage2Image.from_pretrained(model, local_files_only=True, dtype=dtype)
    except (OSError, ValueError) as error:
        raise ModelError(f"{model} holds no image-to-image pipeline: {' '.join(str(error).split())}") from error
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device)
