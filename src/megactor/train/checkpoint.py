"""Checkpoints: complete or not there, and the last few only."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from megactor.errors import ModelError
from megactor.media.atomic import os_errors_as_output_errors
from megactor.weights.write import weights_folder

_NAME = re.compile(r"step-(\d{8})")


@dataclass(frozen=True)
class TrainingState:
    """All that a run needs to go on; random numbers are functions of the step and need no keeping.

    step: optimizer steps done.
    weights: those that learn, by name.
    average: their moving average, by name; empty without one.
    optimizer: state dict.
    scaler: state dict of the fp16 gradient scaler, or None.
    about: the config and whatever else is to be seen beside it.
    """

    step: int
    weights: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, Any]
    scaler: dict[str, Any] | None
    about: dict[str, Any]


def save_checkpoint(folder: Path, state: TrainingState, keep: int) -> Path:
    """Writes `folder`/step-00000123 under a temporary name, renames it, and removes all but the newest `keep`.

    Raises:
        OutputError: the disk is full, or the folder cannot be written.
    """
    target = folder / f"step-{state.step:08d}"
    with os_errors_as_output_errors(target):
        for leftover in folder.glob(".megactor-*"):
            shutil.rmtree(leftover, ignore_errors=True)
    with weights_folder(target) as unfinished:
        _save_tensors(state.weights, unfinished / "weights.safetensors")
        _save_tensors(state.average, unfinished / "average.safetensors")
        with (unfinished / "optimizer.pt").open("wb") as file:  # a file of Python's, so that its errors are told
            torch.save({"optimizer": state.optimizer, "scaler": state.scaler}, file)
        about = {"step": state.step} | state.about
        (unfinished / "state.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    with os_errors_as_output_errors(target):
        for old in checkpoints(folder)[:-keep]:
            shutil.rmtree(old)
    return target


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints in a folder, the oldest first."""
    return sorted(path for path in folder.glob("step-*") if _NAME.fullmatch(path.name))


def load_checkpoint(path: Path) -> TrainingState:
    """Reads what `save_checkpoint` wrote; nothing in it is executed.

    Raises:
        ModelError: damaged or foreign files.
    """
    try:
        about = json.loads((path / "state.json").read_text(encoding="utf-8"))
        rest = torch.load(path / "optimizer.pt", map_location="cpu", weights_only=True)
        return TrainingState(
            step=int(about.pop("step")),
            weights=load_file(path / "weights.safetensors"),
            average=load_file(path / "average.safetensors"),
            optimizer=rest["optimizer"],
            scaler=rest["scaler"],
            about=about,
        )
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"cannot read the checkpoint {path} ({reason}): remove it to go on from the one before"
        ) from error


def _save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)
