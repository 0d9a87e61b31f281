"""Runs that start where the paper's start: published layouts, random weights."""

import json
import shutil

import pytest
import torch
from command_line import error_line, megactor
from diffusers import UNet2DConditionModel, UNetMotionModel
from golden import golden_folder
from public_models import (
    TINY,
    motion_adapter,
    original_motion_names,
    original_unet_names,
    tiny_motion_adapter,
    unet,
    write_appearance_encoder,
    write_clip,
    write_motion_module,
    write_original_checkpoint,
    write_stable_diffusion,
)
from train.fake_shards import write_shard
from transformers import CLIPModel

from megactor.errors import ModelError
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.reference_net import ReferenceNet
from megactor.train.config import StartConfig, load_config
from megactor.train.start import fill_denoiser, fill_motion_modules, fill_reference_net, start_networks
from megactor.weights.animatediff import PublicMotionModules, our_names, read_motion_modules
from megactor.weights.official_folder import read_image_encoder
from megactor.weights.stable_diffusion import PublicUNet, from_original, read_unet


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """Everything that can be downloaded."""
    folder = tmp_path_factory.mktemp("public")
    write_stable_diffusion(folder / "sd")
    write_original_checkpoint(folder / "sd.safetensors")
    write_original_checkpoint(folder / "sd.ckpt", pickled=True)
    write_appearance_encoder(folder / "appearance_encoder")
    write_motion_module(folder / "v3_sd15_mm.ckpt")
    write_motion_module(folder / "v3.safetensors", prefix="module.")
    write_motion_module(folder / "v1.pth", frames=24)
    tiny_motion_adapter().save_pretrained(folder / "adapter")
    write_clip(folder / "clip")
    return folder


def started(public, **names):
    values = {"unet": "sd", "background_encoder": "clip"} | names
    return start_networks(StartConfig(**{key: str(public / name) for key, name in values.items() if name}), seed=0)


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    state = other.state_dict()
    return all(torch.equal(value, state[name]) for name, value in one.state_dict().items())


