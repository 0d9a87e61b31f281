"""How a driver's frames get into the portrait's framing: one affine map, so a frame is resampled once."""

from dataclasses import dataclass

import cv2
import numpy as np

from megactor.drive.crop import CropBox, face_center, face_size

BLOCK = 4096
"""Frames whose points are mapped at once."""


@dataclass(frozen=True)
class Framing:
    """A map of a picture's pixels onto the portrait's square, whose corners are (0, 0) and (1, 1).

    affine: (2, 3); pixels are counted from the picture's corner, so the middle of the first one is (0.5, 0.5).
    """

    affine: np.ndarray

    def then(self, motion: np.ndarray) -> "Framing":
        """This framing, followed by an affine map (2, 3) within the square."""
        linear = motion[:, :2]
        return Framing(np.column_stack([linear @ self.affine[:, :2], linear @ self.affine[:, 2] + motion[:, 2]]))

    def points(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) points of the picture -> float32 points of the square."""
        return (points @ self.affine[:, :2].T + self.affine[:, 2]).astype(np.float32)

    def picture(self, frame: np.ndarray, size: int) -> np.ndarray:
        """Cuts the square out, without aliasing; black where the frame ends.

        Args:
            frame: uint8 (H, W, 3).
            size: side of the result.

        Returns:
            uint8 (size, size, 3).
        """
        pixels = size * np.sqrt(abs(float(np.linalg.det(self.affine[:, :2]))))  # of the result, for one of the frame
        finer = max(1, int(np.ceil(1 / pixels - 1e-6))) if pixels > 0 else 1
        affine = self.affine * (size * finer)
        affine[:, 2] += affine[:, :2].sum(1) / 2 - 0.5  # OpenCV counts from the middle of the first pixel
        side = size * finer
        kind = cv2.INTER_CUBIC if pixels > 1 else cv2.INTER_LINEAR
        picture = cv2.warpAffine(frame, affine, (side, side), flags=kind)
        return picture if finer == 1 else cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)

    def boxes(self, outlines: np.ndarray) -> np.ndarray:
        """(F, V, 2) points of the picture, any number of frames -> (F, 4) float32 boxes in the square."""
        boxes = np.empty((len(outlines), 4), np.float32)
        for start in range(0, len(outlines), BLOCK):  # an hour's points need not be in memory twice
            block = self.points(outlines[start : start + BLOCK])
            boxes[start : start + BLOCK] = np.concatenate([block.min(1), block.max(1)], axis=1)
        return boxes


def fitted_framing(outlines: np.ndarray, roll: float, portrait: np.ndarray, crop: CropBox) -> Framing:
    """The framing in which a driver's face has the portrait's size and place.

    Args:
        outlines: (F, V, 2) of the driver's face in pixels; the median of their boxes is what is laid on the portrait.
        roll: radians that the driver is turned by, clockwise.
        portrait: (4,) box of the portrait's face, in pixels of its picture.
        crop: the portrait's square.
    """
    c, s = np.cos(roll), np.sin(roll)
    turn = np.array([[c, -s], [s, c]])
    boxes = Framing(np.column_stack([turn, np.zeros(2)])).boxes(outlines)
    size = float(face_size(portrait)) / crop.side
    place = (face_center(portrait) - np.array([crop.x, crop.y])) / crop.side
    scale = size / max(float(np.median(face_size(boxes))), 1e-6)
    return Framing(np.column_stack([scale * turn, place - scale * np.median(face_center(boxes), axis=0)]))
