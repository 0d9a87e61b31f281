"""Every tensor of a model accounted for, in a folder of ours or in the official layout; nothing is run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from megactor.errors import ModelError
from megactor.models.pixel_codec import PixelCodec
from megactor.weights.hub import INDEX
from megactor.weights.load import is_of_transformers, model_folder, network_classes, read_index
from megactor.weights.official_folder import OfficialFolder, read_image_encoder
from megactor.weights.stored_network import StoredNetwork, TensorReport, without_memory


def verify(name: str | os.PathLike[str]) -> list[TensorReport]:
    """Compares each network with the tensors stored for it, and reads every value.

    Args:
        name: Preset, folder, or official checkpoint; see `model_folder`.

    Raises:
        ModelError: Files are missing or unreadable, so that there is nothing to compare.
    """
    folder = model_folder(name)
    if (folder / INDEX).is_file():
        parts = _own_parts(folder)
    else:
        parts = OfficialFolder.find(folder).read()[1]
    return [part.report() for part in parts]


def _own_parts(folder: Path) -> list[StoredNetwork]:
    classes = network_classes(read_index(folder))
    # the pixel codec has no weights
    return [_own_part(folder / key, key, kind) for key, kind in classes.items() if kind is not PixelCodec]


def _own_part(place: Path, name: str, kind: Any) -> StoredNetwork:
    if is_of_transformers(place, kind):
        return read_image_encoder(place)
    try:
        settings = kind.load_config(place, local_files_only=True)
        network = without_memory(lambda: kind.from_config(settings))
        tensors: dict[str, Tensor] = {}
        for path in sorted(place.glob("*.safetensors")):  # several where a large model was saved in shards
            tensors |= load_file(path)
    except Exception as error:  # configs and files of any kind may lie there
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"cannot read the weights in {place}: {reason}") from error
    return StoredNetwork(name, place, network, tensors)
