"""What comes out of the pipeline as ComfyUI's pictures, sound and video."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from comfy_api.latest import InputImpl, Types

from megactor.media.provenance import GENERATED_COMMENT
from megactor.media.sound import read_waveform
from megactor.result import AnimationResult


def gathered(result: AnimationResult, progress: Callable[[str, int, int, np.ndarray], None]) -> torch.Tensor:
    """All frames, made here and now: float32 (F, H, W, 3) in [0, 1].

    Args:
        result: not read yet.
        progress: told of every frame, as ("frames", done, total, frame).
    """
    width, height = result.size
    images = torch.empty((result.frame_count, height, width, 3))
    for number, frame in enumerate(result):
        torch.div(torch.from_numpy(np.ascontiguousarray(frame)), 255, out=images[number])
        progress("frames", number + 1, result.frame_count, frame)
    return images[: result.taken]


def sound_of(result: AnimationResult) -> dict[str, Any] | None:
    """The driving video's sound: {"waveform": float32 (1, channels, samples), "sample_rate"}, as long as the frames."""
    if result.audio is None:
        return None
    waveform, rate = read_waveform(result.audio, Fraction(result.taken) / result.fps)
    return {"waveform": torch.from_numpy(waveform)[None], "sample_rate": rate}


class GeneratedVideo(InputImpl.VideoFromComponents):
    """A video whose files say that it was generated, as all files of MegActor do."""

    def save_to(
        self,
        path: Any,
        format: Any = Types.VideoContainer.AUTO,
        codec: Any = Types.VideoCodec.AUTO,
        metadata: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Writes the video; arguments are those of `VideoFromComponents`, of which newer versions have more."""
        super().save_to(path, format, codec, {"comment": GENERATED_COMMENT} | (metadata or {}), **options)
