"""Named tensors out of a file, be it a pickle, a zip or safetensors; nothing in it is executed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from megactor.errors import ModelError

_LFS_POINTER = b"version https://git-lfs"


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The named tensors of a torch or `.safetensors` file, mapped into memory where the format allows it.

    Code in a pickle is never executed. A checkpoint's `state_dict` entry is taken where there is one.

    Raises:
        ModelError: The file is missing, damaged, or holds more than tensors.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file; give the path of a checkpoint")
    with path.open("rb") as file:
        start = file.read(len(_LFS_POINTER))
    if start == _LFS_POINTER:
        raise ModelError(f"{path}: only git's placeholder of the file; run `git lfs pull` in its repository")
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # on bytes that are no checkpoint, torch's unpickler raises just anything
        raise ModelError(
            f"{path}: not a readable checkpoint, or one with more than tensors in it, of which nothing was run; "
            "download it again"
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if isinstance(state, dict):
        state.pop("animatediff_config", None)  # numbers that AnimateDiff's files may carry among the tensors
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{path}: holds no state dict; give a checkpoint")
    return state
