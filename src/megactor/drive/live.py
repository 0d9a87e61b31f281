"""A driving face as it comes from a camera: framed and masked frame by frame, without knowing what comes next."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from megactor.drive.body import BodyFollower
from megactor.drive.masking import Contour, DrivingFrame, driving_condition, patch_centers
from megactor.drive.portrait import Portrait
from megactor.drive.shot import ShotFraming, contour_of, frame_shot
from megactor.drive.steady import SteadyDriver, View
from megactor.drive.track import KEPT, ShotFollower, clearness, is_clear, look_of
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import Face
from megactor.options import AnimationOptions

FORGETTING = 0.99
"""What is left after a frame of how clearly the face was seen: who stays in the dark is shown after four seconds."""

SMOOTHING = 0.5
"""How far the kept rectangle follows the face in one frame: less jitter for more delay."""


class LiveDrive:
    """What `DrivingClip` is for files, for frames that come one at a time.

    The framing is that of the first frame that shows a face, until `begin_again`: sit as you will stay, and look into
    the camera. A frame without a face holds the last one that showed it, however long that takes.

    Args:
        analyzer: finds faces.
        portrait: whose framing is taken over.
        options: `contour_preserve`, `motion` and `motion_scale` are used.
        image_size: S, side of the networks' pictures.
        preview_size: N, side of the driving pictures for people, or None if nobody looks at them.
        body: whether the driver's chest is followed, too, where it can be seen.
    """

    def __init__(
        self,
        analyzer: FaceAnalyzer,
        portrait: Portrait,
        options: AnimationOptions,
        image_size: int,
        preview_size: int | None,
        body: bool = False,
    ) -> None:
        self._analyzer = analyzer if body else None
        self._body: BodyFollower | None = None
        self._follow = ShotFollower(analyzer)
        self._steady = SteadyDriver(image_size)
        self._portrait, self._options = portrait, options
        self._size, self._preview_size = image_size, preview_size
        self._shot: ShotFraming | None = None
        self._start: Face | None = None
        self._contour: Contour | None = None
        self._box: np.ndarray | None = None
        self._usual = np.zeros(2, np.float32)
        self._is_new = False

    def __call__(self, frame: np.ndarray) -> DrivingFrame | None:
        """Uint8 RGB (H, W, 3) -> the frame at the sizes S and N; None before the first face."""
        face = self._whole_face(frame)
        cut = face is not None and self._is_new
        view = None
        if face is None:
            self._box = None  # who comes back is not where the smoothed box was
        else:
            if cut:
                self._begin(face)
            view = self._view(frame, face)
        if self._shot is None:
            return None
        crop, box = self._steady(view, cut)
        preview = self._shot.framing.picture(frame, self._preview_size) if self._preview_size else None
        outline = None if face is None else face.landmarks[list(KEPT)]
        body = None if self._body is None else self._shot.seen_body(self._body, frame, outline)
        return DrivingFrame(driving_condition(crop, box, self._contour), preview, body, starts=cut)

    def begin_again(self) -> None:
        """The next face is laid on the portrait's as the first one was: its place, size and turn are the new start."""
        self._is_new = True

    def _whole_face(self, frame: np.ndarray) -> Face | None:
        """The face, unless it leaves the picture."""
        face, way = self._follow(frame)
        self._is_new |= way >= 1
        if face is None:
            return None
        clear = clearness(frame, face.box)
        self._usual = np.maximum(self._usual * FORGETTING, clear)
        return face if is_clear(clear, self._usual) else None

    def _begin(self, face: Face) -> None:
        """Frames a shot by its first face."""
        outline, look = face.landmarks[list(KEPT)][None], look_of(face)[None]
        self._shot, _ = frame_shot(outline, look, self._follow.turns, self._portrait, self._options)
        self._start, self._box, self._is_new = face, None, False
        self._body = None if self._analyzer is None else BodyFollower(self._analyzer)

    def _view(self, frame: np.ndarray, face: Face) -> View:
        assert self._shot is not None and self._start is not None
        outline = face.landmarks[list(KEPT)]
        framing, pose, box = self._shot.of_frame(outline)
        self._box = box if self._box is None else self._box + SMOOTHING * (box - self._box)
        if self._options.contour_preserve:
            centers = patch_centers(framing.points(face.landmarks68))[None]
            start = self._shot.framing.points(self._start.landmarks68)
            self._contour = contour_of(centers, start, self._portrait, self._size)
        return View(frame, framing, pose, self._box)


def live_frames(
    frames: Iterable[np.ndarray],
    drive: Callable[[np.ndarray], DrivingFrame | None],
    before: np.ndarray,
    animate: Callable[[Iterable[DrivingFrame]], Iterable[np.ndarray]],
) -> Iterator[np.ndarray]:
    """One picture for every frame, at once as far as `animate` allows.

    Args:
        frames: uint8 RGB (H, W, 3), from any iterator.
        drive: crops and masks them, as `LiveDrive`.
        before: uint8 (height, width, 3), comes out until there is a face.
        animate: driving frames to pictures of the result.
    """
    waiting = iter(frames)
    for frame in waiting:
        first = drive(frame)
        if first is not None:
            break
        yield before
    else:
        return
    # behind the first face, every frame has a condition
    following = (driving for frame in waiting if (driving := drive(frame)) is not None)
    yield from animate(itertools.chain([first], following))
