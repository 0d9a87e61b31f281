"""Folders and files as Stable Diffusion 1.5, AnimateDiff, MagicAnimate and CLIP are published, with random weights."""

import re
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, MotionAdapter, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

SD15: dict[str, Any] = {"sample_size": 64, "cross_attention_dim": 768}
"""The UNet's numbers; diffusers' defaults for the others are those of Stable Diffusion 1.5."""

TINY: dict[str, Any] = {
    "sample_size": 8,
    "cross_attention_dim": 16,
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
}
"""64x64 pictures."""

_BEHIND_LAST_FEATURE = re.compile(
    r"conv_norm_out\..*|conv_out\..*"
    r"|up_blocks\.1\.attentions\.1\.(proj_out\..*|transformer_blocks\.0\.(attn[12]|ff|norm[23])\..*)"
)
"""What MagicAnimate's appearance encoder does not have, at tiny width."""


def unet(**changes: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(**(SD15 | changes))


def motion_adapter(**changes: Any) -> MotionAdapter:
    """At full width with SD 1.5's four levels."""
    numbers = {"motion_max_seq_length": 32, "use_motion_mid_block": False, "block_out_channels": (320, 640, 1280, 1280)}
    return MotionAdapter(**(numbers | changes))


def original_motion_names(adapter: dict[str, Tensor]) -> dict[str, Tensor]:
    """AnimateDiff's own names of a MotionAdapter's weights, written down from its published files."""
    found = {}
    for name, value in adapter.items():
        name = re.sub(r"(motion_modules\.\d+)\.", r"\1.temporal_transformer.", name)
        if name.endswith("pos_embed.pe"):
            for number in range(2):
                found[name.replace("pos_embed.pe", f"attention_blocks.{number}.pos_encoder.pe")] = value
            continue
        for theirs, original in (
            (".attn1.", ".attention_blocks.0."),
            (".attn2.", ".attention_blocks.1."),
            (".norm1.", ".norms.0."),
            (".norm2.", ".norms.1."),
            (".norm3.", ".ff_norm."),
        ):
            name = name.replace(theirs, original)
        found[name] = value
    return found


def original_unet_names(tensors: dict[str, Tensor], layers: int, levels: int) -> dict[str, Tensor]:
    """CompVis' names of a UNet's weights (`model.diffusion_model...`), written down from the published files."""
    plain = {
        "conv_in": "input_blocks.0.0",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
        "mid_block.resnets.0": "middle_block.0",
        "mid_block.attentions.0": "middle_block.1",
        "mid_block.resnets.1": "middle_block.2",
    }
    for level in range(levels):
        for layer in range(layers):
            number = 1 + level * (layers + 1) + layer
            plain[f"down_blocks.{level}.resnets.{layer}"] = f"input_blocks.{number}.0"
            plain[f"down_blocks.{level}.attentions.{layer}"] = f"input_blocks.{number}.1"
        plain[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{(level + 1) * (layers + 1)}.0.op"
        for layer in range(layers + 1):
            number = level * (layers + 1) + layer
            plain[f"up_blocks.{level}.resnets.{layer}"] = f"output_blocks.{number}.0"
            plain[f"up_blocks.{level}.attentions.{layer}"] = f"output_blocks.{number}.1"
        attends = any(name.startswith(f"up_blocks.{level}.attentions") for name in tensors)
        plain[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{number}.{1 + attends}.conv"
    inner = {
        "norm1": "in_layers.0",
        "conv1": "in_layers.2",
        "time_emb_proj": "emb_layers.1",
        "norm2": "out_layers.0",
        "conv2": "out_layers.3",
        "conv_shortcut": "skip_connection",
    }
    found = {}
    for name, value in tensors.items():
        start = max((known for known in plain if name.startswith(f"{known}.")), key=len)
        rest = name.removeprefix(f"{start}.")
        if ".resnets." in f".{start}":
            part, _, last = rest.rpartition(".")
            rest = f"{inner[part]}.{last}"
        found[f"model.diffusion_model.{plain[start]}.{rest}"] = value
    return found


def write_stable_diffusion(folder: Path) -> Path:
    """A folder of diffusers: `unet` and `vae`, and the index that says what it is."""
    torch.manual_seed(1)
    unet(**TINY).save_pretrained(folder / "unet")
    AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 8, 8),
        norm_num_groups=4,
        latent_channels=4,
    ).save_pretrained(folder / "vae")
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    return folder


def write_original_checkpoint(path: Path, pickled: bool = False) -> Path:
    """One file with the UNet in the original layout, and what else lies in such files."""
    torch.manual_seed(2)
    tensors = {name: value.contiguous() for name, value in unet(**TINY).state_dict().items()}
    tensors = original_unet_names(tensors, layers=1, levels=2) | {"cond_stage_model.logit_scale": torch.zeros(1)}
    if pickled:
        torch.save({"state_dict": tensors, "epoch": 3}, path)
    else:
        save_file(tensors, path)
    return path


def write_appearance_encoder(folder: Path) -> Path:
    """MagicAnimate's folder: a UNet of diffusers that ends at its last feature."""
    torch.manual_seed(3)
    whole = unet(**TINY)
    whole.save_config(folder)
    kept = {name: value for name, value in whole.state_dict().items() if not _BEHIND_LAST_FEATURE.fullmatch(name)}
    save_file(
        {name: value.contiguous() for name, value in kept.items()}, folder / "diffusion_pytorch_model.safetensors"
    )
    return folder


def tiny_motion_adapter(frames: int = 32) -> MotionAdapter:
    """Nothing starts at zero, which would hide everything else."""
    torch.manual_seed(4)
    adapter = motion_adapter(block_out_channels=(32, 64), motion_layers_per_block=1, motion_max_seq_length=frames)
    for parameter in adapter.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    return adapter


def write_motion_module(path: Path, prefix: str = "", frames: int = 32) -> Path:
    """AnimateDiff's file: `.ckpt`, `.pth` or `.safetensors`."""
    tensors = original_motion_names(tiny_motion_adapter(frames).state_dict())
    tensors = {f"{prefix}{name}": value.contiguous() for name, value in tensors.items()}
    if path.suffix == ".safetensors":
        save_file({name: value.clone() for name, value in tensors.items()}, path)
    else:
        torch.save({"state_dict": tensors | {"animatediff_config": {"use_motion_module": True}}}, path)
    return path


def write_clip(folder: Path, width: int = 16) -> Path:
    """All of CLIP, as its folder holds it."""
    torch.manual_seed(5)
    shared = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    CLIPModel(
        CLIPConfig(
            text_config=CLIPTextConfig(**shared, vocab_size=20, projection_dim=width).to_dict(),
            vision_config=CLIPVisionConfig(**shared, image_size=32, patch_size=16, projection_dim=width).to_dict(),
            projection_dim=width,
        )
    ).save_pretrained(folder)
    return folder
