"""AnimateDiff's motion modules (arXiv 2307.04725), which stage 2 starts from: its own files or a MotionAdapter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from megactor.errors import ModelError
from megactor.weights.official_checkpoint import unet_name
from megactor.weights.state_dict import read_state_dict

_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
_POSITIONS = re.compile(r"(.*)\.transformer_blocks\.0\.pos_embed\.pe")
_ADAPTER_RULES = (
    (".transformer_blocks.0.attn1.", ".attentions.0.attention."),
    (".transformer_blocks.0.attn2.", ".attentions.1.attention."),
    (".transformer_blocks.0.norm1.", ".attention_norms.0."),
    (".transformer_blocks.0.norm2.", ".attention_norms.1."),
    (".transformer_blocks.0.norm3.", ".ff_norm."),
    (".transformer_blocks.0.", "."),
)


@dataclass(frozen=True)
class PublicMotionModules:
    """Motion modules of somebody else.

    source: file of the weights.
    max_frames: length of their position tables.
    tensors: under DenoisingUNet's names.
    """

    source: Path
    max_frames: int
    tensors: Mapping[str, Tensor]


def read_motion_modules(place: Path) -> PublicMotionModules:
    """Reads motion modules; whatever else the file holds is left out.

    Args:
        place: AnimateDiff's file (`.ckpt`, `.pth`, `.safetensors`), or a MotionAdapter's folder.

    Raises:
        ModelError: it is missing or damaged, or holds no motion modules.
    """
    source = next((place / name for name in _FILES if (place / name).is_file()), place)
    found = our_names(read_state_dict(source))
    if not found:
        raise ModelError(f"{source} holds no motion modules: give a file of AnimateDiff such as v3_sd15_mm.ckpt")
    lengths = {len(value) for name, value in found.items() if name.endswith(".positions")}
    if len(lengths) != 1:
        raise ModelError(f"{source}: its motion modules have no position tables, or of several lengths")
    return PublicMotionModules(source, lengths.pop(), found)


def our_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Motion modules in any of the layouts under DenoisingUNet's names; other tensors are left out."""
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if ".motion_modules." in name:
            found |= _renamed(name.removeprefix("module."), value)
    return found


def _renamed(name: str, value: Tensor) -> dict[str, Tensor]:
    if ".temporal_transformer." in name:
        ours = unet_name(name)
        return {ours: value[0] if ours.endswith(".positions") else value}
    if match := _POSITIONS.fullmatch(name):  # a MotionAdapter has one table for both attentions
        return {f"{unet_name(match[1] + '.')}attentions.{number}.positions": value[0] for number in range(2)}
    for theirs, ours in _ADAPTER_RULES:
        name = name.replace(theirs, ours)
    return {unet_name(name): value}
