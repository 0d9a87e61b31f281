"""Weights of the official MegActor release in our modules.

The official checkpoint is one torch file `{"epoch", "global_step", "state_dict"}`. Its state dict has the
prefixes `module.unet.` (denoiser, with the PoseGuider inside) and `module.appearance_encoder.`
(ReferenceNet); files written by the official trainer also hold the VAE and an unused text encoder, which
users have separately.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from megactor.errors import ModelError

UNET_PREFIX = "module.unet."
POSE_GUIDER_PREFIX = "module.unet.condition_input_layer."
REFERENCE_PREFIX = "module.appearance_encoder."

NOT_OURS = ("module.vae.", "module.text_encoder.")

# Official name -> ours, tried in this order; a rule that ends in "$" must match the whole rest of the key.
_UNET_RULES = (
    (r"down_blocks\.(\d+)\.resnets\.(\d+)\.", r"down.\1.layers.\2.resnet."),
    (r"down_blocks\.(\d+)\.attentions\.(\d+)\.", r"down.\1.layers.\2.transformer."),
    (r"down_blocks\.(\d+)\.motion_modules\.(\d+)\.", r"down.\1.layers.\2.motion."),
    (r"down_blocks\.(\d+)\.downsamplers\.0\.conv\.", r"down.\1.downsample.conv."),
    (r"up_blocks\.(\d+)\.resnets\.(\d+)\.", r"up.\1.layers.\2.resnet."),
    (r"up_blocks\.(\d+)\.attentions\.(\d+)\.", r"up.\1.layers.\2.transformer."),
    (r"up_blocks\.(\d+)\.motion_modules\.(\d+)\.", r"up.\1.layers.\2.motion."),
    (r"up_blocks\.(\d+)\.upsamplers\.0\.conv\.", r"up.\1.upsample.conv."),
    (r"mid_block\.resnets\.0\.", r"middle_in."),
    (r"mid_block\.attentions\.0\.", r"middle_transformer."),
    (r"mid_block\.resnets\.1\.", r"middle_out."),
)
_TRANSFORMER_RULES = (
    (r"\.transformer_blocks\.0\.", r".block."),
    (r"\.attn1\.to_out\.0\.", r".attn1.to_out."),
)
_MOTION_RULES = (
    (r"\.temporal_transformer\.transformer_blocks\.0\.", r"."),
    (r"\.temporal_transformer\.", r"."),
    (r"\.attention_blocks\.(\d)\.pos_encoder\.pe$", r".attentions.\1.positions"),
    (r"\.attention_blocks\.(\d)\.", r".attentions.\1.attention."),
    (r"\.norms\.(\d)\.", r".attention_norms.\1."),
)


@dataclass(frozen=True)
class OfficialWeights:
    """The official checkpoint as state dicts of our modules."""

    denoising_unet: dict[str, Tensor]
    pose_guider: dict[str, Tensor]
    reference_net: dict[str, Tensor]


def convert_official(state: Mapping[str, Tensor], source: str = "checkpoint") -> OfficialWeights:
    """Rename official weights to ours; the tensors themselves are not changed.

    Args:
        state: The flat official state dict.
        source: What to call it in errors.

    Raises:
        ModelError: A key belongs to no part of MegActor, or a part has no weights.
    """
    pose_guider, unet, reference = {}, {}, {}
    for key, value in state.items():
        if key.startswith(POSE_GUIDER_PREFIX):
            pose_guider[_pose_guider_key(key.removeprefix(POSE_GUIDER_PREFIX))] = value
        elif key.startswith(UNET_PREFIX):
            unet[unet_name(key.removeprefix(UNET_PREFIX))] = value
        elif key.startswith(REFERENCE_PREFIX):
            reference[unet_name(key.removeprefix(REFERENCE_PREFIX))] = value
        elif not key.startswith(NOT_OURS):
            raise ModelError(f"{source}: unexpected weight {key}; this is not a MegActor checkpoint")
    for name, part in (("denoiser", unet), ("PoseGuider", pose_guider), ("ReferenceNet", reference)):
        if not part:
            raise ModelError(f"{source}: no {name} weights; give a complete MegActor checkpoint")
    weights = {
        key: value[0] if key.endswith(".positions") else value for key, value in unet.items()
    }  # position tables have a leading batch axis of 1 there
    return OfficialWeights(weights, pose_guider, end_at_last_feature(reference))


def _rewrite(key: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, ours in rules:
        key = re.sub(pattern, ours, key)
    return key


def unet_name(key: str) -> str:
    """Our name of a weight of the UNets that the official code and diffusers call `key`."""
    return _rewrite(key, _UNET_RULES + _MOTION_RULES + _TRANSFORMER_RULES)


def _pose_guider_key(key: str) -> str:
    def stage(match: re.Match[str]) -> str:
        return f"stages.{4 * int(match[1]) + int(match[2])}."  # a stage is conv, SiLU, conv, SiLU

    key = re.sub(r"^spatial_conv_layers\.(\d+)\.(\d+)\.", stage, key)
    return _rewrite(
        key,
        (
            (r"^spatial_conv_out\.", r"conv_out."),
            (r"^refer_convs\.", r"portrait.convs."),
            (r"^refer_linears\.0\.", r"portrait.hidden."),
            (r"^refer_linears_out\.0\.", r"portrait.out."),
        ),
    )


def end_at_last_feature(reference: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the last level's layers: our ReferenceNet ends inside of it (see its `tap`)."""
    levels = {int(match[1]) for key in reference if (match := re.match(r"up\.(\d+)\.", key))}
    last = max(levels, default=0)
    layers = {int(m[1]) for key in reference if (m := re.match(rf"up\.{last}\.layers\.(\d+)\.", key))}
    final = max(layers, default=0)
    rules = (
        (rf"^up\.{last}\.layers\.{final}\.resnet\.", r"final_resnet."),
        (rf"^up\.{last}\.layers\.{final}\.transformer\.block\.", r"tap."),
        (rf"^up\.{last}\.layers\.{final}\.transformer\.", r"tap."),
        (rf"^up\.{last}\.layers\.", r"final_layers."),
    )
    return {_rewrite(key, rules): value for key, value in reference.items()}
