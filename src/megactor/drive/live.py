"""A driving face as it comes from a camera: framed and masked frame by frame, without knowing what comes next."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from megactor.drive.crop import CropBox, aligned_driving_crop, crop_and_resize
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
from megactor.faces.face import MESH_TO_68, Face
from megactor.faces.tracking import FaceFollower
from megactor.options import AnimationOptions

SMOOTHING = 0.5
"""How far the kept rectangle follows the face in one frame: less jitter for more delay."""


class LiveDrive:
    """What `DrivingClip` is for files, for frames that come one at a time.

    The framing is that of the first frame that shows a face: sit as you will stay, and look into the camera. A frame
    without a face is treated as if the face were where it was last.

    Args:
        analyzer: finds faces.
        portrait: whose framing is taken over.
        options: `contour_preserve` and `motion_scale` are used.
        image_size: S, side of the networks' pictures.
        preview_size: N, side of the driving pictures for people, or None if nobody looks at them.
    """

    def __init__(
        self,
        analyzer: FaceAnalyzer,
        portrait: Portrait,
        options: AnimationOptions,
        image_size: int,
        preview_size: int | None,
    ) -> None:
        self._follow = FaceFollower(analyzer)
        self._portrait, self._options = portrait, options
        self._size, self._preview_size = image_size, preview_size
        self._first: tuple[CropBox, np.ndarray] | None = None
        self._box: np.ndarray | None = None

    def __call__(self, frame: np.ndarray) -> DrivingFrame | None:
        """Uint8 RGB (H, W, 3) -> the frame at the sizes S and N; None before the first face."""
        self._follow(frame)
        face = self._follow.last
        if face is None:
            return None
        crop, first = self._framing(face)
        preview = crop_and_resize(frame, crop, self._preview_size) if self._preview_size else None
        small = crop_and_resize(frame, crop, self._size)
        condition = self._condition(small, crop.to_crop(face.landmarks, self._size), first)
        return DrivingFrame(condition, preview)

    def _framing(self, face: Face) -> tuple[CropBox, np.ndarray]:
        """The crop, and the landmarks (478, 2) of the first face in it."""
        if self._first is None:
            crop = aligned_driving_crop(self._portrait.face.box, self._portrait.crop, face.box[None])
            self._first = crop, crop.to_crop(face.landmarks, self._size)
        return self._first

    def _condition(self, frame: np.ndarray, landmarks: np.ndarray, first: np.ndarray) -> np.ndarray:
        if self._options.motion_scale != 1.0:
            affine = scaling_affine(landmarks, first, self._options.motion_scale)
            frame, landmarks = move_frame(frame, affine), move_points(landmarks, affine)
        if self._options.contour_preserve:
            points, origin = landmarks[list(MESH_TO_68)], first[list(MESH_TO_68)]
            target = self._portrait.crop.to_crop(self._portrait.face.landmarks68, self._size)
            patches = contour_patches(points[None], self._size, self._size)
            return contour_condition(frame, patches, alignment_affine(origin, target))
        box = Face(landmarks).box
        self._box = box if self._box is None else self._box + SMOOTHING * (box - self._box)
        return keep_rectangles(frame, [face_rectangle(self._box, self._size, self._size)])


def live_frames(
    frames: Iterable[np.ndarray],
    drive: LiveDrive,
    before: np.ndarray,
    animate: Callable[[Iterable[DrivingFrame]], Iterable[np.ndarray]],
) -> Iterator[np.ndarray]:
    """One picture for every frame, at once as far as `animate` allows.

    Args:
        frames: uint8 RGB (H, W, 3), from any iterator.
        drive: crops and masks them.
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
