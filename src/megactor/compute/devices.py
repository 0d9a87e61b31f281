"""Where and in which number format to compute."""

import torch

from megactor.errors import ModelError


def choose_device(device: str) -> torch.device:
    """The device of a name: "auto" is CUDA, else MPS, else the CPU.

    Raises:
        ModelError: it is not there.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"device {device!r} cannot be used here ({reason}): try --device cpu") from error
    return chosen


def choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The type of a name: "auto" is float16 on a GPU, float32 on the CPU.

    Raises:
        ModelError: unknown name.
    """
    choices = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    if dtype not in choices:
        raise ModelError(f"unknown dtype {dtype!r}: choose one of auto, {', '.join(choices)}")
    return choices[dtype]
