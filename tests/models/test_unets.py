"""DenoisingUNet and ReferenceNet: what must hold for any numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from golden import formula_values, formula_weights
from torch import Tensor

from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.reference_net import ReferenceFeatures, ReferenceNet
from megactor.models.upsampling_output import UpsamplingOutput

SHARED: dict[str, Any] = {
    "latent_channels": 4,
    "block_out_channels": (16, 32, 32),
    "layers_per_block": 1,
    "attention_levels": (1, 2),
    "attention_heads": (1, 2, 4),
    "cross_attention_dim": 8,
    "norm_groups": 8,
}
MOTION = {"motion_norm_groups": 8, "motion_heads": 2}
FRAMES = 3
SKIP = SHARED | MOTION | {"portrait_skip": True, "mask_channels": 2, "pose_channels": 3}  # 13 input channels


def networks(**changes: Any) -> tuple[DenoisingUNet, ReferenceNet]:
    pair = DenoisingUNet(**SHARED | MOTION | changes), ReferenceNet(**SHARED)
    for network in pair:
        formula_weights(network)
    return pair


@pytest.fixture
def sample() -> Tensor:
    return formula_values((2, 13, FRAMES, 8, 8), 0)


@pytest.fixture
def tokens() -> Tensor:
    return formula_values((2, 5, 8), 1)


@pytest.fixture
def latents() -> Tensor:
    return formula_values((2, 4, 8, 8), 2)


TIMESTEPS = torch.tensor([3, 700])


@torch.no_grad()
def test_guided_is_two_calls(sample: Tensor, tokens: Tensor, latents: Tensor) -> None:
    denoiser, reference_net = networks()
    reference = reference_net(latents, TIMESTEPS, tokens)
    without, with_reference = denoiser.guided(sample, TIMESTEPS, tokens, reference)
    torch.testing.assert_close(without, denoiser(sample, TIMESTEPS, tokens), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(with_reference, denoiser(sample, TIMESTEPS, tokens, reference), rtol=1e-5, atol=1e-5)
    assert (without - with_reference).abs().max() > 0.01


@torch.no_grad()
def test_clips_of_a_batch_do_not_mix(sample: Tensor, tokens: Tensor, latents: Tensor) -> None:
    denoiser, reference_net = networks()
    together = denoiser(sample, TIMESTEPS, tokens, reference_net(latents, TIMESTEPS, tokens))
    for i in range(2):
        own = slice(i, i + 1)
        reference = reference_net(latents[own], TIMESTEPS[own], tokens[own])
        alone = denoiser(sample[own], TIMESTEPS[own], tokens[own], reference)
        torch.testing.assert_close(alone, together[own], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_windows_share_what_was_projected_once(sample: Tensor, tokens: Tensor, latents: Tensor) -> None:
    denoiser, reference_net = networks()
    portrait = reference_net(latents[:1], 5, tokens[:1])
    one_each = [denoiser.guided(sample[i : i + 1], 5, tokens[:1], portrait) for i in range(2)]
    background = reference_net.project_background(tokens[:1])
    reference = denoiser.project_reference(reference_net(latents[:1], 5, background))
    together = denoiser.guided(sample, 5, denoiser.project_background(tokens[:1]), reference)
    for half, alone in zip(together, zip(*one_each, strict=True), strict=True):
        torch.testing.assert_close(half, torch.cat(alone), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_memory_format_does_not_matter(sample: Tensor, tokens: Tensor, latents: Tensor) -> None:
    denoiser, reference_net = networks()
    plain = denoiser(sample, 5, tokens, reference_net(latents, 5, tokens))
    for network in (denoiser, reference_net):
        network.to(memory_format=torch.channels_last)
    swapped = denoiser(sample, 5, tokens, reference_net(latents, 5, tokens))
    torch.testing.assert_close(swapped, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(8, 12), (7, 9), (13, 6)])
@torch.no_grad()
def test_sizes(size: tuple[int, int], tokens: Tensor) -> None:
    denoiser, reference_net = networks()
    reference = reference_net(torch.zeros(2, 4, *size), 0, tokens)
    assert denoiser(torch.zeros(2, 13, 1, *size), 0, tokens, reference).shape == (2, 4, 1, *size)


@pytest.mark.parametrize("motion", [True, False])
def test_every_parameter_learns(sample: Tensor, tokens: Tensor, latents: Tensor, motion: bool) -> None:
    denoiser, reference_net = networks(use_motion_modules=motion, motion_levels=(0, 2))
    assert any("motion" in name for name, _ in denoiser.named_parameters()) == motion
    denoiser(sample, 5, tokens, reference_net(latents, 5, tokens)).square().mean().backward()
    for network in (denoiser, reference_net):
        silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
        assert silent == []


def test_gradient_checkpointing_changes_nothing(sample: Tensor, tokens: Tensor, latents: Tensor) -> None:
    gradients = []
    for checkpointing in (False, True):
        denoiser, reference_net = networks()
        if checkpointing:
            denoiser.enable_gradient_checkpointing()
            reference_net.enable_gradient_checkpointing()
        denoiser(sample, 5, tokens, reference_net(latents, 5, tokens)).square().mean().backward()
        parameters = [*denoiser.parameters(), *reference_net.parameters()]
        gradients.append([p.grad for p in parameters])
    torch.testing.assert_close(gradients[1], gradients[0])


def test_bfloat16_autocast_trains(sample: Tensor, tokens: Tensor, latents: Tensor) -> None:
    denoiser, reference_net = networks()
    with torch.no_grad():
        exact = denoiser(sample, 5, tokens, reference_net(latents, 5, tokens))
    with torch.autocast("cpu", torch.bfloat16):
        coarse = denoiser(sample, 5, tokens, reference_net(latents, 5, tokens))
    assert (coarse.float() - exact).std() < 0.05 * exact.std()
    coarse.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in denoiser.parameters())


@torch.no_grad()
def test_half_precision_weights(sample: Tensor, tokens: Tensor, latents: Tensor) -> None:
    denoiser, reference_net = (network.to(torch.bfloat16) for network in networks())
    half = (x.to(torch.bfloat16) for x in (sample, tokens, latents))
    sample, tokens, latents = half
    assert denoiser(sample, 5, tokens, reference_net(latents, 5, tokens)).dtype == torch.bfloat16


@torch.no_grad()
def test_fresh_motion_modules_leave_frames_alone(sample: Tensor, tokens: Tensor) -> None:
    torch.manual_seed(0)
    still = DenoisingUNet(**SHARED, use_motion_modules=False)
    moving = DenoisingUNet(**SHARED, **MOTION)
    missing = moving.load_state_dict(still.state_dict(), strict=False)
    assert all(".motion." in key for key in missing.missing_keys) and not missing.unexpected_keys
    computed = moving.requires_grad_(False)
    with torch.enable_grad():  # training computes what adds nothing yet
        torch.testing.assert_close(computed(sample, 5, tokens), still(sample, 5, tokens))
    skipped = moving(sample, 5, tokens)
    torch.testing.assert_close(skipped, still(sample, 5, tokens), atol=0, rtol=0)
    # one weight that is not zero, and they are at work
    next(module for name, module in moving.named_modules() if name.endswith("motion")).proj_out.bias[0] = 1
    assert (moving(sample, 5, tokens) != skipped).any()


@torch.no_grad()
def test_portrait_skip_starts_as_the_portrait(sample: Tensor, tokens: Tensor) -> None:
    denoiser = DenoisingUNet(**SKIP)
    torch.testing.assert_close(denoiser(sample, 5, tokens), sample[:, 4:8])


@torch.no_grad()
def test_portrait_skip_corrects_only_what_is_not_visible(sample: Tensor, tokens: Tensor) -> None:
    denoiser = DenoisingUNet(**SKIP)
    formula_weights(denoiser)
    sample[:, 9], sample[:, 9, ..., :4] = 0, 1  # visibility: the left half
    corrected = denoiser(sample, 5, tokens) - sample[:, 4:8]
    assert not corrected[..., :4].any()
    assert corrected[..., 4:].abs().min() > 0


@torch.no_grad()
def test_shading_changes_what_is_visible(sample: Tensor, tokens: Tensor) -> None:
    plain, shaded = (DenoisingUNet(**SKIP, shading_width=width) for width in (0, 3))
    for denoiser in (plain, shaded):
        formula_weights(denoiser)
    for visibility, changes in ((0, False), (1, True)):
        sample[:, 9] = visibility
        assert torch.equal(shaded(sample, 5, tokens), plain(sample, 5, tokens)) is not changes


def test_portrait_skip_needs_the_visibility() -> None:
    with pytest.raises(ValueError, match="mask_channels of 2"):
        DenoisingUNet(**SKIP | {"mask_channels": 1})


def outlined(**more: Any) -> DenoisingUNet:
    """A denoiser of latents of 2x2 pixels, three colors and an outline; 16 + 16 + 1 + 4 + 3 input channels."""
    shape = {"latent_channels": 16, "matte_channels": 4, "mask_channels": 5, "output_channels": (8,)}
    return DenoisingUNet(**SKIP | shape | more)


@torch.no_grad()
def test_an_outline_is_corrected_where_the_colors_are_shown(tokens: Tensor) -> None:
    denoiser = outlined()
    sample = torch.randn(2, denoiser.in_channels, 3, 8, 8)
    torch.testing.assert_close(denoiser(sample, 5, tokens), sample[:, 16:32])  # starts as the moved portrait
    formula_weights(denoiser)
    sample[:, 33:37] = 0
    sample[:, 34, ..., :4] = 1  # the second of a latent's four pixels is shown in the left half
    corrected = denoiser(sample, 5, tokens) - sample[:, 16:32]
    shown = corrected[:, [1, 5, 9], ..., :4]
    assert not shown.any()
    corrected[:, [1, 5, 9], ..., :4] = 1
    assert corrected.abs().min() > 0


@torch.no_grad()
def test_pixels_of_neighboring_latents_are_joined() -> None:
    output = UpsamplingOutput(4, (8, 8), beside=16, out_channels=32)
    torch.nn.init.normal_(output.pixels.weight)
    features, beside = torch.randn(1, 4, 4, 4), torch.randn(1, 16, 4, 4)
    before = F.pixel_shuffle(output(features, beside), 4)
    picture = F.pixel_shuffle(beside, 4)
    picture[..., 8, 7] += 1  # the last pixel of a patch
    after = F.pixel_shuffle(output(features, F.pixel_unshuffle(picture, 4)), 4)
    rows, columns = (after != before).any(1)[0].nonzero().T
    assert (columns.min(), columns.max()) == (5, 9), "two convolutions reach over the border of the patch"
    assert (rows.min(), rows.max()) == (6, 10)


def test_an_output_of_pixels_needs_whole_patches() -> None:
    with pytest.raises(ValueError, match="4x4"):
        UpsamplingOutput(4, (8, 8), beside=17, out_channels=32)
    with pytest.raises(ValueError, match="portrait_skip"):
        DenoisingUNet(**SHARED, matte_channels=1)


@torch.no_grad()
def test_save_and_load(tmp_path: Path, sample: Tensor, tokens: Tensor, latents: Tensor) -> None:
    denoiser, reference_net = networks()
    expected = denoiser(sample, 5, tokens, reference_net(latents, 5, tokens))
    denoiser.save_pretrained(tmp_path / "unet")
    reference_net.save_pretrained(tmp_path / "reference")
    assert (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").is_file()
    denoiser = DenoisingUNet.from_pretrained(tmp_path / "unet")
    reference_net = ReferenceNet.from_pretrained(tmp_path / "reference")
    again = denoiser(sample, 5, tokens, reference_net(latents, 5, tokens))
    torch.testing.assert_close(again, expected, rtol=0, atol=0)


def test_reading_blocks_pair_up() -> None:
    denoiser, reference_net = networks()
    features = reference_net(torch.zeros(1, 4, 8, 8), 0, torch.zeros(1, 5, 8)).tokens
    assert len(denoiser.project_reference(ReferenceFeatures(features))) == len(features) == 5
    # middle (2x2), then up: level 2 (2x2), level 1 (4x4); widths by level
    assert [tuple(f.shape[1:]) for f in features] == [(4, 32), (4, 32), (4, 32), (16, 32), (16, 32)]


def test_wrong_inputs(sample: Tensor, tokens: Tensor) -> None:
    denoiser, _ = networks(motion_max_frames=2)
    with pytest.raises(ValueError, match="12 channels, this network takes 13"):
        denoiser(sample[:, 1:], 5, tokens)
    with pytest.raises(ValueError, match="3 frames; the motion modules know 2"):
        denoiser(sample, 5, tokens)
    with pytest.raises(ValueError, match="1 reference features for 5"):
        denoiser(sample[:, :, :2], 5, tokens, ReferenceFeatures((tokens,)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention_levels": ()}, "attention_levels is empty"),
        ({"attention_levels": (3,)}, "outside 0..2"),
        ({"motion_levels": (-1,)}, "outside 0..2"),
        ({"attention_heads": (1, 2)}, "one for each of 3 levels"),
        ({"attention_heads": 5}, "5 attention heads do not divide 32"),
        ({"motion_heads": 3}, "3 motion heads do not divide 16"),
    ],
)
def test_wrong_numbers(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DenoisingUNet(**SHARED | MOTION | changes)
