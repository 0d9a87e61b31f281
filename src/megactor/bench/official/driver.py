"""The official side, run by the Python of the official code: `python driver.py WORKLOAD FOLDER CHECKOUT`.

Everything that computes is imported from the checkout: both UNets, the reference attention and the pipeline with its
denoising loop. Done here in place of the constructor of its `MagicAnimate`, which wants downloaded weights:

- the networks are built from the numbers of the workload by the same calls, and `conv_in` is replaced as it does;
- weights are random (`workload.fill`);
- background tokens and all noise are given: faces, segmentation and CLIP run once a clip on both sides and are no part
  of the comparison.

Windows, guidance, steps and noise schedule come from `configs/inference` of the checkout. Changed for the comparison:

- reference features are cast to the type of the weights; the code says float16, which bfloat16 weights refuse;
- xformers is used on a GPU where it is installed, as officially; elsewhere PyTorch's fused attention.

The code imports, on its way to the pipeline, what only saves, warps or converts: `STUBS` are replaced by empty modules
where they are not installed.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from live_tensors import LiveTensors  # type: ignore[import-not-found]
from workload import (  # type: ignore[import-not-found]  # the file beside this one
    LATENT_FACTOR,
    PORTRAIT_SIZE,
    Inputs,
    OfficialSettings,
    Workload,
    fill,
    measure,
    write_result,
)

CODE = "animate.unet_magic_noiseAttenST_Ada"
CONFIG = "configs/inference/inference.yaml"

STUBS = (
    "cv2",  # cropping and warping of driving frames
    "imageio",  # saving videos
    "requests",  # downloading configs while converting checkpoints
    "torchvision",  # picture grids, augmentation
    "torchvision.transforms",
    "torchvision.transforms.functional",
)

GRAY = (0.2989, 0.5870, 0.1140)


def main(workload_file: str, folder: str, checkout: str) -> None:
    """Measures and writes the result."""
    workload = Workload.read(workload_file)
    code, stubbed = import_code(checkout)
    settings, networks, pipe, attention = build(workload, code, Path(checkout))
    trained = {name: network for name, network in networks.items() if name != "vae"}
    with torch.inference_mode():
        measured = measure(
            workload, settings, networks["vae"], lambda *asked: animate(pipe, trained, *asked), LiveTensors()
        )
    names = [name for name, _ in official_parameters(trained)]
    facts: dict[str, Any] = {
        "parameters": {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()},
        "names": names,
        "attention": attention,
        "stubbed": stubbed,
    }
    write_result(Path(folder), workload, settings, measured, **facts)


def import_code(checkout: str) -> tuple[dict[str, Any], list[str]]:
    """The official modules by their last name, and what was stubbed for them."""
    import diffusers  # noqa: F401  # these two ask what is installed, and must not see a stub
    import transformers  # noqa: F401

    stubbed = [name for name in STUBS if name.split(".")[0] not in sys.modules and not _installed(name)]
    for name in stubbed:
        stub = types.ModuleType(name)
        stub.__spec__ = importlib.machinery.ModuleSpec(name, None)
        stub.__path__ = []  # makes it a package
        sys.modules[name] = stub
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, stub)
    sys.path[0] = checkout  # in place of this folder
    names = ("pipeline", "unet_controlnet", "appearance_encoder", "resnet", "mutual_self_attention")
    return {name: importlib.import_module(f"{CODE}.{name}") for name in names}, stubbed


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name.split(".")[0]) is not None


def build(
    workload: Workload, code: dict[str, Any], checkout: Path
) -> tuple[OfficialSettings, dict[str, Any], Any, str]:
    """Settings, networks, pipeline, and which attention is used."""
    import yaml
    from diffusers import AutoencoderKL, DDIMScheduler

    config = yaml.safe_load((checkout / CONFIG).read_text(encoding="utf-8"))
    schedule = yaml.safe_load((checkout / config["inference_config"]).read_text(encoding="utf-8"))
    context, numbers = config["context"], workload.numbers
    settings = OfficialSettings(
        steps=config["steps"] if workload.steps is None else workload.steps,
        guidance=float(config["guidance_scale"]),
        window=context["context_frames"],
        overlap=context["context_overlap"],
    )
    shared = {
        "sample_size": 64,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": list(numbers.channels),
        "layers_per_block": 2,
        "cross_attention_dim": numbers.tokens,
        "attention_head_dim": numbers.heads,  # the number of heads, in these old configs
        "norm_num_groups": numbers.groups,
    }
    unet = code["unet_controlnet"].UNet3DConditionModel.from_config(
        {**shared, **_blocks("3D")}, **config["unet_additional_kwargs"]
    )
    # noise, portrait, background mask, PoseGuider; its new columns start at zero there, and are filled here
    unet.conv_in = code["resnet"].InflatedConv3d(4 + 4 + 1 + 4, numbers.channels[0], kernel_size=3, padding=(1, 1))
    networks = {"unet": _placed(unet, workload)}
    encoder = code["appearance_encoder"].AppearanceEncoderModel.from_config({**shared, **_blocks("2D")})
    networks["appearance_encoder"] = _placed(encoder, workload)
    fill(official_parameters(networks), workload.seed)
    vae = AutoencoderKL(
        block_out_channels=numbers.vae,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=numbers.vae_layers,
        latent_channels=4,
        norm_num_groups=numbers.vae_groups,
        sample_size=PORTRAIT_SIZE,
    )
    networks["vae"] = _placed(vae, workload)
    fill(vae.named_parameters(), workload.seed)
    attention = "torch"
    if workload.device == "cuda" and _installed("xformers"):
        for network in (unet, encoder):
            network.enable_xformers_memory_efficient_attention()
        attention = "xformers"
    update = code["mutual_self_attention"].ReferenceAttentionControl.update
    update.__defaults__ = (next(unet.parameters()).dtype,)
    pipe = code["pipeline"].AnimationPipeline(
        vae=vae,
        text_encoder=None,
        tokenizer=None,
        unet=unet,
        controlnet=None,
        scheduler=DDIMScheduler(**schedule["noise_scheduler_kwargs"]),
    )
    return settings, networks, pipe, attention


def _blocks(kind: str) -> dict[str, list[str]]:
    crossed = [f"CrossAttnDownBlock{kind}"] * 3 + [f"DownBlock{kind}"]
    return {
        "down_block_types": crossed,
        "up_block_types": [name.replace("Down", "Up") for name in reversed(crossed)],
    }


def _placed(network: Any, workload: Workload) -> Any:
    return workload.to(network).eval()


def official_parameters(networks: dict[str, Any]) -> list[tuple[str, torch.Tensor]]:
    """Parameters under their names in the released checkpoint."""
    return [
        (f"module.{part}.{name}", parameter)
        for part, network in networks.items()
        for name, parameter in network.named_parameters()
    ]


def animate(
    pipe: Any, networks: dict[str, Any], workload: Workload, settings: OfficialSettings, inputs: Inputs
) -> None:
    """Calls the official pipeline with what its `preprocess_eval` and `infer` would hand it."""
    portrait = torch.from_numpy(inputs.portrait).permute(2, 0, 1)[None] / 255.0
    gray = (torch.from_numpy(inputs.driving) * torch.tensor(GRAY)).sum(-1, keepdim=True) / 255.0
    side = workload.size // LATENT_FACTOR
    mask = F.interpolate(torch.from_numpy(inputs.background)[None, None], size=(side, side), mode="nearest")
    source = workload.to((portrait - 0.5) * 2)
    posterior = pipe.vae.encode(source).latent_dist
    latents = (posterior.mean + posterior.std * workload.to(inputs.sampling)) * 0.18215
    constant = torch.cat([latents, workload.to(mask)], dim=1)[:, :, None].repeat(2, 1, workload.frames, 1, 1)
    large = F.interpolate(portrait, size=PORTRAIT_SIZE, mode="bilinear", align_corners=False)
    pipe(
        "",
        prompt_embeddings=workload.to(inputs.tokens).repeat(2, 1, 1),
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance,
        width=workload.size,
        height=workload.size,
        video_length=workload.frames,
        controlnet_condition=workload.to(gray.repeat(1, 1, 1, 3))[None],
        latents=workload.to(inputs.noise),
        appearance_encoder=networks["appearance_encoder"],
        source_image=source.permute(0, 2, 3, 1),
        context_frames=settings.window,
        context_stride=1,
        context_overlap=settings.overlap,
        ref_concat_image_noises_latents=constant,
        ref_img_condition=workload.to(large),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
