"""What makes twins, behind one interface."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class TwinError(Exception):
    """No twin can be made of this clip; the message says why in a few words."""


@dataclass(frozen=True)
class Made:
    """What a backend made.

    frames: uint8 (T, S, S, 3).
    landmarks: (T, 478, 2) float32 pixels, where its maker knows them; None where they must be looked for.
    """

    frames: np.ndarray
    landmarks: np.ndarray | None = None


class TwinBackend(Protocol):
    """Makes one kind of twin.

    name: for people.
    stream: "swapped" (another person) or "styled" (another style), see docs/data-format.md.
    """

    name: str
    stream: str

    def make(self, frames: np.ndarray, landmarks: np.ndarray, seed: int) -> Made:
        """The twin of a clip.

        Args:
            frames: uint8 (T, S, S, 3).
            landmarks: (T, 478, 2) float32 pixels, MediaPipe's face mesh.
            seed: decides everything that is random.

        Raises:
            TwinError: not of this clip.
        """
        ...
