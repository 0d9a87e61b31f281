"""The driving video in two passes: follow the face, then frame and mask every frame for the networks."""

from collections.abc import Iterator
from contextlib import closing

import numpy as np

from megactor.drive.crop import aligned_driving_crop, crop_and_resize
from megactor.drive.masking import (
    DrivingFrame,
    alignment_affine,
    contour_condition,
    contour_patches,
    face_rectangle,
    keep_rectangles,
)
from megactor.drive.motion_scale import move_frame, move_points, scaling_affine
from megactor.drive.portrait import Portrait
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import MESH_TO_68
from megactor.faces.tracking import FaceTrack, track_face
from megactor.media.ahead import read_ahead
from megactor.media.reader import VideoReader
from megactor.options import AnimationOptions
from megactor.result import Progress

FRAMES_AHEAD = 4
"""Frames that are decoded while a face is looked for; they have the video's full size."""


class DrivingClip:
    """One face of a driving video, framed like the portrait's.

    Reads the video once at construction (faces) and once more in `frames`; never holds more than a few frames.

    Args:
        reader: the video.
        analyzer: finds faces.
        portrait: whose framing is taken over.
        options: `contour_preserve` and `motion_scale` are used.
        image_size: S, side of the networks' pictures.
        preview_size: N, side of the driving pictures for people, or None if nobody looks at them.
        progress: told the stage "faces".

    Raises:
        FaceError: no face in the video.
    """

    def __init__(
        self,
        reader: VideoReader,
        analyzer: FaceAnalyzer,
        portrait: Portrait,
        options: AnimationOptions,
        image_size: int,
        preview_size: int | None,
        progress: Progress,
    ):
        estimate = reader.frame_count_estimate
        progress("faces", 0, estimate)
        with closing(read_ahead(reader, FRAMES_AHEAD)) as frames:
            track = track_face(frames, analyzer, lambda done: progress("faces", done, estimate))
        progress("faces", len(track), len(track))
        self.frame_count = len(track)
        self._reader = reader
        self._size, self._preview_size = image_size, preview_size
        self._crop = aligned_driving_crop(portrait.face.box, portrait.crop, track.boxes)
        in_crop = FaceTrack(self._crop.to_crop(track.landmarks, image_size), track.found)
        self._affines: np.ndarray | None = None
        if options.motion_scale != 1.0:
            first = in_crop.landmarks[0]
            self._affines = np.stack([scaling_affine(now, first, options.motion_scale) for now in in_crop.landmarks])
            moved = [move_points(now, affine) for now, affine in zip(in_crop.landmarks, self._affines, strict=True)]
            in_crop = FaceTrack(np.stack(moved), track.found)
        self._boxes = in_crop.smooth_boxes()
        self._patches = None
        if options.contour_preserve:
            landmarks68 = in_crop.landmarks[:, list(MESH_TO_68)]
            self._patches = contour_patches(landmarks68, image_size, image_size)
            target = portrait.crop.to_crop(portrait.face.landmarks68, image_size)
            self._alignment = alignment_affine(landmarks68[0], target)

    def frames(self) -> Iterator[DrivingFrame]:
        """Yields every frame, at the sizes S and N."""
        for index, frame in zip(range(self.frame_count), self._reader, strict=False):
            preview = crop_and_resize(frame, self._crop, self._preview_size) if self._preview_size else None
            yield DrivingFrame(self._condition(index, crop_and_resize(frame, self._crop, self._size)), preview)

    def _condition(self, index: int, frame: np.ndarray) -> np.ndarray:
        if self._affines is not None:
            frame = move_frame(frame, self._affines[index])
        if self._patches is not None:
            return contour_condition(frame, self._patches, self._alignment)
        return keep_rectangles(frame, [face_rectangle(self._boxes[index], self._size, self._size)])
