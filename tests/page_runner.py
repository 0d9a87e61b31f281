"""What the page's jobs run where a test is not about the networks: frames at a pace that the options tell."""

import time
from collections.abc import Generator
from fractions import Fraction
from typing import Any

import numpy as np

from megactor.errors import FaceError
from megactor.jobs import RunnerSpec
from megactor.jobs.animation import AnimationRunner
from megactor.media.images import load_image
from megactor.media.reader import VideoReader
from megactor.result import AnimationResult, Progress

SPEC = RunnerSpec("page_runner:load")
SLOW = 1.0
"""Seconds that a frame takes where the motion scale is 2."""


def load() -> AnimationRunner:
    return AnimationRunner(animate, "stub")


def animate(portrait: str, driving: str, *, progress: Progress, **options: Any) -> AnimationResult:
    """The portrait, with a bar that moves; seed 13 finds no face."""
    picture = load_image(portrait)[:512, :512]
    picture = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
    reader = VideoReader(driving, options["start"], options["end"], options["fps"])
    count = sum(1 for _ in reader)
    if options["seed"] == 13:
        raise FaceError(f"no face found in the driving video {driving}: try another")
    pause = SLOW if options["motion_scale"] == 2 else 0.0
    for number in range(count):
        time.sleep(pause / 20)
        progress("faces", number + 1, count)

    def frames() -> Generator[np.ndarray]:
        for number in range(count):
            time.sleep(pause)
            frame = picture.copy()
            frame[:, : 8 * (number + 1)] //= 2
            yield frame

    size = picture.shape[1], picture.shape[0]
    return AnimationResult(Fraction(reader.fps), size, count, reader.audio_track(), frames(), progress)
