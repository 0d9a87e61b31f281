"""Our side, in a process of its own: `python -m megactor.bench.official.ours WORKLOAD FOLDER OFFICIAL`."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from megactor.bench.official.live_tensors import LiveTensors
from megactor.bench.official.workload import (
    DTYPES,
    PORTRAIT_SIZE,
    Inputs,
    OfficialSettings,
    Workload,
    fill,
    measure,
    write_result,
)
from megactor.drive.portrait import Portrait
from megactor.models.clip_vision import ClipVision
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.motion_module import TemporalAttention, sinusoidal_positions
from megactor.models.noise_schedules import official_ddim
from megactor.models.presets import NetworkConfig, arguments_of
from megactor.options import AnimationOptions
from megactor.pipeline import MegActorPipeline
from megactor.weights.official_checkpoint import convert_official


class GivenTokens:
    """In the place of the CLIP vision model: the background tokens of the workload, whatever the picture."""

    config = SimpleNamespace(image_size=224)

    def __init__(self, tokens: Tensor) -> None:
        self.vision_model = self
        self._tokens = tokens

    def __call__(self, pixels: Tensor) -> Tensor:
        """Hidden states that need no norm and no projection."""
        return self._tokens

    @staticmethod
    def post_layernorm(hidden: Tensor) -> Tensor:
        """Unchanged."""
        return hidden

    visual_projection = post_layernorm


def main(workload_file: str, folder: str, official: str) -> None:
    """Measures and writes the result.

    Args:
        workload_file: the workload.
        folder: where the result goes.
        official: result.json of the official side: its settings, and the names of its weights.
    """
    workload, told = Workload.read(workload_file), json.loads(Path(official).read_text(encoding="utf-8"))
    settings = OfficialSettings(**told["settings"])
    pipe = build(workload, settings)
    parameters = our_parameters(pipe, told["names"])
    fill(parameters, workload.seed)
    fill(pipe.vae.named_parameters(), workload.seed)
    if workload.compile_blocks:
        pipe.compile_blocks()
    measured = measure(workload, settings, pipe.vae, lambda *asked: animate(pipe, *asked), LiveTensors())
    guider = sum(p.numel() for p in pipe.pose_guider.parameters())
    facts: dict[str, Any] = {
        "parameters": {
            "unet": sum(p.numel() for p in pipe.unet.parameters()) + guider,  # the official one holds it
            "appearance_encoder": sum(p.numel() for p in pipe.reference_net.parameters()),
            "vae": sum(p.numel() for p in pipe.vae.parameters()),
        },
        "attention": "torch",
    }
    write_result(Path(folder), workload, settings, measured, **facts)


def build(workload: Workload, settings: OfficialSettings) -> MegActorPipeline:
    """The networks of the workload, with weights that mean nothing yet."""
    numbers, before = workload.numbers, torch.get_default_dtype()
    config = NetworkConfig(
        image_size=workload.size,
        unet=arguments_of(
            DenoisingUNet,
            block_out_channels=numbers.channels,
            attention_heads=numbers.heads,
            cross_attention_dim=numbers.tokens,
            norm_groups=numbers.groups,
        ),
    )
    torch.set_default_dtype(DTYPES[workload.dtype])  # no second copy in float32
    try:
        with torch.device(workload.device):
            pipe = MegActorPipeline(
                vae=AutoencoderKL(
                    block_out_channels=numbers.vae,
                    down_block_types=("DownEncoderBlock2D",) * 4,
                    up_block_types=("UpDecoderBlock2D",) * 4,
                    layers_per_block=numbers.vae_layers,
                    latent_channels=4,
                    norm_num_groups=numbers.vae_groups,
                    sample_size=PORTRAIT_SIZE,
                ).eval(),
                image_encoder=cast(ClipVision, GivenTokens(workload.to(Inputs.of(workload).tokens))),
                reference_net=config.reference_net().eval(),
                pose_guider=config.driving_encoder().eval(),
                unet=config.denoising_unet().eval(),
                scheduler=official_ddim(),
                image_size=workload.size,
                output_size=workload.size,
                default_guidance=settings.guidance,
                window=settings.window,
                overlap=settings.overlap,
            )
    finally:
        torch.set_default_dtype(before)
    for module in pipe.unet.modules():
        if isinstance(module, TemporalAttention):  # a table, which a checkpoint would hold, computed in that type above
            module.positions = sinusoidal_positions(*module.positions.shape).to(module.positions)
    for network in (pipe.unet, pipe.reference_net, pipe.vae):
        network.to(memory_format=torch.channels_last)  # as `from_pretrained` does
    return pipe


def our_parameters(pipe: MegActorPipeline, names: list[str]) -> list[tuple[str, Tensor]]:
    """Our parameters under the names that the official code has for them.

    Raises:
        ModelError: a name belongs to no part of ours.
        ValueError: one side has a weight that the other has not.
    """
    numbered = convert_official({name: torch.tensor([number]) for number, name in enumerate(names)})
    parts: tuple[tuple[nn.Module, dict[str, Tensor]], ...] = (
        (pipe.unet, numbered.denoising_unet),
        (pipe.pose_guider, numbered.pose_guider),
        (pipe.reference_net, numbered.reference_net),
    )
    pairs: list[tuple[str, Tensor]] = []
    for network, renamed in parts:
        own = dict(network.named_parameters())
        if own.keys() != renamed.keys():
            raise ValueError(f"weights differ: {sorted(own.keys() ^ renamed.keys())[:3]}")
        pairs += [(names[int(number)], own[name]) for name, number in renamed.items()]
    return pairs


def animate(pipe: MegActorPipeline, workload: Workload, settings: OfficialSettings, inputs: Inputs) -> None:
    """From crops to frames, as `MegActorPipeline.__call__` does behind the faces."""
    foreground = 1 - inputs.background
    portrait = Portrait(
        picture=inputs.portrait,
        face=None,  # type: ignore[arg-type]  # read by nothing behind the crop
        crop=None,  # type: ignore[arg-type]
        image=inputs.portrait,
        large=inputs.portrait,
        foreground=foreground,
        background=inputs.portrait,
    )
    asked = AnimationOptions(steps=settings.steps, guidance=settings.guidance, seed=workload.seed)
    for _ in pipe.animate_crops(portrait, inputs.driving, workload.frames, asked):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
