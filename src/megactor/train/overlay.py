"""Things that lie on a picture and do not move with who is in it: insets, logos, frames.

Renders have none; photographs and videos of the web do. A model that never saw one bends them along with the shoulders.
"""

from dataclasses import dataclass

import cv2
import numpy as np

_TRIES = 8


@dataclass(frozen=True)
class Overlay:
    """A rectangle with a picture of its own.

    left, top, right, bottom: in pixels, even numbers.
    picture: (bottom - top, right - left, 3) uint8.
    """

    left: int
    top: int
    right: int
    bottom: int
    picture: np.ndarray

    def put_on(self, pictures: np.ndarray) -> np.ndarray:
        """(..., S, S, 3) uint8 -> the same with the overlay in front."""
        changed = pictures.copy()
        changed[..., self.top : self.bottom, self.left : self.right, :] = self.picture
        return changed

    def mask(self, size: int) -> np.ndarray:
        """(size, size) bool: where it lies."""
        inside = np.zeros((size, size), bool)
        inside[self.top : self.bottom, self.left : self.right] = True
        return inside

    def change_motion(self, flow: np.ndarray, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The true motion from a portrait to frames that all have this overlay.

        Args:
            flow: (F, 2, h, h) as in `Motion`, h half of the pictures' size.
            visible: (F, 1, h, h) bool.

        Returns:
            Both anew: the overlay stays and shows itself; what it covers in the portrait is hidden.
        """
        side = flow.shape[-1]
        here = self.mask(2 * side)[::2, ::2]
        rows, columns = np.indices((side, side))
        x = np.clip((columns + flow[:, 0] * side).round().astype(int), 0, side - 1)
        y = np.clip((rows + flow[:, 1] * side).round().astype(int), 0, side - 1)
        visible = visible & ~here[y, x][:, None]
        return np.where(here, np.float32(0), flow), visible | here


def random_overlay(rng: np.random.Generator, pictures: np.ndarray, points: np.ndarray) -> Overlay | None:
    """An overlay beside the face: a small copy of some picture, or one color.

    Args:
        rng: draws.
        pictures: (N, S, S, 3) uint8 that may be shown in it.
        points: (M, 70, 2) landmarks in pixels of the faces that it must not touch.

    Returns:
        None where the faces leave no room.
    """
    size = pictures.shape[1]
    low, high = points.min((0, 1)), points.max((0, 1))
    for _ in range(_TRIES):
        width, height = 2 * rng.integers(size // 20, size // 5, 2)
        across, down = size - width, size - height
        # in a corner or along an edge, as people put them; a fifth anywhere
        left = int(rng.choice([0, across, rng.integers(across + 1)]))
        top = int(rng.choice([0, down])) if rng.random() < 0.8 else int(rng.integers(down + 1))
        left, top = left // 2 * 2, top // 2 * 2
        if left + width < low[0] or left > high[0] or top + height < low[1] or top > high[1]:
            break
    else:
        return None
    if rng.random() < 0.3:
        picture = np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (height, width, 3))
    else:
        shown = pictures[int(rng.integers(len(pictures)))]
        picture = cv2.resize(shown, (int(width), int(height)), interpolation=cv2.INTER_AREA)
    return Overlay(left, top, left + int(width), top + int(height), picture)
