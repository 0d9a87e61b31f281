"""Models that lack a part of nano, to measure what it does: python scripts/nano_without.py MODEL OUTPUT_FOLDER.

Writes OUTPUT_FOLDER/generative (the portrait is moved, nothing is generated), OUTPUT_FOLDER/pose-guider (the denoiser
sees nothing of the driver) and OUTPUT_FOLDER/motion-modules (frames know nothing of each other). For `megactor eval`:

    megactor eval --suite synthbench --model nano=MODEL --model still-generated=OUTPUT_FOLDER/generative
"""

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from megactor.pipeline import MegActorPipeline


def without_generative(pipe: MegActorPipeline) -> list[nn.Parameter]:
    """The denoiser's correction of the moved portrait and of its outline."""
    return list(pipe.unet.conv_out.pixels.parameters())


def without_pose_guider(pipe: MegActorPipeline) -> list[nn.Parameter]:
    """All that the PoseGuider says."""
    return list(pipe.pose_guider.conv_out.parameters())


def without_motion_modules(pipe: MegActorPipeline) -> list[nn.Parameter]:
    """What motion modules add to features."""
    parts = [part.proj_out for name, part in pipe.unet.named_modules() if name.endswith(".motion")]
    return [parameter for part in parts for parameter in part.parameters()]


PARTS: dict[str, Callable[[MegActorPipeline], list[nn.Parameter]]] = {
    "generative": without_generative,
    "pose-guider": without_pose_guider,
    "motion-modules": without_motion_modules,
}


@torch.no_grad()
def main(model: str, folder: Path) -> None:
    """Writes all three."""
    for name, weights_of in PARTS.items():
        pipe = MegActorPipeline.from_pretrained(model)
        weights = weights_of(pipe)
        if not weights:
            raise SystemExit(f"{model} has no {name}")
        for weight in weights:
            weight.zero_()
        pipe.save_pretrained(folder / name)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
