"""PoseGuider, background tokens, presets."""

from __future__ import annotations

import pytest
import torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from megactor.models.background_encoder import background_tokens
from megactor.models.pose_guider import PoseGuider
from megactor.models.presets import nano_config, sd15_config


@torch.no_grad()
def test_pose_guider_sees_gray() -> None:
    guider = PoseGuider((8, 8), (2, 1), out_channels=3, portrait_modulation=False)
    driving = torch.rand(2, 3, 4, 16, 24)
    gray = (0.2989 * driving[:, 0] + 0.5870 * driving[:, 1] + 0.1140 * driving[:, 2])[:, None]
    features = guider(driving)
    assert features.shape == (2, 3, 4, 8, 12)
    torch.testing.assert_close(features, guider(gray))
    torch.testing.assert_close(features[:, :, 1:2], guider(driving[:, :, 1:2]))  # frame by frame


@torch.no_grad()
def test_portrait_modulation_starts_as_nothing() -> None:
    guider = PoseGuider((8,), (2,), portrait_modulation=True)
    plain = PoseGuider((8,), (2,), portrait_modulation=False)
    plain.load_state_dict({k: v for k, v in guider.state_dict().items() if not k.startswith("portrait.")})
    driving = torch.rand(1, 1, 2, 8, 8)
    torch.testing.assert_close(guider(driving, torch.rand(1, 3, 512, 512)), plain(driving))


def test_pose_guider_wrong_inputs() -> None:
    with pytest.raises(ValueError, match="2 stages but 1 strides"):
        PoseGuider((8, 8), (2,))
    with pytest.raises(ValueError, match="a portrait is needed exactly if"):
        PoseGuider((8,), (2,), portrait_modulation=True)(torch.rand(1, 1, 1, 8, 8))
    with pytest.raises(ValueError, match="must be 512x512"):
        PoseGuider((8,), (2,), portrait_modulation=True)(torch.rand(1, 1, 1, 8, 8), torch.rand(1, 3, 256, 256))


@torch.no_grad()
def test_background_tokens_project_the_class_token_like_clip() -> None:
    config = nano_config()
    encoder = config.background_encoder().eval()
    theirs = CLIPVisionModelWithProjection(CLIPVisionConfig(**config.image_encoder)).eval()
    theirs.load_state_dict(encoder.state_dict(), strict=False)
    pixels = torch.randn(2, 3, 64, 64)
    tokens = background_tokens(encoder, pixels)
    assert tokens.shape == (2, 17, 64)
    torch.testing.assert_close(tokens[:, 0], theirs(pixels).image_embeds, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_nano_networks_fit_together() -> None:
    config = nano_config()
    denoiser, reference_net, guider = (
        config.denoising_unet(),
        config.reference_net(),
        config.driving_encoder(),
    )
    side = config.image_size // config.latent_factor
    latents = torch.randn(1, reference_net.config.latent_channels, side, side)
    tokens = torch.randn(1, 17, config.unet["cross_attention_dim"])
    pose = guider(torch.rand(1, 3, 2, config.image_size, config.image_size))
    still = torch.randn(1, denoiser.in_channels - pose.shape[1], 2, side, side)
    prediction = denoiser(torch.cat([still, pose], dim=1), 5, tokens, reference_net(latents, 5, tokens))
    assert prediction.shape == (1, 64, 2, side, side)
    assert latents.shape[1] == 48, "ReferenceNet reads a picture, without an outline"


def test_nano_stays_small() -> None:
    config = nano_config()
    parts = (
        config.denoising_unet(),
        config.reference_net(),
        config.driving_encoder(),
        config.background_encoder(),
    )
    assert sum(p.numel() for part in parts for p in part.parameters()) < 13e6


def test_sd15_background_encoder_is_vit_large() -> None:
    with torch.device("meta"):
        encoder = sd15_config().background_encoder()
    assert sum(p.numel() for p in encoder.parameters()) == 303_966_208
