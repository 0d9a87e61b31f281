"""UNets that training may start from: Stable Diffusion 1.x, or what others made of it.

Read are folders of diffusers (the whole model's or the UNet's own, MagicAnimate's `appearance_encoder` among them) and
single files in the original layout. Nothing in them is executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from torch import Tensor

from megactor.errors import ModelError
from megactor.models.presets import Arguments, sd15_config
from megactor.weights.architecture import head_counts, read_config, unet_arguments
from megactor.weights.official_checkpoint import end_at_last_feature, unet_name
from megactor.weights.state_dict import read_state_dict

_FILES = (
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.bin",
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.fp16.bin",
)
_ORIGINAL = "model.diffusion_model."
_SAMPLE_SIZE = 64


@dataclass(frozen=True)
class PublicUNet:
    """A UNet of somebody else.

    source: file of the weights.
    arguments: of DenoisingUNet; without the motion modules, which it does not have.
    sample_size: side of the latents that it was made for.
    tensors: under the names that diffusers gives them.
    """

    source: Path
    arguments: Arguments
    sample_size: int
    tensors: Mapping[str, Tensor]

    def denoiser(self) -> dict[str, Tensor]:
        """Under DenoisingUNet's names; `conv_in` takes the noisy latents alone."""
        return {unet_name(name): value for name, value in self.tensors.items()}

    def reference_net(self) -> dict[str, Tensor]:
        """Under ReferenceNet's names, with what lies behind its last feature left over."""
        return end_at_last_feature(self.denoiser())


def is_unet(place: Path) -> bool:
    """Whether a folder of diffusers has a UNet of this kind, whatever else it holds."""
    try:
        return read_config(_unet_folder(place) / "config.json").get("_class_name") == "UNet2DConditionModel"
    except ModelError:
        return False


def _unet_folder(place: Path) -> Path:
    return place / "unet" if (place / "unet" / "config.json").is_file() else place


def read_unet(place: Path) -> PublicUNet:
    """Reads a UNet.

    Args:
        place: folder of a diffusers model with a folder `unet`, folder of a UNet, or a checkpoint.

    Raises:
        ModelError: there is none, it is damaged, or it has not the layers of Stable Diffusion 1.x.
    """
    told = {}
    if place.is_file():
        source, tensors = place, read_state_dict(place)
        if any(name.startswith(_ORIGINAL) for name in tensors):
            tensors = from_original(tensors)
    else:
        folder = _unet_folder(place)
        if not (folder / "config.json").is_file():
            raise ModelError(f"{place} holds no UNet: give a Stable Diffusion 1.5 folder of diffusers, or a checkpoint")
        told = read_config(folder / "config.json")
        source = next((folder / name for name in _FILES if (folder / name).is_file()), folder / _FILES[0])
        tensors = read_state_dict(source)
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    try:
        arguments = unet_arguments(shapes, shapes["conv_in.weight"][1])
        if len(shapes["down_blocks.0.attentions.0.proj_in.weight"]) != 4:
            raise ValueError("its attentions' linear projection")
    except (KeyError, ValueError) as error:
        raise ModelError(f"{source} is no UNet of Stable Diffusion 1.x: {error} has no place or is missing") from error
    usual = sd15_config().unet
    heads = told.get("num_attention_heads") or told.get("attention_head_dim") or usual["attention_heads"]
    groups = told.get("norm_num_groups") or usual["norm_groups"]
    arguments |= {"attention_heads": head_counts(heads), "norm_groups": int(groups)}
    return PublicUNet(source, arguments, int(told.get("sample_size") or _SAMPLE_SIZE), tensors)


def from_original(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A UNet from the names of the CompVis code to those of diffusers; the other parts of a checkpoint are left out."""
    downs = (number for number in range(1, 12) if f"{_ORIGINAL}input_blocks.{number}.0.op.weight" in tensors)
    layers = next(downs, 3) - 1
    own = {name: value for name, value in tensors.items() if name.startswith(_ORIGINAL)}
    return dict(convert_ldm_unet_checkpoint(own, {"layers_per_block": layers}))
