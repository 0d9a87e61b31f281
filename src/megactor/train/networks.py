"""The networks of a run: all components of a pipeline, so that every run starts from a model and ends with one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler
from torch import nn

from megactor.models.noise_schedules import training_schedule
from megactor.models.pixel_codec import PixelCodec
from megactor.models.presets import nano_config, sd15_config
from megactor.pipeline import MegActorPipeline
from megactor.weights import load_components, model_folder

NETWORKS = ("vae", "image_encoder", "reference_net", "pose_guider", "unet", "dense_motion")


@dataclass(frozen=True)
class Origin:
    """Where the weights of a part come from.

    part: for people.
    source: file or folder; None for new weights.
    tensors, numbers: how many there are.
    remarks: what else there is to say.
    """

    part: str
    source: Path | str | None
    tensors: int
    numbers: int
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line."""
        origin = "new" if self.source is None else f"from {self.source}"
        counted = f"{self.part}: {self.tensors} tensors, {self.numbers / 1e6:.2f} M numbers, {origin}"
        return "; ".join((counted, *self.remarks))


@dataclass
class Networks:
    """Components and settings of a `MegActorPipeline`, in float32.

    components: by the pipeline's names; `dense_motion` may be None.
    settings: numbers of the pipeline, such as `image_size`.
    origins: where the weights come from, for networks that are put together of several models; else empty.
    """

    components: dict[str, Any]
    settings: dict[str, Any]
    origins: tuple[Origin, ...] = ()

    @property
    def noise(self) -> DDIMScheduler:
        """Schedule that training noise follows; its prediction type is the denoiser's."""
        return training_schedule(self.settings.get("training_schedule", "official"), self.components["scheduler"])

    def save(self, folder: Path, dtype: torch.dtype = torch.float16) -> None:
        """Writes a model folder that `MegActorPipeline.from_pretrained` reads; the networks stay as they are."""
        copies = {}
        for name, part in self.components.items():
            if isinstance(part, nn.Module) and not isinstance(part, PixelCodec):
                copy = _blank(part)
                copy.load_state_dict({key: tensor.detach().cpu() for key, tensor in part.state_dict().items()})
                for tensor in copy.parameters():
                    tensor.data = tensor.data.to(dtype)
                part = copy
            copies[name] = part
        MegActorPipeline(**copies, **self.settings).save_pretrained(folder)


def _blank(part: Any) -> Any:
    """A network of the same shape: `deepcopy` would copy gradients and hooks too."""
    # where the weights were loaded from is a path of this machine, and none of the next one's business
    return type(part).from_config({name: value for name, value in part.config.items() if name != "_name_or_path"})


def new_networks(preset: str, seed: int) -> Networks:
    """Random weights.

    Args:
        preset: "nano" or "sd15".
        seed: of the weights.
    """
    torch.manual_seed(seed)
    config = nano_config() if preset == "nano" else sd15_config()
    return Networks(config.components(), {"image_size": config.image_size, **config.settings})


def load_networks(model: str) -> Networks:
    """Weights of "nano" or of a model folder.

    Raises:
        ModelError: as `load_components`.
    """
    loaded = load_components(model_folder(model))
    components = {name: loaded.pop(name, None) for name in (*NETWORKS, "scheduler")}
    return Networks(components, loaded)
