"""The driving video in two passes: follow the face, then frame and mask every frame for the networks."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from megactor.drive.body import BodyFollower
from megactor.drive.frames import FrameSequence
from megactor.drive.masking import Contour, DrivingCrop, DrivingFrame, driving_condition, patch_centers
from megactor.drive.portrait import Portrait
from megactor.drive.samples import FrameSamples
from megactor.drive.shot import contour_of, frame_shot
from megactor.drive.steady import SteadyDriver, View
from megactor.drive.track import KEPT, KEPT_FOR_CONTOUR, DriverTrack, Shot, follow_driver
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.tracking import smoothed
from megactor.media.ahead import read_ahead
from megactor.options import AnimationOptions
from megactor.result import Progress

if TYPE_CHECKING:
    from megactor.media.reader import VideoReader

FRAMES_AHEAD = 4
"""Frames that are decoded while a face is looked for; they have the video's full size."""


class DrivingClip:
    """One face of a driving video, framed like the portrait's.

    Reads the video once at construction (faces) and once more in `frames`; never holds more than a few frames. Every
    shot has a framing of its own. Frames without a face hold what was seen last, of which `reader.warnings` tell.

    Args:
        reader: the video, or the frames.
        analyzer: finds faces.
        portrait: whose framing is taken over.
        options: `contour_preserve`, `motion` and `motion_scale` are used.
        image_size: S, side of the networks' pictures.
        preview_size: N, side of the driving pictures for people, or None if nobody looks at them.
        progress: told the stage "faces".
        body: whether the driver's chest is followed, too, where it can be seen.

    Raises:
        FaceError: less than a third of the frames show a face.
    """

    def __init__(
        self,
        reader: "VideoReader | FrameSequence",
        analyzer: FaceAnalyzer,
        portrait: Portrait,
        options: AnimationOptions,
        image_size: int,
        preview_size: int | None,
        progress: Progress,
        body: bool = False,
    ):
        estimate = reader.frame_count_estimate
        vertices = KEPT_FOR_CONTOUR if options.contour_preserve else KEPT
        progress("faces", 0, estimate)
        self._samples = FrameSamples()
        with closing(read_ahead(reader, FRAMES_AHEAD)) as ahead:
            frames = self._samples.watch(ahead)
            track = follow_driver(frames, analyzer, vertices, lambda done: progress("faces", done, estimate))
        progress("faces", len(track), len(track))
        self.frame_count = len(track)
        self._reader = reader
        self._size, self._preview_size = image_size, preview_size
        self._shots = [
            _RecordedShot(track, shot, end, portrait, options, image_size)
            for shot, end in track.spans()
            if track.found[shot.first : end].any()
        ]
        if body:
            self._begin_bodies(analyzer)
        if missing := int(len(track) - track.found.sum()):
            reader.warnings.append(f"{missing} of {len(track)} frames show no face: held still there")

    def _begin_bodies(self, analyzer: FaceAnalyzer) -> None:
        """Has chests found in one frame of every shot, now: frames are read later, and then in other threads."""
        following = list(self._shots)
        for index, frame in self._samples:
            while following and following[0].is_over(index):
                following.pop(0)
            if not following:
                break
            if following[0].shows(index):
                shot = following.pop(0)
                shot.body = BodyFollower(analyzer)
                shot.seen_body(index, frame)

    def samples(self) -> list[DrivingCrop]:
        """What `frames` yields of a few frames that are spread over the clip.

        None where it has several shots, perhaps of several people.
        """
        if len(self._shots) > 1:
            return []
        (shot,) = self._shots
        crops = []
        for index, frame in self._samples:
            if shot.shows(index):
                crop, box = SteadyDriver(self._size)(shot.view(index, frame))
                crops.append(DrivingCrop(driving_condition(crop, box, shot.contour), shot.seen_body(index, frame)))
        return crops

    def frames(self) -> Iterator[DrivingFrame]:
        """Yields every frame, at the sizes S and N."""
        steady = SteadyDriver(self._size)
        shot, following = self._shots[0], list(self._shots[1:])
        for framed in self._shots:
            if framed.body is not None:
                framed.body.begin_again()
        if not shot.shows(0):  # what comes before the first face holds it
            first = shot.first_shown
            steady(shot.view(first, next(islice(iter(self._reader), first, None))))
        for index, frame in zip(range(self.frame_count), self._reader, strict=False):
            cut = bool(following) and index == following[0].first_shown
            if cut:
                shot = following.pop(0)
            view = shot.view(index, frame) if shot.shows(index) else None
            crop, box = steady(view, cut)
            preview = shot.framing.framing.picture(frame, self._preview_size) if self._preview_size else None
            masked = driving_condition(crop, box, shot.contour)
            yield DrivingFrame(masked, preview, shot.seen_body(index, frame), starts=cut)


class _RecordedShot:
    """One framing of a recording, and the places of the face in it."""

    def __init__(
        self, track: DriverTrack, shot: Shot, end: int, portrait: Portrait, options: AnimationOptions, size: int
    ) -> None:
        span = slice(shot.first, end)
        self._first, self._found, self._points = shot.first, track.found[span], track.points[span]
        shown = np.flatnonzero(self._found)
        self.first_shown = shot.first + int(shown[0])
        outlines = self._points[:, : len(KEPT)]
        whole = len(shown) == len(outlines)
        seen, looks = (rows if whole else rows[shown] for rows in (outlines, track.looks[span]))
        self.framing, like = frame_shot(seen, looks, shot.turns, portrait, options)
        self._boxes = self._steady_boxes(outlines)
        self.body: BodyFollower | None = None
        self.contour: Contour | None = None
        if options.contour_preserve:
            centers = np.stack([patch_centers(self._points68(number)) for number in shown.tolist()])
            self.contour = contour_of(centers, self._points68(int(shown[like])), portrait, size)

    def shows(self, index: int) -> bool:
        """Whether that frame of the recording shows the face."""
        return self._first <= index < self._first + len(self._found) and bool(self._found[index - self._first])

    def is_over(self, index: int) -> bool:
        """Whether that frame of the recording comes behind the shot."""
        return index >= self._first + len(self._found)

    def view(self, index: int, frame: np.ndarray) -> View:
        """A frame that shows the face."""
        number = index - self._first
        framing, pose, _ = self.framing.of_frame(self._points[number, : len(KEPT)])
        return View(frame, framing, pose, self._boxes[number])

    def seen_body(self, index: int, frame: np.ndarray) -> np.ndarray | None:
        """How the driver's chest moved since the first frame that was asked about, see `DrivingCrop`."""
        if self.body is None:
            return None
        outline = self._points[index - self._first, : len(KEPT)] if self.shows(index) else None
        return self.framing.seen_body(self.body, frame, outline)

    def _points68(self, number: int) -> np.ndarray:
        """(68, 2) points of iBUG 300-W in the square."""
        points = self._points[number]
        framing, _, _ = self.framing.of_frame(points[: len(KEPT)])
        return framing.points(points[len(KEPT) :])

    def _steady_boxes(self, outlines: np.ndarray) -> np.ndarray:
        """(F, 4) float32 in the square, without the detector's jitter where the face is seen without a gap."""
        boxes = np.zeros((len(outlines), 4), np.float32)
        edges = np.flatnonzero(np.diff(self._found, prepend=False, append=False))
        for start, end in edges.reshape(-1, 2):
            boxes[start:end] = [self.framing.of_frame(outline)[2] for outline in outlines[start:end]]
            boxes[start:end] = smoothed(boxes[start:end])
        return boxes
