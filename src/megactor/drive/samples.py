"""A few frames of a video, spread evenly over all of it, kept while it is read for another purpose."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

MOST = 16
"""Frames that are kept at most; at least half as many of a video that has them."""
QUALITY = 95
"""Of the JPEGs that they are kept as: as pictures of 4K they would take half a gigabyte."""


class FrameSamples:
    """Keeps every n-th frame of a video of unknown length: whenever they get too many, every other one goes."""

    def __init__(self) -> None:
        self._kept: list[tuple[int, np.ndarray]] = []
        self._every = 1

    def watch(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Passes frames on, uint8 RGB (H, W, 3)."""
        for number, frame in enumerate(frames):
            if number % self._every == 0:
                _, jpeg = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
                self._kept.append((number, jpeg))
                if len(self._kept) > MOST:
                    self._kept, self._every = self._kept[::2], 2 * self._every
            yield frame

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        """Number and picture, uint8 RGB (H, W, 3), of every frame that was kept."""
        for number, jpeg in self._kept:
            yield number, np.ascontiguousarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1])
