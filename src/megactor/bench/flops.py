"""Operations of the networks by part, without running them: counted on PyTorch's meta device.

Counted are convolutions, linear layers and the products of attentions, two operations for a multiplication with its
addition; norms, activations and copies are not. Shapes alone decide, so no weights are needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

from megactor.denoise.windows import context_windows
from megactor.models.presets import sd15_config, sd15_vae
from megactor.options import SPEEDS, SamplingPlan

TERA = 1e12

Result = TypeVar("Result")

OFFICIAL = {
    "ReferenceNet": 1.6017,
    "PoseGuider: frame": 0.0723,
    "down blocks": 12.1489,
    "middle and up blocks": 28.2146,
}
"""TFLOP of the official code for one step of one window: 16 frames, 512x512, guidance, 257 background tokens.

Counted with the same counter on the modules of megvii-research/megactor, commit e7f6db5, as its own loop calls them:
everything for both predictions of guidance, ReferenceNet on two equal portraits, PoseGuider (all 16 frames, twice, with
the portrait) at every step and window.
"""

SD15 = SamplingPlan(steps=25, guidance=4.5)


@dataclass(frozen=True)
class OperationCount:
    """Operations of one part.

    name: of the part.
    often: how often it runs: "clip", "frame", "step" (of denoising) or "window" (of a step).
    tera: TFLOP of one such run.
    """

    name: str
    often: str
    tera: float


@dataclass(frozen=True)
class Counts:
    """Operations of the sd15 networks.

    parts: all of them, with guidance.
    unguided: TFLOP of the denoiser for a window without guidance.
    window: frames of a window.
    """

    parts: tuple[OperationCount, ...]
    unguided: float
    window: int

    def total(self, *often: str) -> float:
        """TFLOP of the parts that run so often."""
        return sum(part.tera for part in self.parts if part.often in often)

    @property
    def step_of_one_window(self) -> float:
        """TFLOP that one step of one window costs: what compares with the sum of `OFFICIAL`."""
        return self.total("step", "window")

    def clip(self, plan: SamplingPlan, frames: int) -> float:
        """TFLOP to denoise and decode a clip; windows shorter than full are counted as full ones."""
        if plan.chunk is not None:
            windows = math.ceil(frames / plan.chunk)
        else:
            windows = len(context_windows(frames, plan.window, plan.overlap, plan.cyclic))
        guided = sum(map(plan.is_guided, range(plan.steps)))
        denoiser = guided * self.total("window") + (plan.steps - guided) * self.unguided
        denoiser *= plan.window / self.window  # but for the attention between frames, which is next to nothing
        once = self.total("clip") + frames * self.total("frame")
        return once + plan.steps * self.total("step") + windows * denoiser


def count(size: int = 512, window: int = 16) -> Counts:
    """Counts the operations of the sd15 networks.

    Args:
        size: side of the picture in pixels.
        window: frames of a window.
    """
    config = sd15_config()
    with torch.device("meta"), torch.no_grad():
        unet, reference_net, pose_guider = config.denoising_unet(), config.reference_net(), config.driving_encoder()
        vae = sd15_vae()
        side = size // config.latent_factor
        patches = (config.image_encoder["image_size"] // config.image_encoder["patch_size"]) ** 2
        tokens = torch.zeros(1, patches + 1, unet.config.cross_attention_dim)
        latents, portrait = torch.zeros(1, unet.config.latent_channels, side, side), torch.zeros(1, 3, 512, 512)
        sample = torch.zeros(1, unet.in_channels, window, side, side)
        time = torch.zeros((), dtype=torch.long)

        background, background_tera = _counted(lambda: unet.project_background(tokens))
        for_reference, more = _counted(lambda: reference_net.project_background(tokens))
        features, reference_tera = _counted(lambda: reference_net(latents, time, for_reference))
        reference, projection_tera = _counted(lambda: unet.project_reference(features))
        _, without = _counted(lambda: unet(sample, time, background, None))
        _, with_reference = _counted(lambda: unet(sample, time, background, reference))
        _, guided = _counted(lambda: unet.guided(sample, time, background, reference))
        modulation, modulation_tera = _counted(lambda: pose_guider.read_portrait(portrait))
        _, pose = _counted(lambda: pose_guider(torch.zeros(1, 3, 1, size, size), modulation))
        _, decode = _counted(lambda: vae.decode(latents))
    down_blocks = without + with_reference - guided  # `guided` does it once for both
    parts = (
        OperationCount("background keys and values", "clip", background_tera + more),
        OperationCount("PoseGuider: portrait", "clip", modulation_tera),
        OperationCount("PoseGuider: frame", "frame", pose),
        OperationCount("VAE decoder", "frame", decode),
        OperationCount("ReferenceNet", "step", reference_tera),
        OperationCount("reference keys and values", "step", projection_tera),
        OperationCount("down blocks", "window", down_blocks),
        OperationCount("middle and up blocks", "window", guided - down_blocks),
    )
    return Counts(parts, with_reference, window)


def official_clip(frames: int, steps: int = 25, decode: float = 0.0) -> float:
    """TFLOP of the official loop for a clip: ReferenceNet once a step, the rest for every window of every step.

    Args:
        frames: of the clip.
        steps: of denoising.
        decode: TFLOP to decode a frame.
    """
    windows = len(context_windows(frames))
    of_window = sum(OFFICIAL.values()) - OFFICIAL["ReferenceNet"]
    return steps * (OFFICIAL["ReferenceNet"] + windows * of_window) + frames * decode


def by_speed(counts: Counts, frames: int) -> dict[str, float]:
    """TFLOP of a clip for every speed preset."""
    return {name: counts.clip(speed.apply(SD15), frames) for name, speed in SPEEDS.items()}


def _counted(run: Callable[[], Result]) -> tuple[Result, float]:
    counter = FlopCounterMode(display=False)
    with counter:
        result = run()
    return result, counter.get_total_flops() / TERA
