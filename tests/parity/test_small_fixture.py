"""Official values that every clone has: single modules, schedules, windows, and our own recorded whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers.configuration_utils import FrozenDict
from diffusers.models.downsampling import Downsample2D
from golden import assert_close, assert_close_in_range, whole_case
from safetensors.torch import load_file
from torch import Tensor, nn

from megactor.denoise.windows import context_windows
from megactor.models.attention import SpatialTransformer
from megactor.models.folded_frames import fold_frames, unfold_frames
from megactor.models.motion_module import MotionModule
from megactor.models.noise_schedules import official_ddim, official_training_schedule
from megactor.models.pose_guider import PoseGuider
from megactor.models.resnet import JointGroupNorm, JointResnetBlock
from megactor.models.unet_blocks import TimeEmbedding
from megactor.weights.official_checkpoint import convert_official

FIXTURES = Path(__file__).parents[1] / "fixtures" / "golden"
FRAMES = 5


@pytest.fixture(scope="module")
def cases() -> dict[str, Tensor]:
    return load_file(FIXTURES / "cases.safetensors")


@pytest.fixture(scope="module")
def weights(cases: dict[str, Tensor]) -> dict[str, Tensor]:
    """Official weights under our names; the denoiser's and the PoseGuider's do not clash."""
    official = {k.removeprefix("weight/"): v.float() for k, v in cases.items() if k.startswith("weight/")}
    official["module.appearance_encoder.conv_in.bias"] = torch.zeros(1)  # no part may be empty
    converted = convert_official(official)
    return converted.denoising_unet | converted.pose_guider


def load(module: nn.Module, weights: dict[str, Tensor], prefix: str) -> None:
    module.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})


def pictures(cases: dict[str, Tensor]) -> Tensor:
    """Inputs of size 3e-3, so that the epsilons of the norms matter; (F, 32, 8, 8)."""
    return fold_frames(cases["g/x5d"])


@torch.no_grad()
def test_pose_guider(cases: dict[str, Tensor], weights: dict[str, Tensor]) -> None:
    guider = PoseGuider(portrait_modulation=False)
    guider.load_state_dict({k: v for k, v in weights.items() if k.startswith(("stages.", "conv_out."))})
    scale, shift = cases["a/scale_shift"][:, :, None, None].chunk(2, dim=1)
    features = guider.stages(fold_frames(cases["a/control_u8"].float() / 255) * 2 - 1)
    ours = unfold_frames(guider.conv_out(features * (1 + scale) + shift), frames=1)
    assert_close("PoseGuider, one frame", ours, cases["a/out"])


@torch.no_grad()
def test_residual_block(cases: dict[str, Tensor], weights: dict[str, Tensor]) -> None:
    block = JointResnetBlock(32, 32, time_channels=128, norm_groups=8)
    load(block, weights, "down.0.layers.0.resnet.")
    ours = unfold_frames(block(pictures(cases), cases["g/temb"], FRAMES), FRAMES)
    assert_close("residual block", ours, cases["g/down_blocks.0.resnets.0"])


@torch.no_grad()
def test_joint_group_norm(cases: dict[str, Tensor], weights: dict[str, Tensor]) -> None:
    norm = JointGroupNorm(8, 32, eps=1e-5)
    load(norm, weights, "conv_norm_out.")
    ours = unfold_frames(norm(pictures(cases), FRAMES), FRAMES)
    assert_close("joint GroupNorm", ours, cases["g/conv_norm_out"])


@torch.no_grad()
def test_spatial_transformer(cases: dict[str, Tensor], weights: dict[str, Tensor]) -> None:
    transformer = SpatialTransformer(32, heads=4, cross_attention_dim=32, norm_groups=8)
    load(transformer, weights, "down.0.layers.0.transformer.")
    background = transformer.block.attn2.project(cases["g/encoder_hidden_states"])
    ours, _ = transformer(pictures(cases), background)
    assert_close("transformer", unfold_frames(ours, FRAMES), cases["g/down_blocks.0.attentions.0"])


@torch.no_grad()
def test_motion_module(cases: dict[str, Tensor], weights: dict[str, Tensor]) -> None:
    motion = MotionModule(32, heads=8, norm_groups=32, max_frames=32)
    computed = {name: value.clone() for name, value in motion.named_buffers()}
    load(motion, weights, "down.0.layers.0.motion.")
    for name, value in motion.named_buffers():
        torch.testing.assert_close(computed[name], value, rtol=0, atol=1e-6)
    ours = unfold_frames(motion(pictures(cases), FRAMES), FRAMES)
    assert_close("motion module", ours, cases["g/down_blocks.0.motion_modules.0"])


@torch.no_grad()
def test_downsampler(cases: dict[str, Tensor], weights: dict[str, Tensor]) -> None:
    downsample = Downsample2D(32, use_conv=True, padding=1, name="op")
    load(downsample, weights, "down.0.downsample.")
    ours = unfold_frames(downsample(pictures(cases)), FRAMES)
    assert_close("downsampler", ours, cases["g/down_blocks.0.downsamplers.0"])


@torch.no_grad()
def test_time_embedding(cases: dict[str, Tensor], weights: dict[str, Tensor]) -> None:
    embedding = TimeEmbedding(FrozenDict(block_out_channels=(32,)))
    load(embedding, weights, "time_embedding.")
    timesteps = cases["g/timesteps"]
    assert_close("time projection", embedding.sinusoids(timesteps), cases["g/time_proj"])
    assert_close("time embedding", embedding(timesteps, torch.zeros(len(timesteps))), cases["g/time_embedding"])


def test_schedules(cases: dict[str, Tensor]) -> None:
    schedules = {"e/inference": official_ddim(), "f/train": official_training_schedule()}
    for name, scheduler in schedules.items():
        # products of up to 1000 factors, which another processor rounds otherwise
        torch.testing.assert_close(scheduler.alphas_cumprod, cases[f"{name}_alphas_cumprod"], rtol=0, atol=1e-6)


def test_windows() -> None:
    for case in json.loads((FIXTURES / "windows.json").read_text()):
        assert context_windows(case["frames"], 16, case["overlap"]) == case["windows"]


def test_whole_denoiser_as_recorded() -> None:
    recorded = load_file(FIXTURES / "whole.safetensors")
    for name, ours in zip(("without", "with"), whole_case(), strict=True):
        assert_close_in_range(f"whole denoiser, {name} reference", ours, recorded[name], 1e-5)
