"""Makes the pictures of docs/how-it-works.md: python scripts/doc_pictures.py OUTPUT_FOLDER."""

import sys
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from megactor import MegActorPipeline
from megactor.animation import no_progress
from megactor.decoding import to_images
from megactor.driving_clip import DrivingClip
from megactor.encoding import to_tensor
from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.models.dense_motion import warp
from megactor.models.keypoints import to_gray
from megactor.options import AnimationOptions
from megactor.portrait import read_portrait

SIDE, GAP, TITLE = 160, 6, 18
SECONDS = (0.6, 1.5, 2.6)


@torch.no_grad()
def stages(pipe: MegActorPipeline, portrait_file: Path, driving_file: Path) -> dict[str, list[np.ndarray]]:
    """Column title -> one picture for each of SECONDS."""
    options = AnimationOptions()
    size, output = pipe.config.image_size, pipe.config.output_size
    portrait = read_portrait(load_image(portrait_file), pipe.analyzer, 0, size, output)
    reader = VideoReader(driving_file)
    clip = DrivingClip(reader, pipe.analyzer, portrait, options, size, output, no_progress)
    conditions = list(clip.frames())
    results = [frame for frame, _ in pipe.animate_crops(portrait, conditions, len(conditions), options)]
    device = torch.device("cpu")
    image = to_tensor(portrait.image, device, torch.float32)
    large = to_tensor(portrait.large, device, torch.float32)
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("portrait", "driving frame", "read by PoseGuider", "portrait moved", "visible", "result")
    }
    for second in SECONDS:
        index = round(second * float(reader.fps))
        condition, preview = conditions[index]
        driving = to_tensor(condition, device, torch.float32)
        motion = pipe.dense_motion(image, driving)
        pictures = (
            portrait.large,
            preview,
            to_images(to_gray(driving).expand(-1, 3, -1, -1))[0],
            to_images(warp(large, motion.flow))[0],
            to_images(motion.visibility.expand(-1, 3, -1, -1))[0],
            results[index],
        )
        for column, picture in zip(columns.values(), pictures, strict=True):
            column.append(picture)
    return columns


def sheet(columns: dict[str, list[np.ndarray]]) -> Image.Image:
    """Columns side by side under their titles."""
    rows = len(next(iter(columns.values())))
    page = Image.new("RGB", (len(columns) * (SIDE + GAP) - GAP, TITLE + rows * (SIDE + GAP) - GAP), "white")
    pen = ImageDraw.Draw(page)
    for x, (title, pictures) in enumerate(columns.items()):
        pen.text((x * (SIDE + GAP) + SIDE / 2, 3), title, fill="#444", anchor="ma")
        for y, picture in enumerate(pictures):
            small = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            page.paste(small, (x * (SIDE + GAP), TITLE + y * (SIDE + GAP)))
    return page


def main() -> None:
    """Writes how_it_works.jpg."""
    demo = resources.files("megactor") / "assets" / "demo"
    pipe = MegActorPipeline.from_pretrained("nano")
    with resources.as_file(demo / "oil.jpg") as portrait, resources.as_file(demo / "faces.mp4") as driving:
        sheet(stages(pipe, portrait, driving)).save(Path(sys.argv[1]) / "how_it_works.jpg", quality=88)


if __name__ == "__main__":
    main()
