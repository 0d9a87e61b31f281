"""The official release on disk, as its authors lay it out.

    weights/                              (or the folder that `weights` lies in)
        checkpoint-steps9000.ckpt         both UNets, motion modules and PoseGuider
        StableDiffusion/image_encoder/    CLIP ViT-L/14 vision model
        StableDiffusion/unet/config.json  head counts and groups; those of the release without it
        sd-vae-ft-mse/                    the image codec

Whatever else lies there (text encoder, tokenizer, Stable Diffusion's own UNet) is not read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from megactor.errors import ModelError
from megactor.models.clip_vision import ClipVision, clip_vision_arguments
from megactor.models.noise_schedules import official_ddim
from megactor.models.presets import NetworkConfig
from megactor.weights.architecture import read_architecture
from megactor.weights.official_checkpoint import convert_official
from megactor.weights.state_dict import read_state_dict
from megactor.weights.stored_network import StoredNetwork, without_memory

RELEASED_CHECKPOINT = "checkpoint-steps9000.ckpt"
CHECKPOINT_SUFFIXES = (".ckpt", ".safetensors")
IMAGE_ENCODER = "StableDiffusion/image_encoder"
UNET_CONFIG = "StableDiffusion/unet/config.json"
VAE = "sd-vae-ft-mse"
VAE_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
IMAGE_ENCODER_FILES = ("model.safetensors", "pytorch_model.bin", *VAE_FILES)
"""File names of a part's weights, the preferred one first: no pickle where there is a choice."""

# Names that diffusers gave the attentions of a VAE before version 0.17; the released files carry them.
_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
# A file of the whole CLIP model may stand in for its vision half; position ids are a constant that was once stored.
_NOT_VISION = re.compile(r"text_model\.|text_projection\.|logit_scale$|.*\.position_ids$")


@dataclass(frozen=True)
class OfficialFolder:
    """Where the parts of the official release lie.

    Attributes:
        checkpoint: The MegActor checkpoint.
        image_encoder: Folder of the CLIP vision model.
        vae: Folder of the image codec.
        unet_config: Config of the Stable Diffusion UNet, or None.
    """

    checkpoint: Path
    image_encoder: Path
    vae: Path
    unet_config: Path | None

    @classmethod
    def find(cls, path: str | os.PathLike[str]) -> OfficialFolder:
        """The release in a folder, in its `weights` folder, or around a checkpoint file.

        Raises:
            ModelError: A part is not there, or it is not clear which checkpoint is meant.
        """
        place = Path(path)
        if place.is_file():
            folder, checkpoint = place.parent, place
        else:
            folder = place / "weights" if _has_parts(place / "weights") else place
            checkpoint = _only_checkpoint(folder)
        found = cls(checkpoint, folder / IMAGE_ENCODER, folder / VAE, _if_file(folder / UNET_CONFIG))
        for part in (found.image_encoder, found.vae):
            if not (part / "config.json").is_file():
                raise ModelError(f"{folder} is incomplete: it has no {part.relative_to(folder)}/config.json")
        return found

    def read(self) -> tuple[NetworkConfig, list[StoredNetwork]]:
        """The model's numbers, and every network with its tensors; a file's pages are read when the tensors are.

        Raises:
            ModelError: A file is missing, damaged, holds more than tensors, or belongs to another model.
        """
        tensors = read_state_dict(self.checkpoint)
        config = read_architecture(tensors, self.unet_config)
        converted = convert_official(tensors, source=str(self.checkpoint))
        parts = []
        for name, build, own in (
            ("reference_net", config.reference_net, converted.reference_net),
            ("pose_guider", config.driving_encoder, converted.pose_guider),
            ("unet", config.denoising_unet, converted.denoising_unet),
        ):
            try:
                network = without_memory(build)
            except ValueError as error:
                raise ModelError(f"{self.checkpoint}: no {name} has these shapes ({error})") from error
            parts.append(StoredNetwork(name, self.checkpoint, network, own))
        vae, factor = read_vae(self.vae)
        parts += [read_image_encoder(self.image_encoder), vae]
        if factor != config.latent_factor:
            raise ModelError(
                f"{self.vae} shrinks pictures {factor} times, the checkpoint's PoseGuider {config.latent_factor} times"
            )
        return config, parts

    def components(self, dtype: torch.dtype | None) -> dict[str, Any]:
        """Arguments for `MegActorPipeline`: networks, the official scheduler, and sizes.

        Args:
            dtype: Type of the weights in memory; None leaves each as it is stored.

        Raises:
            ModelError: As `read`, or weights that do not fit or are not finite.
        """
        config, parts = self.read()
        networks: dict[str, Any] = {part.name: part.filled(dtype) for part in parts}
        sizes = {"image_size": config.image_size, "output_size": config.image_size}
        return networks | sizes | {"scheduler": official_ddim()}


