"""Subject + scene + pose -> picture and ground truth."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from megactor.synth.bust import Bust
from megactor.synth.subject import Subject

if TYPE_CHECKING:
    from megactor.synth.motion import MotionFrame
    from megactor.synth.scene import Scene

OUTSIDE = 255
"""In `Rendered.materials`: background."""


@dataclass(frozen=True)
class Rendered:
    """One frame of S x S pixels. Pixel (row i, column j) has its center at x = j + 0.5, y = i + 0.5.

    rgb: (S, S, 3) float32, sRGB in [0, 1], the background composed in.
    alpha: (S, S) float32, the covered part of the pixel.
    materials: (S, S) uint8 of `Material` at pixel centers, `OUTSIDE` where there is background.
    normals: (S, S, 3) float32 at pixel centers in world axes (x right, y up, z to the camera), zero outside.
    depth: (S, S) float32, distance along the camera's axis in rig units at pixel centers, inf outside.
    landmarks: (70, 2) float32 pixels: the 68 landmarks, then the centers of the left and the right iris
        (the person's left). They are there whether visible or not.
    screen: (V, 3) float32: pixel x, y and depth of every vertex of the subject.
    triangle_ids: (S, S) int32, the triangle seen at the pixel center, -1 outside.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    materials: np.ndarray
    normals: np.ndarray
    depth: np.ndarray
    landmarks: np.ndarray
    screen: np.ndarray
    triangle_ids: np.ndarray


class Renderer:
    """Renders subjects built on one bust. Keeps tables of the last few subjects; not thread-safe, use processes.

    Args:
        bust: what the subjects were built on.
    """

    def __init__(self, bust: Bust) -> None:
        self.bust = bust

    def render(
        self, subject: Subject, scene: "Scene", pose: "MotionFrame", size: int, supersampling: int = 2
    ) -> Rendered:
        """Renders one frame.

        Args:
            subject: built on this renderer's bust.
            scene: camera, lights and background.
            pose: expression, head pose and gaze.
            size: of the square picture in pixels.
            supersampling: samples along each side of a pixel, 1 to 4.
        """
        raise NotImplementedError
