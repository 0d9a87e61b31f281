"""What a finished frame looks like in the output: alone, beside its inputs, or back in the whole portrait."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Self

import numpy as np

from megactor.animate.paste_back import PasteBack
from megactor.drive.masking import DrivingCrop, DrivingFrame
from megactor.drive.portrait import Portrait
from megactor.options import LAYOUTS, AnimationOptions


class Composer:
    """Arranges frames; one object per clip.

    Args:
        layout: "result" or "side-by-side" (portrait | driving | result).
        paste_back: puts the frame into the whole portrait, or None.
        portrait: uint8 (N, N, 3), the portrait crop for the side-by-side layout.
        turns: quarter turns (`np.rot90`) that the picture took before it was animated; they are taken back.
    """

    def __init__(self, layout: str, paste_back: PasteBack | None, portrait: np.ndarray, turns: int = 0):
        if layout not in LAYOUTS:
            raise ValueError(f"layout {layout!r} is none of {LAYOUTS}")
        self.layout = layout
        self.paste_back = paste_back
        self.turns = turns
        self.portrait = self._back(portrait)

    @classmethod
    def of(cls, portrait: Portrait, asked: AnimationOptions) -> Self:
        """What the options ask for, of a portrait."""
        paste_back = PasteBack(portrait.picture, portrait.crop, asked.full_size) if asked.paste_back else None
        return cls(asked.layout, paste_back, portrait.large, portrait.turns)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the arranged frames."""
        height, width = self.portrait.shape[:2]
        if self.paste_back is not None:
            width, height = self.paste_back.size
            return (height, width) if self.turns % 2 else (width, height)
        return (3 * width, height) if self.layout == "side-by-side" else (width, height)

    def __call__(self, frame: np.ndarray, driving: np.ndarray | None) -> np.ndarray:
        """frame, driving: uint8 (N, N, 3); driving may be None unless the layout shows it."""
        if self.paste_back is not None:
            return self._back(self.paste_back(frame))
        if self.layout == "side-by-side":
            if driving is None:
                raise ValueError("the side-by-side layout needs the driving frame")
            return np.concatenate([self.portrait, driving, self._back(frame)], axis=1)
        return self._back(frame)

    def _back(self, picture: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(picture, -self.turns))


def laid_out(
    driving: Iterable[DrivingFrame],
    animate: Callable[[Iterable[DrivingCrop]], Iterator[np.ndarray]],
    compose: Composer,
) -> Generator[np.ndarray]:
    """Animates driving frames; what only the layout shows of them waits here, since frames keep their order.

    Args:
        driving: the clip's frames, in order.
        animate: driving crops to frames, in their order.
        compose: arranges them.
    """
    previews: deque[np.ndarray | None] = deque()

    def crops() -> Iterator[DrivingCrop]:
        for frame in driving:
            previews.append(frame.preview)
            yield frame.crop

    for frame in animate(crops()):
        yield compose(frame, previews.popleft())
