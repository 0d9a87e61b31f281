"""Where live frames come from: a camera of this machine, or a video that is played at its own pace."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from megactor.errors import InputError
from megactor.media.reader import VideoReader

WIDTH, HEIGHT = 640, 480
"""What cameras are asked for: faces are read in 256 pixels, more would be thrown away."""
MOST_FPS = 30
"""Frames a second of a video that is played, as of most cameras: the rest would be decoded to be skipped."""


def camera_frames(camera: str, stopped: Callable[[], bool]) -> Iterator[np.ndarray]:
    """Frames as they happen.

    Args:
        camera: its number, or a video file, of which no more is read than a camera gives.
        stopped: asked before every frame; whether there is nobody who wants more.

    Returns:
        Iterator over uint8 RGB (H, W, 3), which waits for the next one; it ends with the file, or when stopped.

    Raises:
        InputError: there is no such camera or file, or somebody else uses it; later, it was unplugged.
    """
    return _webcam(int(camera), stopped) if camera.isdecimal() else _played(Path(camera), stopped)


def _webcam(number: int, stopped: Callable[[], bool]) -> Iterator[np.ndarray]:
    device = cv2.VideoCapture(number)
    if not device.isOpened():
        device.release()
        raise InputError(
            f"camera {number} cannot be opened: is it plugged in, free, and may this terminal use it? "
            "(--camera takes another number, or a video file)"
        )
    device.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH)
    device.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT)
    device.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # older frames are worth nothing

    def frames() -> Iterator[np.ndarray]:
        try:
            while not stopped():
                there, frame = device.read()
                if not there:
                    raise InputError(f"camera {number} gives no more frames: was it unplugged?")
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        finally:
            device.release()

    return frames()


def _played(path: Path, stopped: Callable[[], bool]) -> Iterator[np.ndarray]:
    video = VideoReader(path, max_side=WIDTH)
    if video.fps > MOST_FPS:
        video = VideoReader(path, fps=MOST_FPS, max_side=WIDTH)

    def frames() -> Iterator[np.ndarray]:
        started = time.monotonic()
        for number, frame in enumerate(video):
            if stopped():
                return
            time.sleep(max(0.0, started + number / float(video.fps) - time.monotonic()))
            yield frame

    return frames()
