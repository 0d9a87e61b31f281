"""Model cards: a block of metadata that the hub reads, and what a person should know of a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers

from megactor import __version__
from megactor.weights.hub import CARD

LIBRARY, TASK = "megactor", "image-to-video"
TAGS = ("megactor", "diffusers", "portrait-animation", "face-reenactment", "talking-head")

CARDS = (CARD, "MODEL_CARD.md")
"""Names of a card in a folder, the first that is there."""


def read_card(folder: Path) -> str | None:
    """The card of a model's folder, or None."""
    for name in CARDS:
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    return None


def with_metadata(card: str, license: str | None = None) -> str:
    """A card whose metadata block says license, library, task and tags; what its writer said stays.

    Args:
        card: Markdown, with such a block or without.
        license: identifier of the hub's list, which goes before the card's own.
    """
    from huggingface_hub import ModelCard, ModelCardData

    if not card.lstrip().startswith("---"):
        card = f"---\n{{}}\n---\n\n{card}"
    complete = ModelCard(card, ignore_metadata_errors=True)
    data = ModelCardData(**complete.data.to_dict(), ignore_metadata_errors=True)
    complete.data = data
    data.license = license or data.license or "unknown"
    data.library_name = data.library_name or LIBRARY
    data.pipeline_tag = data.pipeline_tag or TASK
    data.tags = list(dict.fromkeys([*(data.tags or ()), *TAGS]))
    return str(complete)


def written_card(name: str, config: Mapping[str, Any], components: Mapping[str, Any]) -> str:
    """The card of a model of which only its settings are known.

    Args:
        name: title, and where the example loads it from.
        config: the pipeline's settings.
        components: its networks and its scheduler.
    """
    networks = {key: part for key, part in components.items() if hasattr(part, "parameters")}
    sizes = {key: sum(value.numel() for value in part.parameters()) / 1e6 for key, part in networks.items()}
    parts = ", ".join(f"{key} {size:.2f} M" for key, size in sizes.items() if size)
    scheduler = components["scheduler"]
    return with_metadata(f"""# {name}

A MegActor model ([arXiv 2405.20851](https://arxiv.org/abs/2405.20851)): one portrait and one driving video in, a
video of the portrait performing the drive out.

| | |
|---|---|
| parameters | {sum(sizes.values()):.2f} M: {parts} |
| pictures | {config["image_size"]}x{config["image_size"]} inside, {config["output_size"]}x{config["output_size"]} out |
| denoising | {config["default_steps"]} steps of {type(scheduler).__name__}, guidance {config["default_guidance"]:g} |
| windows | {config["window"]} frames, {config["overlap"]} of them shared{", cyclic" if config["cyclic"] else ""} |
| written by | megactor {__version__}, diffusers {diffusers.__version__} |

```python
from megactor import MegActorPipeline

pipe = MegActorPipeline.from_pretrained("{name}")
pipe("portrait.png", "driving.mp4").save("out.mp4")
```

This card was written from the model's settings. What it was trained on, how good it is and where it fails is not
said here.

## Responsible use

Animate people who agreed, or faces that belong to nobody, and say that the result was generated; the metadata of every
file that MegActor writes does.
""")
