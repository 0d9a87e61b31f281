"""The official pipeline's video against ours, from the official folder on disk to the frames, with the same seed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from golden import Golden
from safetensors.torch import load_file
from torch import Tensor

import megactor.animate.clip
from megactor.animate.encoding import DrivingEncoder
from megactor.drive.portrait import Portrait
from megactor.models import pose_guider
from megactor.options import AnimationOptions
from megactor.pipeline import MegActorPipeline

SEED = 42  # of the recorded run


@pytest.fixture(scope="module")
def release(golden: Golden, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny official model as its authors would lay it out."""
    folder, tiny = tmp_path_factory.mktemp("release"), golden.folder / "tiny"
    encoder, vae = folder / "StableDiffusion" / "image_encoder", folder / "sd-vae-ft-mse"
    for place in (encoder, vae, folder / "StableDiffusion" / "unet"):
        place.mkdir(parents=True)
    weights = {"epoch": 0, "global_step": 9000, "state_dict": load_file(tiny / "checkpoint.safetensors")}
    torch.save(weights, folder / "checkpoint-steps9000.ckpt")
    unet = json.loads((tiny / "config.json").read_text())["unet"]
    (folder / "StableDiffusion" / "unet" / "config.json").write_text(json.dumps(unet))
    shutil.copy(tiny / "vae_config.json", vae / "config.json")
    shutil.copy(tiny / "vae.safetensors", vae / "diffusion_pytorch_model.safetensors")
    clip = json.loads((tiny / "clip_config.json").read_text())
    (encoder / "config.json").write_text(json.dumps(clip | {"model_type": "clip_vision_model"}))
    shutil.copy(tiny / "clip_vision.safetensors", encoder / "model.safetensors")
    return folder


def image(tensor: Tensor) -> np.ndarray:
    """(3, H, W) or (1, H, W) uint8 -> (H, W, 3)."""
    return np.ascontiguousarray(tensor.expand(3, -1, -1).permute(1, 2, 0).numpy())


def test_same_seed_same_video(golden: Golden, release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class RecordedEncoder(DrivingEncoder):
        """Handed another picture of 512x512 than the portrait, as in the recorded run."""

        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            self._modulation = self.pose_guider.read_portrait(golden.unit("shared/ref512_u8")[:1])

    monkeypatch.setattr(megactor.animate.clip, "DrivingEncoder", RecordedEncoder)
    monkeypatch.setattr(pose_guider, "GRAY_WEIGHTS", (1.0, 0.0, 0.0))  # the recorded frames were gray already
    pipe = MegActorPipeline.from_pretrained(release)
    assert pipe.config.image_size == 128
    picture = image(golden["e/source_u8"][0])
    portrait = Portrait(
        picture=picture,
        crop=None,
        image=picture,
        large=picture,
        foreground=1 - golden["e/background_mask"][0, 0].float().numpy(),
        background=image(golden["e/clip_image_u8"][0]),
        face=None,
    )
    driving = [image(frame) for frame in golden["e/driving_u8"]]

    asked = AnimationOptions(steps=4, guidance=4.5, seed=SEED)
    frames = np.stack(list(pipe.animate_crops(portrait, driving, len(driving), asked)))

    official = golden["e/4/video_frames_0_9_19"][0].permute(1, 2, 3, 0).numpy()
    error = np.abs(frames[[0, 9, 19]] - 255 * official).max()
    print(f"video: at most {error:.4f} gray levels from the official one, of which rounding is 0.5")
    assert error <= 0.5 + 255 * 2e-5
