"""What the PoseGuider may see of a driving frame, as the official evaluation prepares it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

MARGIN_ABOVE, MARGIN_BELOW = 0.4, 0.1
"""Of the squared face box's height: how much of the frame around the face is kept."""

FOREHEAD = 0.28
"""The 68 landmarks end at the brows; a detector's face box reaches this part of their height further up."""

PATCHES = {"eye on the left": (36, 42), "eye on the right": (42, 48), "mouth": (48, 68), "brows": (17, 27)}
"""Ranges of the 68 landmarks whose surroundings contour-preserve keeps."""

PATCH_DIVISOR = 8
"""A patch reaches 1/8 of the picture's width and height to every side of its landmarks' mean."""

Rectangle = tuple[int, int, int, int]
"""x0, x1, y0, y1 in whole pixels."""


class DrivingCrop(NamedTuple):
    """What the networks are given of one driving frame.

    picture: uint8 (D, D, 3), the frame in the portrait's framing, masked.
    body: (3,) float32, how the driver's chest moved since the shot began, see `body.BodyFollower`; None if unseen.
    starts: whether a shot begins, perhaps of another person, and with it another framing.
    """

    picture: np.ndarray
    body: np.ndarray | None = None
    starts: bool = False

    @classmethod
    def of(cls, driving: "np.ndarray | DrivingCrop") -> "DrivingCrop":
        """A masked picture alone, or what is a crop already."""
        return driving if isinstance(driving, DrivingCrop) else cls(driving)


class DrivingFrame(NamedTuple):
    """One driving frame in the portrait's framing.

    condition: uint8 (D, D, 3), masked: what the networks are given.
    preview: uint8 (N, N, 3), the whole crop for people, or None if nobody looks at it.
    body: as in `DrivingCrop`.
    starts: likewise.
    """

    condition: np.ndarray
    preview: np.ndarray | None
    body: np.ndarray | None = None
    starts: bool = False

    @property
    def crop(self) -> DrivingCrop:
        """What the networks are given."""
        return DrivingCrop(self.condition, self.body, self.starts)


def keep_rectangles(frame: np.ndarray, rectangles: Sequence[Rectangle]) -> np.ndarray:
    """A copy of the frame (H, W, C) that is black outside of the rectangles."""
    kept = np.zeros_like(frame)
    for x0, x1, y0, y1 in rectangles:
        kept[y0:y1, x0:x1] = frame[y0:y1, x0:x1]
    return kept


def landmark_box(landmarks: np.ndarray) -> np.ndarray:
    """A face box from forehead to chin where only landmarks are known: (>= 68, 2) -> (4,) x0, y0, x1, y1."""
    (x0, y0), (x1, y1) = landmarks.min(0), landmarks.max(0)
    return np.array([x0, y0 - FOREHEAD * (y1 - y0), x1, y1])


def face_rectangle(box: np.ndarray, width: int, height: int) -> Rectangle:
    """Plain mode: the face box made square, 40 % of its height above and 10 % below, clipped to the picture.

    Args:
        box: (4,) x0, y0, x1, y1; sides that differ are evened out by whole pixels, as officially done.
        width: of the frame.
        height: of the frame.
    """
    x0, y0, x1, y1 = (float(v) for v in box)
    grow = (max(x1 - x0, y1 - y0) - min(x1 - x0, y1 - y0)) // 2
    if x1 - x0 < y1 - y0:
        x0, x1 = x0 - grow, x1 + grow
    else:
        y0, y1 = y0 - grow, y1 + grow
    side = y1 - y0
    y0, y1 = y0 - MARGIN_ABOVE * side, y1 + MARGIN_BELOW * side
    # clipped at both ends: the official slice runs from the far end when a face lies beyond the left or top edge
    left, right = (int(min(max(v, 0), width)) for v in (x0, x1))
    top, bottom = (int(min(max(v, 0), height)) for v in (y0, y1))
    return left, right, top, bottom


def patch(center: tuple[float, float], width: int, height: int, divisor: int = PATCH_DIVISOR) -> Rectangle:
    """A rectangle that reaches width / divisor and height / divisor around a point, clipped to the picture."""
    x, y = center
    x0, x1 = (int(min(max(v, 0), width)) for v in (x - width / divisor, x + width / divisor))
    y0, y1 = (int(min(max(v, 0), height)) for v in (y - height / divisor, y + height / divisor))
    return x0, x1, y0, y1


def patch_centers(landmarks68: np.ndarray) -> np.ndarray:
    """(..., 68, 2) points -> (..., 4, 2): the middles of `PATCHES`."""
    return np.stack([landmarks68[..., first:last, :].mean(-2) for first, last in PATCHES.values()], axis=-2)


def contour_patches(centers: np.ndarray, width: int, height: int) -> list[Rectangle]:
    """Contour-preserve: for each of `PATCHES` one rectangle that covers it in all frames of the clip.

    Args:
        centers: (F, 4, 2) pixels, see `patch_centers`.
        width: of the frames.
        height: of the frames.
    """
    unions = []
    for part in range(centers.shape[1]):
        boxes = np.array([patch((x, y), width, height) for x, y in centers[:, part]])
        x0, _, y0, _ = boxes.min(0)
        _, x1, _, y1 = boxes.max(0)
        unions.append((int(x0), int(x1), int(y0), int(y1)))
    return unions


def alignment_affine(driver: np.ndarray, portrait: np.ndarray) -> np.ndarray:
    """The affine map that brings the bounding box of the driver's landmarks onto the portrait's.

    Args:
        driver: (68, 2) landmarks of the frame that is aligned. The official code means the first one but uses the
            last one by mistake; callers here pass the first.
        portrait: (68, 2) landmarks in the portrait's crop.

    Returns:
        (2, 3) float64 for `cv2.warpAffine`.
    """
    corners = []
    for landmarks in (driver, portrait):
        (x0, y0), (x1, y1) = landmarks.min(0), landmarks.max(0)
        corners.append(np.trunc(np.array([[x0, y0], [x1, y1], [x0, y1]])).astype(np.float32))
    return cv2.getAffineTransform(*corners)


@dataclass(frozen=True)
class Contour:
    """What contour-preserve keeps of a crop.

    patches: see `contour_patches`.
    affine: see `alignment_affine`.
    """

    patches: list[Rectangle]
    affine: np.ndarray


def driving_condition(crop: np.ndarray, box: np.ndarray, contour: Contour | None) -> np.ndarray:
    """What the networks may see of a driving crop.

    Args:
        crop: uint8 (D, D, 3).
        box: (4,) of the face in it, in pixels.
        contour: keeps patches of the face only; None for the face as a whole.

    Returns:
        uint8 (D, D, 3), black elsewhere.
    """
    if contour is not None:
        return contour_condition(crop, contour.patches, contour.affine)
    return keep_rectangles(crop, [face_rectangle(box, crop.shape[1], crop.shape[0])])


def contour_condition(frame: np.ndarray, patches: Sequence[Rectangle], affine: np.ndarray) -> np.ndarray:
    """Keeps the patches and moves them onto the portrait's face; same size as the frame, black elsewhere."""
    height, width = frame.shape[:2]
    return cv2.warpAffine(keep_rectangles(frame, patches), affine, (width, height), flags=cv2.INTER_LINEAR)
