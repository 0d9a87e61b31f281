"""Makes the pictures of docs/how-it-works.md and the README's film: python scripts/doc_pictures.py OUTPUT_FOLDER."""

import sys
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from megactor import MegActorPipeline
from megactor.animate.decoding import to_images
from megactor.animate.encoding import to_tensor
from megactor.drive.recording import DrivingClip
from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.models.dense_motion.flow import warp
from megactor.models.dense_motion.keypoints import to_gray
from megactor.options import AnimationOptions
from megactor.result import no_progress

SIDE, GAP, TITLE = 160, 6, 18
SECONDS = (0.6, 1.5, 2.6)
FILM_SIDE, FILM_FPS, FILM_SECONDS = 132, 12.5, 3.5
FILM_COLORS, FILM_PALETTE_FRAMES = 128, 6
FILM_PORTRAITS = ("oil", "watercolor", "avatar", "pencil", "cartoon")


@torch.no_grad()
def stages(pipe: MegActorPipeline, portrait_file: Path, driving_file: Path) -> dict[str, list[np.ndarray]]:
    """Column title -> one picture for each of SECONDS."""
    options = pipe.completed(AnimationOptions())
    size, output = pipe.config.image_size, pipe.config.output_size
    portrait = pipe.read_portrait(load_image(portrait_file), 0, output)
    reader = VideoReader(driving_file)
    clip = DrivingClip(reader, pipe.analyzer, portrait, options, size, output, no_progress, pipe.knows_body)
    samples = clip.samples()
    frames = list(clip.frames())
    crops = [frame.crop for frame in frames]
    results = list(pipe.animate_crops(portrait, crops, len(frames), options, samples=samples))
    device = torch.device("cpu")
    image = to_tensor(portrait.image, device, torch.float32)
    large = to_tensor(portrait.large, device, torch.float32)
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("portrait", "driving frame", "read by PoseGuider", "portrait moved", "visible", "result")
    }
    for second in SECONDS:
        index = round(second * float(reader.fps))
        preview = frames[index].preview
        driving = to_tensor(frames[index].condition, device, torch.float32)
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


def film(pipe: MegActorPipeline, portraits: list[Path], driving: Path) -> list[Image.Image]:
    """Frames of the driving video beside what every portrait makes of it."""
    part = {"end": FILM_SECONDS, "fps": FILM_FPS}
    rows = zip(VideoReader(driving, **part), *(pipe(portrait, driving, **part) for portrait in portraits), strict=True)
    frames = []
    for row in rows:
        frame = Image.new("RGB", (len(row) * FILM_SIDE, FILM_SIDE))
        for column, picture in enumerate(row):
            small = Image.fromarray(picture).resize((FILM_SIDE, FILM_SIDE), Image.Resampling.LANCZOS)
            frame.paste(small, (column * FILM_SIDE, 0))
        frames.append(frame)
    return frames


def with_few_colors(frames: list[Image.Image]) -> list[Image.Image]:
    """The same colors for all frames and no dithering: half the size of a GIF whose frames choose their own."""
    some = Image.fromarray(np.concatenate(frames[:: len(frames) // FILM_PALETTE_FRAMES]))
    palette = some.quantize(FILM_COLORS)
    return [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]


def main() -> None:
    """Writes how_it_works.jpg and demo.gif."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pipe = MegActorPipeline.from_pretrained("nano")
    with resources.as_file(resources.files("megactor") / "assets" / "demo") as demo:
        driving = demo / "faces.mp4"
        sheet(stages(pipe, demo / "oil.jpg", driving)).save(folder / "how_it_works.jpg", quality=88)
        first, *others = with_few_colors(film(pipe, [demo / f"{name}.jpg" for name in FILM_PORTRAITS], driving))
        first.save(folder / "demo.gif", save_all=True, append_images=others, duration=round(1000 / FILM_FPS), loop=0)


if __name__ == "__main__":
    main()
