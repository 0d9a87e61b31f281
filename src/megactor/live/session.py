"""One portrait and one camera: frames are offered as they come, pictures are shown as they are made."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from megactor.drive.pictures import Picture
from megactor.live.latest import Latest
from megactor.live.pace import Measured, Pace

QUICKEST = {"chunk": 1, "window": 1}
"""For models with dense motion, which are steady without a look at other frames: no frame waits for another one."""


class Streams(Protocol):
    """What animates: a `MegActorPipeline`."""

    def stream(
        self,
        portrait: Picture,
        frames: Iterator[np.ndarray],
        *,
        ahead: bool,
        begins_again: Callable[[], bool],
        **options: Any,
    ) -> Iterator[np.ndarray]:
        """See `MegActorPipeline.stream`."""
        ...


@dataclass(frozen=True)
class LivePicture:
    """What is shown.

    picture: uint8 RGB (H, W, 3).
    arrived: when its frame was offered, in seconds of `time.monotonic`.
    number: what its frame was offered as.
    """

    picture: np.ndarray
    arrived: float
    number: int = 0


class LiveSession:
    """Animates in a thread of its own; use it as a context manager.

    Offer frames as fast as they come: one that is not taken before the next is skipped, and nothing waits in a line. On
    several cores one frame is read while another is drawn, so a picture is never older than the work on three frames,
    however slow the machine is.

    Args:
        pipeline: animates.
        portrait: see `drive.pictures.Picture`.
        show: called with every picture, in the session's thread; what it takes counts as work.
        options: of `MegActorPipeline.stream`.

    Raises:
        InputError: an option or the portrait cannot be used.
        FaceError: no face in the portrait.
    """

    def __init__(
        self, pipeline: Streams, portrait: Picture, show: Callable[[LivePicture], None], **options: Any
    ) -> None:
        self._offered: Latest[LivePicture] = Latest()
        self._show = show
        self._at_work: deque[LivePicture] = deque()
        self._again = threading.Event()
        self._pace = Pace()
        self._error: BaseException | None = None
        plan = QUICKEST if getattr(pipeline, "dense_motion", None) is not None else {}
        self._pictures = pipeline.stream(
            portrait, self._frames(), ahead=True, begins_again=self._begins_again, **plan | options
        )
        self._thread = threading.Thread(target=self._run, name="megactor-live", daemon=True)
        self._thread.start()

    def offer(self, frame: np.ndarray, number: int = 0) -> None:
        """A new frame, uint8 RGB (H, W, 3), and the number that its picture is to carry; never waits.

        Raises:
            BaseException: what ended the session.
        """
        if self._error is not None:
            raise self._error
        self._offered.put(LivePicture(frame, time.monotonic(), number))

    def begin_again(self) -> None:
        """The next frame's face is the new start: it is laid on the portrait's."""
        self._again.set()

    @property
    def measured(self) -> Measured:
        """Speed and delay so far."""
        return self._pace.measured(self._offered.skipped)

    @property
    def alive(self) -> bool:
        """Whether pictures still come."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Ends it behind the frame that waits, and waits for that."""
        self._offered.close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        if error is None and self._error is not None:
            raise self._error

    def _begins_again(self) -> bool:
        again = self._again.is_set()
        self._again.clear()
        return again

    def _frames(self) -> Iterator[np.ndarray]:
        while (offered := self._offered.take()) is not None:
            self._at_work.append(offered)
            yield offered.picture

    def _run(self) -> None:
        try:
            with contextlib.closing(self._pictures) as pictures:  # type: ignore[type-var]
                try:
                    for picture in pictures:
                        frame = self._at_work.popleft()
                        self._show(replace(frame, picture=picture))
                        self._pace.add(frame.arrived, time.monotonic())
                finally:
                    self._offered.close()  # or else a thread that reads ahead would wait for ever
        except BaseException as error:
            self._error = error
