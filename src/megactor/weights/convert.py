"""The official release written as a folder of ours: safetensors, a config beside each network, nothing pickled."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import torch
from diffusers import DiffusionPipeline

from megactor.errors import OutputError
from megactor.media.atomic import check_folder_target
from megactor.weights.hub import INDEX
from megactor.weights.official_folder import OfficialFolder
from megactor.weights.write import weights_folder


def convert(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    pipeline_class: type[DiffusionPipeline],
    dtype: torch.dtype | None = None,
    force: bool = False,
) -> Path:
    """Writes a model in the official layout so that `from_pretrained` needs no conversion; complete or not at all.

    Args:
        source: Folder of the release or path of its checkpoint, see `OfficialFolder`.
        output: Folder to make. Its parent must be there.
        pipeline_class: What the folder will be loaded as; takes the release's components.
        dtype: Type of the stored weights; None keeps each as it is in the release, which loses nothing.
        force: Replace an earlier model at `output`; other folders and files are never replaced.

    Returns:
        The folder.

    Raises:
        ModelError: The release cannot be used.
        OutputError: The folder cannot be written, is not ours to replace, or the disk is full.
    """
    target = check_folder_target(output, INDEX, force)
    release = OfficialFolder.find(source)
    pipeline = pipeline_class(**release.components(dtype))
    size = sum(
        value.numel() * value.element_size()
        for part in pipeline.components.values()
        if isinstance(part, torch.nn.Module)
        for value in part.state_dict().values()
    )
    free = shutil.disk_usage(target.parent).free
    if free < size:
        raise OutputError(f"{target} needs {size / 1e9:.1f} GB, but its disk has {free / 1e9:.1f} GB left")
    with weights_folder(target) as unfinished:
        pipeline.save_pretrained(unfinished)
    return target
