"""Finding and reading the weights of a preset, a folder or a model of the hub, which alone is downloaded."""

import inspect
import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import AutoencoderKL, SchedulerMixin
from diffusers.models.modeling_utils import ModelMixin

from megactor.errors import ModelError
from megactor.models.clip_vision import ClipVision
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.dense_motion import DenseMotionNet
from megactor.models.pixel_codec import PixelCodec
from megactor.models.pose_guider import PoseGuider
from megactor.models.reference_net import ReferenceNet
from megactor.weights.fetch import fetched_release
from megactor.weights.hub import INDEX, HubSource, hub_folder, is_hub_name
from megactor.weights.official_folder import OfficialFolder, is_official, read_image_encoder

NETWORKS: dict[str, type] = {
    "image_encoder": ClipVision,
    "reference_net": ReferenceNet,
    "pose_guider": PoseGuider,
    "unet": DenoisingUNet,
}
"""Components of every preset; `vae`, `scheduler` and `dense_motion` depend on the folder's index."""


OLDER_NAMES = {"image_encoder": "CLIPVisionModelWithProjection"}
"""What models that were saved before name their classes, with the same tensors: that of transformers."""


def is_of_transformers(place: Path, kind: Any) -> bool:
    """Whether a network's folder is as transformers writes it: CLIP's in models that were saved before."""
    return kind is ClipVision and not any(place.glob("diffusion_pytorch_model*"))


def model_folder(name: str | os.PathLike[str], source: HubSource | None = None) -> Path:
    """The folder behind a preset's name, a path or a model of the hub; the checkpoint's path where that was given.

    Args:
        name: "nano", "sd15", a path, or "owner/name" of the hub where no such path is.
        source: see `HubSource`; paths and presets need none.

    Raises:
        ModelError: neither a preset that is on this machine nor a folder with a model in it, nor a model of the hub.
    """
    if name == "nano":
        return Path(str(resources.files("megactor") / "assets" / "nano"))
    if name == "sd15":
        return fetched_release()
    folder = Path(name)
    if is_official(folder):
        return folder
    if is_hub_name(name):
        return hub_folder(str(name), source)
    if not folder.is_dir():
        raise ModelError(f"no model at {folder}: give 'nano', 'sd15', the folder of a model, or OWNER/NAME of the hub")
    if not (folder / INDEX).is_file():
        raise ModelError(f"{folder} holds no model: it has no {INDEX}, and none of the official release's parts")
    return folder


def load_components(folder: Path, dtype: torch.dtype | None = None, variant: str | None = None) -> dict[str, Any]:
    """Reads all components and settings of a model.

    Args:
        folder: see `model_folder`.
        dtype: type of the weights in memory, but for networks that stay in float32; None for float32.
        variant: of files that were saved with one, such as "fp16".

    Returns:
        Arguments for `MegActorPipeline`.

    Raises:
        ModelError: missing, damaged or foreign files, or weights that are not finite.
    """
    if not (folder / INDEX).is_file():
        return OfficialFolder.find(folder).components(dtype or torch.float32)
    index = read_index(folder)
    classes = network_classes(index)
    upcast: dict[str, bool] = {}
    if "training_schedule" not in index:  # saved when dense motion was what told the two kinds of models apart
        is_nano = "dense_motion" in classes
        index["training_schedule"] = "own" if is_nano else "official"
        upcast = {"reference_net": is_nano}
    components: dict[str, Any] = {}
    for key, kind in classes.items():
        settings: dict[str, Any] = {"force_upcast": upcast[key]} if key in upcast else {}
        if variant is not None:
            settings["variant"] = variant
        components[key] = _load(folder, key, kind, dtype, settings)
    components["scheduler"] = _load_scheduler(folder, index)
    plain = {key: value for key, value in index.items() if not key.startswith("_") and not isinstance(value, list)}
    return components | plain


def network_classes(index: dict[str, Any]) -> dict[str, Any]:
    """The class of every network that a folder's index names.

    Raises:
        ModelError: it names one that is not ours.
    """
    classes: dict[str, Any] = dict(NETWORKS)
    classes["vae"] = PixelCodec if index.get("vae", [None, None])[1] == "PixelCodec" else AutoencoderKL
    if index.get("dense_motion", [None, None])[1] is not None:
        classes["dense_motion"] = DenseMotionNet
    for key, kind in classes.items():
        named = index.get(key, [None, kind.__name__])[1]
        if named not in (kind.__name__, OLDER_NAMES.get(key)):
            raise ModelError(
                f"the model's {INDEX} names the class {named} for {key}: only {kind.__name__} is known there"
            )
    return classes


def read_index(folder: Path) -> dict[str, Any]:
    """The settings and component classes of a folder written by `save_pretrained`.

    Raises:
        ModelError: unreadable, or of another pipeline.
    """
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(folder / INDEX, error) from error
    if not isinstance(index, dict) or index.get("_class_name") != "MegActorPipeline":
        found = index.get("_class_name") if isinstance(index, dict) else type(index).__name__
        raise ModelError(f"{folder} holds a model of another architecture ({found}), not MegActorPipeline")
    return index


def _load(folder: Path, key: str, kind: Any, dtype: torch.dtype | None, settings: dict[str, Any]) -> ModelMixin:
    """A network; `settings` go before those of its config."""
    place = folder / key
    if not place.is_dir():
        raise ModelError(f"{folder} is incomplete: it has no {key} folder")
    if kind is PixelCodec:
        return PixelCodec.from_config(PixelCodec.load_config(place, local_files_only=True))
    if is_of_transformers(place, kind):
        return read_image_encoder(place).filled(dtype or torch.float32)
    try:
        # Missing or unexpected tensors would otherwise only be logged, and the network would run on random weights.
        network, report = kind.from_pretrained(
            place, torch_dtype=dtype or torch.float32, local_files_only=True, output_loading_info=True, **settings
        )
    except Exception as error:
        raise _unreadable(place, error) from error
    wrong = [*report["missing_keys"], *report["unexpected_keys"], *report["mismatched_keys"]]
    if wrong:
        raise ModelError(
            f"{place} belongs to another architecture: {len(wrong)} tensors do not fit, such as {wrong[0]}"
        )
    for name, tensor in network.named_parameters():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"{place} is damaged: {name} holds values that are not finite; get the weights again")
    return network.eval()


def _load_scheduler(folder: Path, index: dict[str, Any]) -> SchedulerMixin:
    """The scheduler, of the class that was saved."""
    name = (index.get("scheduler") or [None, None])[1]
    kind: Any = getattr(diffusers, str(name), None)
    known = inspect.isclass(kind) and issubclass(kind, SchedulerMixin)
    if not known:
        raise ModelError(f"{folder / INDEX} names the scheduler {name}, which diffusers {diffusers.__version__} lacks")
    try:
        return kind.from_pretrained(folder / "scheduler", local_files_only=True)
    except (OSError, ValueError) as error:
        raise _unreadable(folder / "scheduler", error) from error


def _unreadable(place: Path, error: Exception) -> ModelError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(f"cannot read the weights in {place}: {reason}")
