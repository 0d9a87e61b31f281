"""The numbers of a model in the official key layout, read off its tensors' shapes.

The release is 320 channels wide and is held against `sd15_config`, so that a damaged file is called damaged. Anything
narrower (a test's model, a user's own) has its widths, levels and layers inferred. Shapes do not tell head counts and
groups: the official `config.json` of the UNet does, and without it they are those of the release.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from megactor.errors import ModelError
from megactor.models.presets import Arguments, NetworkConfig, sd15_config
from megactor.weights.official_checkpoint import POSE_GUIDER_PREFIX, UNET_PREFIX

_CONV_IN = f"{UNET_PREFIX}conv_in.weight"


def read_architecture(tensors: Mapping[str, Tensor], unet_config: Path | None = None) -> NetworkConfig:
    """The networks that tensors in the official layout belong to.

    Args:
        tensors: The flat official state dict.
        unet_config: `config.json` of the Stable Diffusion UNet beside it, if there is one.

    Raises:
        ModelError: The config cannot be read or belongs to another model, or the shapes make no UNet.
    """
    told = {} if unet_config is None else read_config(unet_config)
    released = sd15_config()
    config = released
    if _CONV_IN in tensors and tensors[_CONV_IN].shape[0] != released.unet["block_out_channels"][0]:
        try:
            config = _inferred(tensors, released)
        except (KeyError, ValueError) as error:
            raise ModelError(
                f"the checkpoint's layout is not MegActor's: {error} has no place or is missing"
            ) from error
    unet = config.unet | {
        "norm_groups": told.get("norm_num_groups") or released.unet["norm_groups"],
        "attention_heads": head_counts(told.get("attention_head_dim") or released.unet["attention_heads"]),
    }
    for name in ("block_out_channels", "cross_attention_dim"):
        wanted, found = told.get(name, unet[name]), unet[name]
        if (tuple(wanted) if isinstance(wanted, list) else wanted) != found:
            raise ModelError(f"{unet_config}: {name} is {wanted}, but the checkpoint has {found}; they do not match")
    side = config.latent_factor * int(told.get("sample_size") or 64)
    return replace(config, unet=unet, image_size=side)


def read_config(path: Path) -> dict[str, Any]:
    """A `config.json` of diffusers.

    Raises:
        ModelError: it cannot be read.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    if not isinstance(told, dict):
        raise ModelError(f"{path} is not the config of a UNet")
    return told


def head_counts(told: Any) -> int | tuple[int, ...]:
    """`attention_head_dim` means the number of heads in these old configs."""
    return tuple(told) if isinstance(told, list) else int(told)


def unet_arguments(shapes: Mapping[str, tuple[int, ...]], latent_channels: int) -> Arguments:
    """Arguments of DenoisingUNet that say the widths, levels and layers of a UNet of Stable Diffusion 1.x.

    Args:
        shapes: of its weights by diffusers' names.
        latent_channels: of its latents.

    Raises:
        KeyError, ValueError: a weight is missing.
    """
    attention_levels = _levels(shapes, r"down_blocks\.(\d+)\.attentions\..*")
    attention = f"down_blocks.{min(attention_levels)}.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    depth = _levels(shapes, r"down_blocks\.(\d+)\.resnets\..*")
    return {
        "latent_channels": latent_channels,
        "block_out_channels": tuple(shapes[f"down_blocks.{level}.resnets.0.conv1.weight"][0] for level in depth),
        "layers_per_block": len(_levels(shapes, r"down_blocks\.0\.resnets\.(\d+)\.conv1\..*")),
        "attention_levels": attention_levels,
        "cross_attention_dim": shapes[attention][1],
    }


def _levels(shapes: Mapping[str, tuple[int, ...]], pattern: str) -> tuple[int, ...]:
    return tuple(sorted({int(match[1]) for name in shapes if (match := re.fullmatch(pattern, name))}))


def _inferred(tensors: Mapping[str, Tensor], released: NetworkConfig) -> NetworkConfig:
    shapes = {key.removeprefix(UNET_PREFIX): tuple(value.shape) for key, value in tensors.items()}
    latent = shapes["conv_out.weight"][0]
    motion_levels = _levels(shapes, r"down_blocks\.(\d+)\.motion_modules\..*")
    pose_guider = _inferred_pose_guider(tensors)
    unet = {
        **unet_arguments(shapes, latent),
        "mask_channels": shapes["conv_in.weight"][1] - 2 * latent - pose_guider["out_channels"],
        "use_motion_modules": bool(motion_levels),
        "motion_levels": motion_levels,
    }
    windows = [shape[1] for name, shape in shapes.items() if name.endswith(".pos_encoder.pe")]
    if windows:
        unet["motion_max_frames"] = windows[0]
    return replace(released, unet=released.unet | unet, pose_guider=pose_guider)


def _inferred_pose_guider(tensors: Mapping[str, Tensor]) -> Arguments:
    shapes = {key.removeprefix(POSE_GUIDER_PREFIX): tuple(value.shape) for key, value in tensors.items()}
    second = [shape for name, shape in shapes.items() if re.fullmatch(r"spatial_conv_layers\.\d+\.2\.weight", name)]
    return {
        "channels": tuple(shape[0] for shape in second),
        "strides": tuple(2 if shape[-1] == 4 else 1 for shape in second),  # the strided ones are 4x4
        "out_channels": shapes["spatial_conv_out.weight"][0],
        "portrait_modulation": any(name.startswith("refer_convs.") for name in shapes),
    }
