"""A motion as numbers: expressions, head, body and gaze over time. Seconds and radians throughout."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MAX_ROTATION = (0.5, 1.1, 0.6)
"""Pitch, yaw and roll of a head that can still be seen from the front."""
MAX_GAZE = (0.65, 0.4)
"""Yaw and pitch that eyes reach without the head."""


@dataclass(frozen=True)
class MotionFrame:
    """One moment of a motion.

    expressions: (E + 1,) float32 in [0, 1], weights of the rig's shapes in its order, then `tongueOut`. The shapes
        of looking (eyeLook...) follow from the gaze and are ignored.
    rotation: (3,) axis-angle of the head; its parts are about pitch, yaw and roll: x > 0 nods down, y > 0 turns to
        the person's left, z > 0 tilts towards the person's right shoulder.
    translation: (3,) of the whole body, rig units.
    gaze: (2,) yaw (to the person's left) and pitch (up) of the eyes in the head.
    """

    expressions: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    gaze: np.ndarray


@dataclass(frozen=True)
class MotionSequence:
    """T moments of a motion; the fields are those of `MotionFrame` with T rows.

    fps: moments a second.
    """

    expressions: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    gaze: np.ndarray
    fps: float

    def __len__(self) -> int:
        """T."""
        return len(self.expressions)

    def __getitem__(self, index: int) -> MotionFrame:
        """One moment."""
        return MotionFrame(self.expressions[index], self.rotation[index], self.translation[index], self.gaze[index])

    def between(self, position: float) -> MotionFrame:
        """A moment between two frames, or the first or last one beyond them."""
        position = min(max(position, 0.0), len(self) - 1.0)
        first = min(int(position), max(len(self) - 2, 0))
        last, share = min(first + 1, len(self) - 1), np.float32(position - first)
        tracks = (self.expressions, self.rotation, self.translation, self.gaze)
        return MotionFrame(*((1 - share) * track[first] + share * track[last] for track in tracks))

    def __iter__(self) -> Iterator[MotionFrame]:
        """All moments in order."""
        return (self[index] for index in range(len(self)))