@torch.no_grad()
def predict(denoiser: DenoisingUNet, latents: torch.Tensor, rest: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    return denoiser(torch.cat([latents, rest], dim=1), 501, tokens)


def test_the_denoiser_begins_as_the_model_that_it_comes_from(public):
    """Whatever stands in the new channels, and with AnimateDiff's modules as diffusers runs them."""
    torch.manual_seed(0)
    latents, tokens, rest = torch.randn(1, 4, 1, 8, 8), torch.randn(1, 5, 16), torch.randn(1, 9, 1, 8, 8)
    theirs = UNet2DConditionModel.from_pretrained(public / "sd" / "unet")
    with torch.no_grad():
        expected = theirs(latents[:, :, 0], 501, tokens).sample[:, :, None]
    torch.testing.assert_close(predict(started(public).components["unet"], latents, rest, tokens), expected)

    moving = UNetMotionModel.from_unet2d(theirs, tiny_motion_adapter())
    with torch.no_grad():
        expected = moving(latents, 501, tokens).sample
    found = predict(started(public, motion="v3_sd15_mm.ckpt").components["unet"], latents, rest, tokens)
    torch.testing.assert_close(found, expected)


def test_new_parts_begin_as_the_papers_do(public):
    parts = started(public).components
    assert not parts["unet"].conv_in.weight[:, 4:].any() and parts["unet"].conv_in.weight[:, :4].any()
    motion = [module for name, module in parts["unet"].named_modules() if name.endswith("motion.proj_out")]
    assert motion and not any(module.weight.any() for module in motion)
    assert not parts["pose_guider"].portrait.out.weight.any()
    assert parts["pose_guider"].stages[2].weight.std().item() == pytest.approx((2 / (16 * 3)) ** 0.5, rel=0.1)
    assert not same(parts["pose_guider"], start_networks(start_of(public), seed=1).components["pose_guider"])


def start_of(public):
    return StartConfig(unet=str(public / "sd"), background_encoder=str(public / "clip"))


def test_all_layouts_hold_the_same(public, tmp_path):
    original = started(public, unet="sd.safetensors", vae="sd/vae").components
    pickled = started(public, unet="sd.ckpt", vae="sd/vae", reference="sd.safetensors").components
    for name in ("unet", "reference_net"):
        assert same(original[name], pickled[name])
    whole = tmp_path / "whole"
    torch.manual_seed(3)
    unet(**TINY).save_pretrained(whole)  # what the appearance encoder was cut from
    cut = started(public, reference="appearance_encoder").components["reference_net"]
    assert same(
        cut,
        start_networks(start_of(public).model_copy(update={"reference": str(whole)}), 0).components["reference_net"],
    )
    files = [read_motion_modules(public / name).tensors for name in ("v3_sd15_mm.ckpt", "v3.safetensors", "adapter")]
    for tensors in files[1:]:
        assert tensors.keys() == files[0].keys()
        assert all(torch.equal(value, files[0][name]) for name, value in tensors.items())
    attention = tiny_motion_adapter().down_blocks[0].motion_modules[0].transformer_blocks[0].attn2
    assert torch.equal(files[0]["down.0.layers.0.motion.attentions.1.attention.to_k.weight"], attention.to_k.weight)


def test_what_came_from_where_is_told(public):
    networks = started(public, reference="appearance_encoder", motion="v3_sd15_mm.ckpt")
    told = {origin.part: str(origin) for origin in networks.origins}
    assert set(told) == {"unet", "motion_modules", "reference_net", "pose_guider", "vae", "image_encoder"}
    assert f"from {public}/sd/unet/" in told["unet"] and "9 of its 13 input channels are new and zero" in told["unet"]
    assert f"from {public}/v3_sd15_mm.ckpt" in told["motion_modules"] and ", new;" in told["pose_guider"]
    assert f"from {public}/appearance_encoder/" in told["reference_net"]
    assert started(public, motion="v1.pth").components["unet"].config.motion_max_frames == 24
    behind = {origin.part: str(origin) for origin in started(public).origins}["reference_net"]
    assert "24 more tensors have no place here, such as conv_norm_out.bias" in behind


def test_the_background_encoder_is_that_of_transformers(tmp_path):
    """Out of a folder of all of CLIP."""
    pixels = torch.randn(2, 3, 32, 32)
    theirs = CLIPModel.from_pretrained(write_clip(tmp_path / "clip")).vision_model
    with torch.no_grad():
        hidden = theirs(pixels).last_hidden_state
        ours = read_image_encoder(tmp_path / "clip").filled()
        torch.testing.assert_close(ours(pixels), hidden, atol=1e-6, rtol=1e-5)
        theirs = theirs.post_layernorm(hidden)
        torch.testing.assert_close(ours.vision_model.post_layernorm(ours(pixels)), theirs, atol=1e-6, rtol=1e-5)


def test_full_width():
    """The names and shapes of the published files, without their gigabytes."""
    with torch.device("meta"):
        theirs, adapter = unet().state_dict(), motion_adapter().state_dict()
        denoiser, reference_net = DenoisingUNet(), ReferenceNet()
    numbers = dict(denoiser.config)
    for tensors in (theirs, from_original(original_unet_names(theirs, layers=2, levels=4))):
        model = PublicUNet("sd", numbers, 64, tensors)
        assert fill_denoiser(denoiser, model).tensors == 686
        told = fill_reference_net(reference_net, model)
        assert told.tensors == 662 and "24 more tensors" in str(told)
    for layout in (adapter, original_motion_names(adapter)):
        model = PublicMotionModules("mm", 32, our_names(layout))
        assert fill_motion_modules(denoiser, model).tensors == 560


@pytest.mark.skipif(not golden_folder().is_dir(), reason="needs the list of the released checkpoint's weights")
def test_the_layouts_of_these_tests_are_those_of_the_released_checkpoint():
    released = json.loads((golden_folder() / "full_checkpoint_keys.json").read_text())
    denoiser = {name.removeprefix("module.unet."): shape for name, (shape, _) in released.items() if ".unet." in name}
    with torch.device("meta"):
        ours = unet().state_dict() | original_motion_names(motion_adapter().state_dict())
    for name, value in ours.items():
        wanted = [320, 13, 3, 3] if name == "conv_in.weight" else denoiser[name]
        found = [320, 13, 3, 3] if name == "conv_in.weight" else list(value.shape)
        assert found == wanted, name
    assert {name for name in denoiser if not name.startswith("condition_input_layer")} == set(ours)


@pytest.fixture(scope="module")
def stage1(public, recipe, tmp_path_factory):
    """Stage 1 for two steps at tiny width, as the recipe says."""
    shard = write_shard(tmp_path_factory.mktemp("shards") / "clips.tar", clips=2)
    path = recipe(
        init={"unet": str(public / "sd"), "background_encoder": str(public / "clip")},
        task={"kind": "diffusion", "train": ["unet", "reference_net", "pose_guider"]},
        data={"size": 64, "frames": 1, "workers": 0, "shards": [{"urls": str(shard)}]},
        steps=2,
    )
    folder = tmp_path_factory.mktemp("runs") / "stage1"
    return path, folder, megactor("train", path, "-o", folder, "--cpu")


def test_a_run_says_and_keeps_what_it_began_with(stage1):
    _, folder, outcome = stage1
    assert outcome.code == 0, outcome
    kept = (folder / "start.txt").read_text()
    assert kept.count("\n") == 6 and kept in outcome.out
    index = json.loads((folder / "model" / "model_index.json").read_text())
    assert index["image_size"] == 64


def test_the_next_stage_takes_animatediff_into_the_model_of_the_first(stage1, public):
    path, folder, _ = stage1
    start = [f"init={{model: {folder / 'model'}, motion: {public / 'v3_sd15_mm.ckpt'}}}"]
    networks = start_networks(load_config(path, start).init, 0)
    told = {origin.part: str(origin.source) for origin in networks.origins}
    assert told["motion_modules"].endswith("v3_sd15_mm.ckpt") and told["unet"] == str(folder / "model")
    table = read_motion_modules(public / "v3_sd15_mm.ckpt").tensors["up.1.layers.1.motion.proj_out.weight"]
    assert torch.equal(networks.components["unet"].state_dict()["up.1.layers.1.motion.proj_out.weight"], table)
    with pytest.raises(ModelError, match=r"positions of the motion_modules has the shape \(24, 32\), not \(32, 32\)"):
        start_networks(load_config(path, [*start, f"init.motion={public / 'v1.pth'}"]).init, 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["init={public}/sd"], "give init: {unet: {public}/sd, background_encoder: CLIP_FOLDER}"),
        (["init.unet={public}/clip"], "clip/diffusion_pytorch_model.safetensors: no such file"),
        (["init.unet={public}/nothing"], "holds no UNet"),
        (["init.unet={public}/v3.safetensors"], "is no UNet of Stable Diffusion 1.x"),
        (["init.unet={public}/sd.safetensors"], "name an image codec with init.vae"),
        (["init.motion={public}/sd.safetensors"], "holds no motion modules"),
        (["init.background_encoder=null"], "init: Value error, a start from unet needs a background_encoder"),
        (["init.model={public}/sd"], "name either unet or model"),
        (["init.background={public}/clip"], "init.background: Extra inputs"),
        (["init.background_encoder={public}/wide"], "tokens of 24 numbers; the UNet attends to tokens of 16"),
    ],
)
def test_mistakes_are_told_in_one_line(stage1, public, tmp_path, changes, words):
    if not (public / "wide").is_dir():
        write_clip(public / "wide", width=24)
    options = [part for change in changes for part in ("--set", change.replace("{public}", str(public)))]
    line = error_line(megactor("train", stage1[0], "-o", tmp_path / "run", "--cpu", *options))
    assert words.replace("{public}", str(public)) in line


def test_weights_that_do_not_fit_are_named(public, tmp_path):
    shutil.copytree(public / "sd", tmp_path / "sd")
    shutil.copytree(public / "clip", tmp_path / "clip")
    narrow = unet(**(TINY | {"block_out_channels": (32, 96)}))
    narrow.save_pretrained(tmp_path / "narrow")
    with pytest.raises(ModelError, match=r"narrow/.* does not fit: .* of the reference_net has the shape"):
        started(tmp_path, reference="narrow")
    with torch.no_grad():
        broken = UNet2DConditionModel.from_pretrained(tmp_path / "sd" / "unet")
        broken.conv_out.bias[0] = torch.nan
        broken.save_pretrained(tmp_path / "sd" / "unet")
    with pytest.raises(ModelError, match=r"is damaged: conv_out\.bias"):
        started(tmp_path)
    assert read_unet(tmp_path / "sd").sample_size == 8
