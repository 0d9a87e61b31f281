"""What a person sees of a run: TensorBoard curves, pictures and short films."""

import contextlib
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from megactor.media.atomic import atomic_path, os_errors_as_output_errors
from megactor.train.networks import Origin

SHOWN_FRAMES = 4
FILM_ROWS = 4
FILM_FPS = 8
CARD_ROWS = 4
"""Samples in TensorBoard's picture."""
_TILE = 96
"""Pixels that a column has at least, so that its name can be read."""
_LABEL = 14
"""Height of the line with the names."""


class RunReports:
    """Writes into the folder of a run: `events` for TensorBoard and `validation/00000123.png` (and .mp4).

    What was reported is in the files when a method returns, so a run that is killed keeps its curves.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(self.folder / "events"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # the same full disk again must not hide what ended the run
        with contextlib.suppress(OSError) if error is not None else self._told():
            self._writer.close()

    def scalars(self, group: str, values: dict[str, float], step: int) -> None:
        """One point of each curve.

        Raises:
            OutputError: the disk is full, or the folder cannot be written.
        """
        with self._told():
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, step)
            self._writer.flush()

    def _told(self) -> contextlib.AbstractContextManager[None]:
        return os_errors_as_output_errors(self.folder / "events")

    def origins(self, origins: Sequence[Origin]) -> None:
        """`start.txt`: where the weights came from that the run began with."""
        target = self.folder / "start.txt"
        with atomic_path(target, force=True) as path, os_errors_as_output_errors(target):
            path.write_text("".join(f"{origin}\n" for origin in origins), encoding="utf-8")

    def say(self, step: int, metrics: dict[str, float]) -> None:
        """Appends a line to `validation.jsonl`."""
        with (self.folder / "validation.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step} | metrics) + "\n")

    def strips(self, strips: Tensor, columns: Sequence[str], step: int) -> None:
        """A picture of some frames, in TensorBoard too, and a film where there is more than one (and PyAV).

        Args:
            strips: (N, F, 3, S, W) in [0, 1].
            columns: names of the equal parts of W.
            step: that the weights are of.
        """
        frames = (strips * 255).round().byte().permute(0, 1, 3, 4, 2).numpy()
        folder = self.folder / "validation"
        folder.mkdir(exist_ok=True)
        shown = frames[:, np.linspace(0, frames.shape[1] - 1, min(SHOWN_FRAMES, frames.shape[1])).astype(int)]
        grid = labeled(_grid(shown), [*columns] * shown.shape[1])
        # TensorBoard fits pictures into cards: frames lie below each other, and not all samples are shown
        few = labeled(_grid(shown[:CARD_ROWS].reshape(-1, 1, *shown.shape[2:])), columns)
        with self._told():
            self._writer.add_image("validation", few, step, dataformats="HWC")
            self._writer.flush()
        with atomic_path(folder / f"{step:08d}.png", force=True) as path:
            Image.fromarray(grid).save(path, format="PNG")
        if frames.shape[1] > 1 and find_spec("av") is not None:
            from megactor.media.writer import VideoWriter

            film = np.concatenate(list(frames[:FILM_ROWS]), axis=1)
            height, width = (side - side % 2 for side in film.shape[1:3])
            with VideoWriter(folder / f"{step:08d}.mp4", FILM_FPS, (width, height), force=True) as writer:
                for picture in film:
                    writer.write(np.ascontiguousarray(picture[:height, :width]))


def labeled(grid: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """(H, W, 3) uint8 of equally wide columns -> the same below a line with their names, larger if it is too small."""
    scale = max(1, -(-_TILE * len(names) // grid.shape[1]))
    large = grid.repeat(scale, axis=0).repeat(scale, axis=1)
    sheet = Image.new("RGB", (large.shape[1], large.shape[0] + _LABEL), "white")
    sheet.paste(Image.fromarray(large), (0, _LABEL))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=11)
    for number, name in enumerate(names):
        draw.text((number * large.shape[1] // len(names) + 3, 0), name, fill="black", font=font)
    return np.asarray(sheet)


def _grid(frames: np.ndarray) -> np.ndarray:
    """(N, F, S, W, 3) -> one picture: a row a sample, its frames side by side."""
    return np.concatenate([np.concatenate(list(row), axis=1) for row in frames], axis=0)
