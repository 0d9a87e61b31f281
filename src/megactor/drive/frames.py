"""A driver who comes as frames in memory rather than as a file."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from megactor.drive.pictures import Picture, read_frames
from megactor.errors import InputError
from megactor.media.timing import checked_rate
from megactor.options import AnimationOptions

if TYPE_CHECKING:
    from megactor.media.reader import VideoReader
    from megactor.media.sound import AudioTrack

Frames = Sequence[Picture] | np.ndarray | Tensor
"""A list of pictures, or all frames in one array (F, H, W, C) or tensor (F, C, H, W), with perhaps a 1 before, as
diffusers' video pipelines take and give them."""

FRAMES_PER_SECOND = 25
"""Of frames that come without a rate."""


class FrameSequence:
    """What `VideoReader` is for a file, for frames: they can be read any number of times, and there is no sound.

    Args:
        frames: see `Frames`.
        asked: `fps` is their rate; `start` and `end` are for files.

    Attributes:
        fps: of the frames.
        frame_count_estimate: how many there are.
        warnings: what was found wrong.

    Raises:
        InputError: no frames, or what is none; later, a frame that is no picture or has another shape.
    """

    def __init__(self, frames: Frames, asked: AnimationOptions) -> None:
        if not (asked.start is asked.end is None):
            raise InputError("start and end are for video files: give the driving frames that are wanted")
        if isinstance(frames, np.ndarray | Tensor) and frames.ndim == 5 and len(frames) == 1:
            frames = frames[0]
        if not isinstance(frames, Sequence | np.ndarray | Tensor):
            raise InputError(
                f"the driving frames are of type {type(frames).__name__}: give a video file, a list of pictures or one "
                "array of all; frames that can be read only once go to pipe.stream"
            )
        if len(frames) == 0:
            raise InputError("there are no driving frames")
        self._frames = frames
        self.fps = checked_rate(FRAMES_PER_SECOND if asked.fps is None else asked.fps)
        self.frame_count_estimate = len(frames)
        self.warnings: list[str] = []
        next(iter(self))  # what can never be read is refused at once

    def __iter__(self) -> Iterator[np.ndarray]:
        """Gives uint8 RGB frames (H, W, 3), all of one size; each is the reader's own."""
        return (frame.copy() for frame in read_frames(self._frames, "the driving frames"))

    def audio_track(self) -> "AudioTrack | None":
        """There is none."""
        return None


def read_driver(driving: str | os.PathLike[str] | Frames, asked: AnimationOptions) -> "VideoReader | FrameSequence":
    """Opens a video file, or takes frames; errors are those of `VideoReader` and `FrameSequence`."""
    if isinstance(driving, str | os.PathLike):
        from megactor.media.reader import VideoReader  # PyAV: frames in memory, and training, do without it

        return VideoReader(driving, asked.start, asked.end, asked.fps)
    return FrameSequence(driving, asked)
