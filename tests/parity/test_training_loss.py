"""Training loss and gradient norms against the official trainer."""

from __future__ import annotations

import pytest
import torch
from golden import Golden, Networks, assert_close
from torch import nn

from megactor.models.noise_schedules import official_training_schedule
from megactor.train.loss import TrainingBatch, diffusion_loss
from megactor.weights.official_checkpoint import convert_official


@pytest.fixture
def batch(golden: Golden) -> TrainingBatch:
    return TrainingBatch(
        clean=golden["f/clean_latents"],
        reference=golden["f/ref_latents"],
        portrait=golden["f/ref_concat_latents"],
        background=golden["f/mask_latents"],
        driving=golden.unit("f/driving_u8").transpose(1, 2),
        background_tokens=golden["f/encoder_hidden_states"],
        portrait_picture=golden.unit("shared/ref512_u8"),
    )


def norm(parameters: list[torch.Tensor]) -> float:
    return torch.stack([p.grad.double().norm() for p in parameters]).norm().item()


@pytest.mark.parametrize("case", ["random_t", "forced_t"])
def test_loss_and_gradients(golden: Golden, batch: TrainingBatch, case: str) -> None:
    facts = golden.facts[f"f_{case}"]
    networks = Networks.from_weights(golden.weights())
    parts: dict[str, nn.Module] = {
        "unet": networks.denoiser,
        "condition_input_layer": networks.pose_guider,
        "appearance_encoder": networks.reference_net,
    }
    loss = diffusion_loss(
        networks.denoiser,
        networks.reference_net,
        networks.pose_guider,
        official_training_schedule(),
        batch,
        golden["f/noise_target"],
        torch.tensor(facts["timesteps"]),
    )
    assert_close(f"loss, {case}", loss[None], golden[f"f/{case}/loss"], 1e-6)
    loss.backward()

    assert all(p.grad is not None for part in parts.values() for p in part.parameters())
    groups = {
        "condition_input_layer": list(networks.pose_guider.parameters()),
        "appearance_encoder": list(networks.reference_net.parameters()),
        "motion_modules": [p for n, p in networks.denoiser.named_parameters() if ".motion." in n],
        "unet_spatial": [p for n, p in networks.denoiser.named_parameters() if ".motion." not in n],
    }
    for group, official in facts["grad_norm_groups"].items():
        ours = norm(groups[group])
        print(f"gradient norm of {group}, {case}: relative error {abs(ours / official - 1):.2e}")
        assert ours == pytest.approx(official, rel=1e-4)


def test_gradient_of_every_parameter(golden: Golden, batch: TrainingBatch) -> None:
    official = golden.facts["f_random_t_grad_norm_per_parameter"]
    networks = Networks.from_weights(golden.weights())
    diffusion_loss(
        networks.denoiser,
        networks.reference_net,
        networks.pose_guider,
        official_training_schedule(),
        batch,
        golden["f/noise_target"],
        golden["f/timesteps"],
    ).backward()
    # The converter only renames, so it can rename the norms too.
    renamed = convert_official({f"module.{name}": torch.tensor([value]) for name, value in official.items()})
    worst = 0.0
    for module, norms in (
        (networks.denoiser, renamed.denoising_unet),
        (networks.pose_guider, renamed.pose_guider),
        (networks.reference_net, renamed.reference_net),
    ):
        own = dict(module.named_parameters())
        assert own.keys() == norms.keys()
        for name, parameter in own.items():
            error = norm([parameter]) / norms[name].item() - 1
            worst = max(worst, abs(error))
    print(f"gradient norms of all parameters: worst relative error {worst:.2e}")
    assert worst <= 1e-4
