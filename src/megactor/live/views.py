"""Where live pictures go: a window of this machine, a camera that other programs can choose, or nowhere."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, Protocol

import cv2
import numpy as np

from megactor.errors import InputError

QUIT, NEUTRAL = "quit", "neutral"
"""What a viewer may ask for."""

_KEYS = {ord("q"): QUIT, 27: QUIT, ord("n"): NEUTRAL, ord(" "): NEUTRAL}
_TITLE = "MegActor live - N: start from this face, Q: quit"


class View(Protocol):
    """Shows pictures."""

    def show(self, picture: np.ndarray) -> None:
        """Uint8 RGB (H, W, 3)."""

    def asked(self) -> str | None:
        """`QUIT`, `NEUTRAL` or nothing; to be called often, from the main thread."""


class Window:
    """A window with OpenCV's own means.

    Raises:
        InputError: there is no screen, or this build of OpenCV has no windows.
    """

    def __init__(self) -> None:
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            # its Qt would end the process instead of raising
            raise InputError("no screen here (DISPLAY is not set): use --no-window with -o or --virtual-camera")
        try:
            cv2.namedWindow(_TITLE, cv2.WINDOW_AUTOSIZE)
        except cv2.error as error:
            raise InputError("this OpenCV cannot open windows: use --no-window with -o or --virtual-camera") from error

    def show(self, picture: np.ndarray) -> None:
        """See `View`."""
        cv2.imshow(_TITLE, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def asked(self) -> str | None:
        """See `View`; closing the window quits."""
        key = cv2.waitKey(1) & 0xFF
        if cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1:
            return QUIT
        return _KEYS.get(key)


class VirtualCamera:
    """A camera that video calls can choose, by `pyvirtualcam`.

    Args:
        size: (width, height) of the pictures.
        fps: that other programs are told.

    Raises:
        InputError: `pyvirtualcam` or the driver that it needs is missing.
    """

    def __init__(self, size: tuple[int, int], fps: float) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise InputError("a virtual camera needs pyvirtualcam: pip install 'megactor[live]'") from error
        try:
            self._camera: Any = pyvirtualcam.Camera(*size, fps)
        except RuntimeError as error:  # of all its backends
            raise InputError(
                f"no virtual camera here ({str(error).strip().splitlines()[0]}): it needs v4l2loopback on Linux, "
                "OBS on Windows and macOS"
            ) from error

    @property
    def name(self) -> str:
        """That other programs list."""
        return str(self._camera.device)

    def show(self, picture: np.ndarray) -> None:
        """See `View`."""
        self._camera.send(picture)

    def asked(self) -> str | None:
        """Nothing: nobody is asked there."""
        return None

    def close(self) -> None:
        """Takes the camera away."""
        self._camera.close()


@contextlib.contextmanager
def opened(window: bool, camera_size: tuple[int, int] | None, fps: float) -> Iterator[list[View]]:
    """The views that are wanted, closed in the end.

    Args:
        window: open one.
        camera_size: (width, height) of the virtual camera, or None for none.
        fps: see `VirtualCamera`.

    Raises:
        InputError: one cannot be had.
    """
    views: list[View] = []
    with contextlib.ExitStack() as stack:
        if window:
            views.append(Window())
            stack.callback(cv2.destroyAllWindows)
        if camera_size is not None:
            camera = VirtualCamera(camera_size, fps)
            stack.callback(camera.close)
            views.append(camera)
        yield views
