"""Training runs through the command line, and what they leave."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from command_line import Outcome, megactor
from safetensors.torch import load_file

from megactor.train.checkpoint import checkpoints

FORKED = Path(__file__).parent / "forked_processes.py"


def run(recipe: Path, folder: Path, *options: object) -> Outcome:
    outcome = megactor("train", recipe, "-o", folder, "--cpu", *options)
    assert outcome.code == 0, outcome
    return outcome


def losses(folder: Path) -> dict[int, float]:
    """Step -> loss; of steps that were done twice, the last."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for file in sorted((folder / "events").iterdir(), key=lambda path: path.stat().st_mtime_ns):
        events = EventAccumulator(str(file))
        events.Reload()
        if "train/loss" in events.Tags()["scalars"]:
            found |= {event.step: event.value for event in events.Scalars("train/loss")}
    return found


def weights(folder: Path) -> dict[str, torch.Tensor]:
    newest = checkpoints(folder / "checkpoints")[-1]
    average = load_file(newest / "average.safetensors")
    return load_file(newest / "weights.safetensors") | {f"average.{name}": t for name, t in average.items()}


def start(recipe: Path, folder: Path, *options: str) -> subprocess.Popen:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "megactor", "train", str(recipe), "-o", str(folder), "--cpu", *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
