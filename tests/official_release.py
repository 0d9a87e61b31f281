"""A folder in the layout of the official release, at tiny width with random weights, and its networks."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file
from torch import Tensor, nn

from megactor.models.clip_vision import ClipVision
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.pose_guider import PoseGuider
from megactor.models.reference_net import ReferenceNet

UNET = {
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "attention_levels": (0,),
    "attention_heads": 2,
    "cross_attention_dim": 8,
    "norm_groups": 4,
}
"""Our numbers of the UNets; the official config of `unet_config` says the same."""


def unet_config() -> dict[str, Any]:
    return {
        "_class_name": "UNet2DConditionModel",
        "sample_size": 8,
        "block_out_channels": [32, 64],
        "cross_attention_dim": 8,
        "norm_num_groups": 4,
        "attention_head_dim": 2,
    }


def networks() -> dict[str, nn.Module]:
    """Random networks in the shape of a tiny release; 64x64 pictures."""
    torch.manual_seed(0)
    built = {
        "unet": DenoisingUNet(**UNET),
        "reference_net": ReferenceNet(**UNET),
        "pose_guider": PoseGuider(),
        "image_encoder": ClipVision(
            image_size=32,
            patch_size=16,
            hidden_size=8,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=1,
            projection_dim=8,
        ),
        "vae": AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(4, 4, 8, 8),
            norm_num_groups=4,
            latent_channels=4,
        ),
    }
    for name in ("unet", "pose_guider"):  # what starts at zero would hide everything behind it
        for parameter in built[name].parameters():
            if not parameter.any():
                nn.init.normal_(parameter, std=0.02)
    return {name: network.eval() for name, network in built.items()}


# Our name -> official, the reverse of megactor.weights.official_checkpoint, written down by hand: one checks the other.
_BLOCK = (
    (r"\.layers\.(\d)\.resnet\.", r".resnets.\1."),
    (r"\.layers\.(\d)\.transformer\.", r".attentions.\1."),
    (r"\.layers\.(\d)\.motion\.", r".motion_modules.\1.temporal_transformer."),
    (r"\.downsample\.conv\.", ".downsamplers.0.conv."),
    (r"\.upsample\.conv\.", ".upsamplers.0.conv."),
)
_UNET = (
    ("down.", "down_blocks."),
    ("up.", "up_blocks."),
    ("middle_in.", "mid_block.resnets.0."),
    ("middle_out.", "mid_block.resnets.1."),
    ("middle_transformer.", "mid_block.attentions.0."),
    ("final_layers.", "up_blocks.{level}.layers."),
    ("final_resnet.", "up_blocks.{level}.resnets.{layer}."),
    ("tap.norm1.", "up_blocks.{level}.attentions.{layer}.transformer_blocks.0.norm1."),
    ("tap.", "up_blocks.{level}.attentions.{layer}."),
)


def _official_unet_name(name: str, network: nn.Module) -> str:
    last = {"level": len(network.config.block_out_channels) - 1, "layer": network.config.layers_per_block}
    for ours, theirs in _UNET:
        if name.startswith(ours):
            name = theirs.format(**last) + name.removeprefix(ours)
            break
    for pattern, theirs in _BLOCK:
        name = re.sub(pattern, theirs, name)
    if "temporal_transformer." in name:
        head, _, rest = name.partition("temporal_transformer.")
        if not rest.startswith(("norm.", "proj_in.", "proj_out.")):
            rest = "transformer_blocks.0." + rest
        rest = rest.replace("attention_norms.", "norms.")
        rest = rest.replace(".positions", ".pos_encoder.pe").replace(".attention.", ".")
        return head + "temporal_transformer." + rest.replace("attentions.", "attention_blocks.")
    name = name.replace(".block.", ".transformer_blocks.0.")
    return name.replace(".attn1.to_out.", ".attn1.to_out.0.") if ".attn1.to_out.0." not in name else name


def _official_pose_guider_name(name: str) -> str:
    if name.startswith("stages."):
        _, number, rest = name.split(".", 2)
        return f"spatial_conv_layers.{int(number) // 4}.{int(number) % 4}.{rest}"
    for ours, theirs in (
        ("conv_out.", "spatial_conv_out."),
        ("portrait.convs.", "refer_convs."),
        ("portrait.hidden.", "refer_linears.0."),
        ("portrait.out.", "refer_linears_out.0."),
    ):
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise AssertionError(name)


def official_tensors(parts: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """The state dict of the checkpoint."""
    tensors = {}
    for name, value in parts["unet"].state_dict().items():
        theirs = _official_unet_name(name, parts["unet"])
        tensors[f"module.unet.{theirs}"] = value[None] if theirs.endswith(".pe") else value
    for name, value in parts["pose_guider"].state_dict().items():
        tensors[f"module.unet.condition_input_layer.{_official_pose_guider_name(name)}"] = value
    for name, value in parts["reference_net"].state_dict().items():
        tensors[f"module.appearance_encoder.{_official_unet_name(name, parts['reference_net'])}"] = value
    return tensors


_OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def old_vae_tensors(vae: nn.Module) -> dict[str, Tensor]:
    """The state dict under the names that the released file has."""
    tensors = {}
    for name, value in vae.state_dict().items():
        for today, old in _OLD_ATTENTION.items():
            name = name.replace(f".attentions.0.{today}.", f".attentions.0.{old}.")
        tensors[name] = value.contiguous()
    return tensors


def write_release(folder: Path, parts: Mapping[str, nn.Module] | None = None) -> Path:
    """Writes the folder as a user of the official code has it: pickled checkpoint, old VAE names, float16 UNets."""
    parts = networks() if parts is None else parts
    encoder, vae = folder / "StableDiffusion" / "image_encoder", folder / "sd-vae-ft-mse"
    for place in (encoder, vae, folder / "StableDiffusion" / "unet"):
        place.mkdir(parents=True)
    tensors = {name: value.half() for name, value in official_tensors(parts).items()}
    torch.save({"epoch": 3, "global_step": 9000, "state_dict": tensors}, folder / "checkpoint-steps9000.ckpt")
    (folder / "StableDiffusion" / "unet" / "config.json").write_text(json.dumps(unet_config()))
    (encoder / "config.json").write_text(
        json.dumps({**parts["image_encoder"].config, "model_type": "clip_vision_model"})
    )
    clip = parts["image_encoder"].state_dict()
    clip["vision_model.embeddings.position_ids"] = torch.arange(5)[None]
    torch.save(clip, encoder / "pytorch_model.bin")
    config = {key: value for key, value in parts["vae"].config.items() if key != "scaling_factor"}
    (vae / "config.json").write_text(json.dumps(config))
    save_file(old_vae_tensors(parts["vae"]), vae / "diffusion_pytorch_model.safetensors")
    return folder
