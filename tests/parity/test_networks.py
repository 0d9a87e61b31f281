"""Single forward passes against the official code."""

from __future__ import annotations

import json

import pytest
import torch
from golden import Golden, Networks, assert_close
from safetensors.torch import load_file

from megactor.animate.clip_pixels import clip_pixels
from megactor.models.background_encoder import background_tokens
from megactor.models.clip_vision import ClipVision, clip_vision_arguments
from megactor.models.reference_net import ReferenceFeatures

CASES = ("f16", "f5", "f5_rect")
TIMESTEP = 601

pytestmark = pytest.mark.usefixtures("no_grad")


@pytest.fixture
def no_grad():
    with torch.no_grad():
        yield


def window_input(golden: Golden, tiny: Networks, part: str, case: str) -> torch.Tensor:
    """(B, 13, F, h, w) input; the driving frames are stored with the cases of part b."""
    pose = tiny.pose_guider(golden.unit(f"b/{case}/control_u8"), golden.unit("shared/ref512_u8")[:1])
    sample = golden[f"{part}/{case}/sample"]
    return torch.cat([sample, pose.expand(len(sample), -1, -1, -1, -1)], dim=1)


@pytest.fixture(scope="module")
def reference(golden: Golden, tiny: Networks) -> ReferenceFeatures:
    with torch.no_grad():
        tokens = golden["c/encoder_hidden_states"][:1]
        return tiny.reference_net(golden["c/ref_latents"], TIMESTEP, tokens)


def test_pose_guider(golden: Golden, tiny: Networks) -> None:
    # The official module is handed gray frames; these are colored on purpose, hence ``encode``.
    portraits = golden.unit("shared/ref512_u8")
    assert_close("PoseGuider", tiny.pose_guider.encode(golden.unit("a/control_u8"), portraits), golden["a/out"])
    scale, shift = tiny.pose_guider.portrait(portraits * 2 - 1)
    assert_close("portrait statistics", torch.cat([scale, shift], dim=1), golden["a/scale_shift"])


@pytest.mark.parametrize("case", CASES)
def test_denoiser_without_reference(golden: Golden, tiny: Networks, case: str) -> None:
    sample = window_input(golden, tiny, "b", case)
    ours = tiny.denoiser(sample, TIMESTEP, golden[f"b/{case}/encoder_hidden_states"])
    assert_close(f"denoiser without reference, {case}", ours, golden[f"b/{case}/out"])


def test_reference_features(golden: Golden, reference: ReferenceFeatures) -> None:
    assert len(reference.tokens) == len(golden.facts["bank_pairs"])
    for index, ours in enumerate(reference.tokens):
        assert_close(f"reference feature {index}", ours, golden[f"c/bank_{index:02d}"][:1])


@pytest.mark.parametrize("case", CASES)
def test_guidance_halves(golden: Golden, tiny: Networks, reference: ReferenceFeatures, case: str) -> None:
    sample = window_input(golden, tiny, "d", case)[:1]
    tokens = golden["c/encoder_hidden_states"][:1]
    official = golden[f"d/{case}/out_cfg"]
    ours = torch.cat(tiny.denoiser.guided(sample, TIMESTEP, tokens, reference))
    assert_close(f"guided predictions, {case}", ours, official)
    ours = torch.cat([tiny.denoiser(sample, TIMESTEP, tokens, read) for read in (None, reference)])
    assert_close(f"two calls, {case}", ours, official)


def test_two_clips_with_their_own_reference(golden: Golden, tiny: Networks) -> None:
    case = "d/nocfg_b2_f5"
    tokens = golden[f"{case}/encoder_hidden_states"]
    timesteps = torch.tensor(golden.facts["d_nocfg_timesteps"])
    pictures = golden.unit("shared/ref512_u8")
    pose = tiny.pose_guider(golden.unit("b/f5/control_u8").expand(2, -1, -1, -1, -1), pictures)
    reference = tiny.reference_net(golden[f"{case}/ref_latents"], timesteps, tokens)
    sample = torch.cat([golden[f"{case}/sample"], pose], dim=1)
    ours = tiny.denoiser(sample, timesteps, tokens, reference)
    assert_close("two clips, two timesteps", ours, golden[f"{case}/out"])


def test_background_tokens(golden: Golden) -> None:
    folder = golden.folder / "tiny"
    fields = json.loads((folder / "clip_config.json").read_text())
    encoder = ClipVision(**clip_vision_arguments(fields))
    stored = load_file(folder / "clip_vision.safetensors")
    stored.pop("vision_model.embeddings.position_ids", None)  # a constant that newer transformers do not store
    encoder.load_state_dict(stored)
    for name in ("e", "f"):
        for index, picture in enumerate(golden[f"{name}/clip_image_u8"]):
            pixels = clip_pixels(picture.permute(1, 2, 0).numpy(), encoder.config.image_size)
            if name == "e":
                assert_close("CLIP preprocessing", pixels, golden["e/clip_pixel_values"], 1e-5)
            ours = background_tokens(encoder, pixels)
            assert_close(f"background tokens {name}", ours, golden[f"{name}/encoder_hidden_states"][index : index + 1])
