"""From a config to the networks and to what learns of them."""

from pathlib import Path

from megactor.errors import InputError, ModelError
from megactor.models.denoising_unet import DenoisingUNet
from megactor.train.config import (
    BodyConfig,
    CloseUpConfig,
    DiffusionConfig,
    DistillationConfig,
    KeypointsConfig,
    MotionConfig,
    RefinerConfig,
    RetargeterConfig,
    StartConfig,
    TrainConfig,
)
from megactor.train.networks import Networks, load_networks, new_networks
from megactor.train.start import start_networks
from megactor.train.tasks.body import BodyTask
from megactor.train.tasks.close_up import CloseUpTask
from megactor.train.tasks.diffusion import DiffusionTask
from megactor.train.tasks.distillation import DistillationTask
from megactor.train.tasks.keypoints import KeypointsTask
from megactor.train.tasks.motion import MotionTask
from megactor.train.tasks.refiner import RefinerTask
from megactor.train.tasks.retargeter import RetargeterTask
from megactor.train.tasks.task import TrainingTask
from megactor.train.widening import fill_wider
from megactor.weights.stable_diffusion import is_unet


def build_networks(config: TrainConfig) -> Networks:
    """Random weights of a preset, those of a model, or of several.

    Raises:
        ModelError: `init` is no model, or a part does not fit.
        InputError: its pictures have another size than the config's.
    """
    if config.preset:
        networks = new_networks(config.preset, config.seed)
    elif isinstance(config.init, StartConfig):
        networks = start_networks(config.init, config.seed)
    else:
        networks = _load(str(config.init))
    for name, model in config.parts.items():
        _take(networks, name, model)
    size = _picture_size(config, networks)
    if size != config.data.size:
        raise InputError(f"data.size is {config.data.size}, but the model's pictures have {size} pixels")
    return networks


def _load(model: str) -> Networks:
    try:
        return load_networks(model)
    except ModelError:
        if is_unet(Path(model)):
            raise ModelError(
                f"{model} holds Stable Diffusion, of which training takes the UNet: give init: "
                f"{{unet: {model}, background_encoder: CLIP_FOLDER}}, see docs/training.md"
            ) from None
        raise


def _picture_size(config: TrainConfig, networks: Networks) -> int:
    dense_motion = networks.components["dense_motion"]
    if dense_motion is not None:
        closely = isinstance(config.task, RefinerConfig | CloseUpConfig)
        if closely or (isinstance(config.task, KeypointsConfig) and dense_motion.config.looks_twice):
            return int(dense_motion.config.detail_size)
    return int(networks.settings.get("image_size", 512))


def _take(networks: Networks, name: str, model: str) -> None:
    """Replaces the weights of one part, such as "dense_motion.unet", by another model's."""
    network, _, inner = name.partition(".")
    found = []
    for parts in (networks.components, load_networks(model).components):
        try:
            found.append(parts[network].get_submodule(inner))
        except (KeyError, AttributeError) as error:
            raise ModelError(f"parts: there is no {name} in {model} or in what it is to go into") from error
    into, source = found
    try:
        if isinstance(into, DenoisingUNet) and isinstance(source, DenoisingUNet):
            fill_wider(into, source)
        else:
            into.load_state_dict(source.state_dict())
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"parts: {name} of {model} has another shape") from error


def build_task(config: TrainConfig, networks: Networks) -> TrainingTask:
    """Chooses what learns.

    Raises:
        InputError: the model has no such part.
    """
    task, seed = config.task, config.seed
    if isinstance(task, DiffusionConfig):
        return DiffusionTask(networks, task, seed)
    if isinstance(task, DistillationConfig):
        return DistillationTask(networks, task, seed)
    dense_motion = networks.components["dense_motion"]
    if dense_motion is None:
        raise InputError(f"the task {task.kind} is for models with dense motion, which this one does not have")
    match task:
        case KeypointsConfig():
            return KeypointsTask(dense_motion, seed)
        case RefinerConfig():
            return RefinerTask(dense_motion, seed)
        case RetargeterConfig():
            return RetargeterTask(dense_motion, seed)
        case BodyConfig():
            if dense_motion.body is None:
                raise InputError("the task body is for models with body motion, which this one does not have")
            return BodyTask(dense_motion, seed)
        case CloseUpConfig():
            return CloseUpTask(dense_motion, task, seed)
        case MotionConfig():
            return MotionTask(dense_motion, seed)