def is_official(path: Path) -> bool:
    """Whether a path looks like the official release, complete or not."""
    return path.suffix in CHECKPOINT_SUFFIXES if path.is_file() else any(map(_has_parts, (path, path / "weights")))


def _has_parts(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in ("StableDiffusion", VAE)) or bool(_checkpoints(folder))


def _checkpoints(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in CHECKPOINT_SUFFIXES and path.is_file())


def _only_checkpoint(folder: Path) -> Path:
    found = _checkpoints(folder)
    for path in found:
        if path.name == RELEASED_CHECKPOINT or len(found) == 1:
            return path
    if not found:
        raise ModelError(f"{folder} is incomplete: it has no checkpoint such as {RELEASED_CHECKPOINT}")
    names = ", ".join(path.name for path in found)
    raise ModelError(f"{folder} holds several checkpoints ({names}): give the path of one of them")


def _if_file(path: Path) -> Path | None:
    return path if path.is_file() else None


def _tensors_in(folder: Path, names: tuple[str, ...]) -> tuple[Path, dict[str, Tensor]]:
    for name in names:
        if (folder / name).is_file():
            return folder / name, read_state_dict(folder / name)
    raise ModelError(f"{folder} is incomplete: it has no {' or '.join(names)}")


def read_image_encoder(folder: Path) -> StoredNetwork:
    """CLIP's vision model in a folder of ours, or of transformers, which may hold all of CLIP.

    Raises:
        ModelError: a file is missing or cannot be read.
    """
    source, tensors = _tensors_in(folder, IMAGE_ENCODER_FILES)
    try:
        arguments = clip_vision_arguments(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        network = without_memory(lambda: ClipVision(**arguments))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"cannot read {folder / 'config.json'}: {_first_line(error)}") from error
    own = {name: value for name, value in tensors.items() if not _NOT_VISION.match(name)}
    return StoredNetwork("image_encoder", source, network, own)


def read_vae(folder: Path) -> tuple[StoredNetwork, int]:
    """The image codec in a folder of diffusers, and how many times smaller its latents are than the pictures.

    Raises:
        ModelError: a file is missing or cannot be read.
    """
    source, tensors = _tensors_in(folder, VAE_FILES)
    try:
        config = AutoencoderKL.load_config(folder, local_files_only=True)
        network: Any = without_memory(lambda: AutoencoderKL.from_config(config))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"cannot read {folder / 'config.json'}: {_first_line(error)}") from error
    part = StoredNetwork("vae", source, network, _todays_names(tensors))
    return part, 2 ** (len(network.config.block_out_channels) - 1)


def _todays_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    def renamed(name: str) -> str:
        match = re.fullmatch(r"(.*\.attentions\.\d+\.)(query|key|value|proj_attn)(\..*)", name)
        return f"{match[1]}{_OLD_ATTENTION[match[2]]}{match[3]}" if match else name

    return {renamed(name): value for name, value in tensors.items()}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
