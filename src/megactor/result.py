"""The result of the pipeline: frames that are made while they are read."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from megactor.media.ahead import WriteBehind
from megactor.media.signing import Signature

if TYPE_CHECKING:
    from megactor.media.sound import AudioTrack

Progress = Callable[[str, int, int | None], None]
"""progress(stage, done, total): stage is "faces", "denoise" or "write"; total is None while it is unknown."""


WAITING_BYTES, WAITING_FRAMES = 2**25, 64
"""Finished frames that wait for the video encoder at most, but two at least."""


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Ignores all reports."""


@dataclass
class AnimationResult:
    """A lazy, single-use sequence of frames: nothing is denoised before it is asked for, and nothing is kept.

    fps: frames a second.
    size: (width, height) in pixels.
    frame_count: number of frames.
    audio: the driving video's sound, or None.
    warnings: what the user should know of the input and, after `save`, of its sound, one line each.
    taken: frames that were handed out so far.
    model: name of the model, for signatures.
    """

    fps: Fraction
    size: tuple[int, int]
    frame_count: int
    audio: "AudioTrack | None"
    frames: Generator[np.ndarray] = field(repr=False)
    progress: Progress = field(default=no_progress, repr=False)
    warnings: list[str] = field(default_factory=list)
    taken: int = 0
    model: str = "custom"

    def __iter__(self) -> Iterator[np.ndarray]:
        """Gives uint8 RGB frames (height, width, 3) in order, once."""
        return self

    def __next__(self) -> np.ndarray:
        """The next frame."""
        frame = next(self.frames)
        self.taken += 1
        return frame

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        audio: bool = True,
        force: bool = False,
        signature: Signature | None = None,
    ) -> None:
        """Writes the animation; the suffix decides between video, GIF and WebP.

        Frames that were taken before are left out, and their sound with them. Nothing appears under `path` before the
        last frame is written. Frames are encoded in a thread, beside the networks.

        Args:
            path: where to.
            audio: with the driving video's sound.
            force: replace an existing file.
            signature: who signs that the file was generated, see `media.signing`; without one the metadata alone says
                so.

        Raises:
            OutputError: the file exists (and not `force`), or cannot be written.
        """
        from megactor.media.writer import VideoWriter  # PyAV: frames in memory, and training, do without it

        track = self.audio if audio else None
        if track is not None and self.taken:
            track = replace(track, start=track.start + float(self.taken / self.fps))
        width, height = self.size
        waiting = min(max(WAITING_BYTES // (3 * width * height), 2), WAITING_FRAMES)
        with (
            VideoWriter(
                path, self.fps, self.size, audio=track, force=force, signature=signature, model=self.model
            ) as writer,
            WriteBehind(writer.write, waiting) as write,
            closing(self.frames),
        ):
            for frame in self:
                write(frame)
                self.progress("write", self.taken, self.frame_count)
        self.warnings.extend(writer.warnings)
