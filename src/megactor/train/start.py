"""Networks that start from public models, as the paper's: Stable Diffusion 1.5, AnimateDiff, CLIP. The rest is new."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from megactor.errors import ModelError
from megactor.models.denoising_unet import DenoisingUNet
from megactor.models.noise_schedules import official_ddim
from megactor.models.presets import NetworkConfig, arguments_of
from megactor.models.reference_net import ReferenceNet
from megactor.train.config import StartConfig
from megactor.train.networks import Networks, Origin, load_networks
from megactor.weights.animatediff import PublicMotionModules, read_motion_modules
from megactor.weights.official_folder import read_image_encoder, read_vae
from megactor.weights.stable_diffusion import PublicUNet, read_unet

_CONV_IN = "conv_in.weight"


def start_networks(start: StartConfig, seed: int) -> Networks:
    """Puts networks together and tells where each of their weights comes from.

    Args:
        start: which models.
        seed: of new weights.

    Raises:
        ModelError: a model is missing or damaged, or does not fit to the others.
    """
    torch.manual_seed(seed)
    motion = None if start.motion is None else read_motion_modules(Path(start.motion))
    if start.model is not None:
        networks = load_networks(start.model)
        told = [whole(name, part, start.model) for name, part in networks.components.items()]
    else:
        networks, told = _from_stable_diffusion(start, motion)
    parts, origins = networks.components, {origin.part: origin for origin in told}
    if start.reference not in (None, start.unet):
        origins["reference_net"] = fill_reference_net(parts["reference_net"], read_unet(Path(str(start.reference))))
    if motion is not None:
        origins["motion_modules"] = fill_motion_modules(parts["unet"], motion)
    if start.background_encoder is not None:
        part = read_image_encoder(Path(start.background_encoder))
        encoder: Any = part.filled(torch.float32)
        parts["image_encoder"] = encoder
        width, wanted = encoder.config.projection_dim, parts["unet"].config.cross_attention_dim
        if width != wanted:
            raise ModelError(f"{part.source} makes tokens of {width} numbers; the UNet attends to tokens of {wanted}")
        origins["image_encoder"] = whole("image_encoder", encoder, part.source)
    return replace(networks, origins=tuple(origin for origin in origins.values() if origin.tensors))


def _from_stable_diffusion(start: StartConfig, motion: PublicMotionModules | None) -> tuple[Networks, list[Origin]]:
    public = read_unet(Path(str(start.unet)))
    vae, factor = read_vae(_vae_folder(start))
    windows = {} if motion is None else {"motion_max_frames": motion.max_frames}
    size = factor * public.sample_size
    config = NetworkConfig(size, arguments_of(DenoisingUNet, **public.arguments, **windows))
    if factor != config.latent_factor:
        raise ModelError(
            f"{vae.source} shrinks pictures {factor} times; the PoseGuider is made for {config.latent_factor}"
        )
    unet, reference_net, pose_guider = config.denoising_unet(), config.reference_net(), config.driving_encoder()
    codec = vae.filled(torch.float32)
    origins = [
        fill_denoiser(unet, public),
        Origin("motion_modules", None, *_count(unet, _is_motion), ("identities until they learn",)),
        whole("pose_guider", pose_guider, None, "the portrait changes nothing until it learns"),
        whole("vae", codec, vae.source),
    ]
    if start.reference in (None, start.unet):
        origins.append(fill_reference_net(reference_net, public))
    components = {
        "vae": codec,
        "image_encoder": None,
        "reference_net": reference_net,
        "pose_guider": pose_guider,
        "unet": unet,
        "dense_motion": None,
        "scheduler": official_ddim(),
    }
    return Networks(components, {"image_size": size, "output_size": size, "training_schedule": "official"}), origins


def _vae_folder(start: StartConfig) -> Path:
    if start.vae is not None:
        return Path(start.vae)
    folder = Path(str(start.unet)) / "vae"
    if not folder.is_dir():
        raise ModelError(f"{start.unet} has no folder vae: name an image codec with init.vae, such as sd-vae-ft-mse")
    return folder


def fill_denoiser(unet: DenoisingUNet, public: PublicUNet) -> Origin:
    """Fills everything but the motion modules; what `conv_in` reads beside the noisy latents starts at zero."""
    tensors = public.denoiser()
    narrow = tensors[_CONV_IN]
    wide = torch.zeros_like(unet.conv_in.weight, dtype=narrow.dtype)
    channels = narrow.shape[1]
    wide[:, :channels] = narrow
    added = f"conv_in: {wide.shape[1] - channels} of its {wide.shape[1]} input channels are new and zero"
    return _fill("unet", unet, tensors | {_CONV_IN: wide}, public.source, lambda name: not _is_motion(name), added)


def fill_motion_modules(unet: DenoisingUNet, public: PublicMotionModules) -> Origin:
    """Fills the motion modules."""
    return _fill("motion_modules", unet, public.tensors, public.source, _is_motion)


def fill_reference_net(network: ReferenceNet, public: PublicUNet) -> Origin:
    """Fills all of ReferenceNet; what a UNet has behind the last feature is left out."""
    return _fill("reference_net", network, public.reference_net(), public.source, lambda _: True)


def _fill(
    part: str,
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    source: Path,
    is_wanted: Callable[[str], bool],
    *remarks: str,
) -> Origin:
    own = {name: value for name, value in network.state_dict().items() if is_wanted(name)}
    missing = sorted(own.keys() - tensors.keys())
    if missing:
        raise ModelError(f"{source} does not fit: the {part} needs {len(missing)} more tensors, such as {missing[0]}")
    for name, value in own.items():
        found, wanted = tuple(tensors[name].shape), tuple(value.shape)
        if found != wanted:
            raise ModelError(f"{source} does not fit: {name} of the {part} has the shape {found}, not {wanted}")
        if not tensors[name].is_meta and not torch.isfinite(tensors[name]).all():
            raise ModelError(f"{source} is damaged: {name} holds values that are not finite; get the weights again")
    network.load_state_dict({name: tensors[name] for name in own}, strict=False)
    left = sorted(tensors.keys() - own.keys())
    unused = (f"{len(left)} more tensors have no place here, such as {left[0]}",) if left else ()
    return Origin(part, source, *_count(network, is_wanted), (*remarks, *unused))


def _is_motion(name: str) -> bool:
    return ".motion." in name


def _count(network: nn.Module, is_wanted: Callable[[str], bool]) -> tuple[int, int]:
    sizes = [value.numel() for name, value in network.state_dict().items() if is_wanted(name)]
    return len(sizes), sum(sizes)


def whole(part: str, network: object, source: Path | str | None, *remarks: str) -> Origin:
    """The origin of all weights of a network; of anything else, of none."""
    counted = _count(network, lambda _: True) if isinstance(network, nn.Module) else (0, 0)
    return Origin(part, source, *counted, remarks)
