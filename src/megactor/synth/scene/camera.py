"""A pinhole camera and its view of points."""

# mypy: disallow-untyped-defs=false

import math
from dataclasses import dataclass

import numpy as np

from megactor.synth.jit import kernel
from megactor.synth.scene.scene import TARGET_DEPTH, Framing

_NEAR = 1.0
"""Points nearer to the camera than this (rig units) are drawn at this distance."""


@dataclass(frozen=True)
class Camera:
    """Where the camera stands and how large a unit appears.

    rotation: (3, 3) float32, rows are the camera's right, up and viewing direction in world axes.
    translation: (3,) float32, camera coordinates of the world's origin.
    focal: pixels.
    center: pixels from the left and top edge to the optical axis.
    """

    rotation: np.ndarray
    translation: np.ndarray
    focal: float
    center: float

    @property
    def position(self) -> np.ndarray:
        """(3,) float32 world coordinates."""
        return (-self.rotation.T @ self.translation).astype(np.float32)

    def project(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) world points -> (N, 3) float32 pixel x, y and distance along the optical axis."""
        screen = np.empty((len(points), 3), np.float32)
        focal, center = np.float32(self.focal), np.float32(self.center)
        _project(np.ascontiguousarray(points, np.float32), self.rotation, self.translation, focal, center, screen)
        return screen


def camera_for(framing: Framing, size: int) -> Camera:
    """The camera of a framing for a square picture of `size` pixels."""
    rotation = turn(pitch=framing.pitch, yaw=framing.yaw)
    rotation[2] *= -1
    half_angle = math.radians(framing.fov_degrees) / 2
    distance = framing.half_height / math.tan(half_angle)
    target = np.array([*framing.center, TARGET_DEPTH])
    return Camera(
        rotation=rotation.astype(np.float32),
        translation=(np.array([0, 0, distance]) - rotation @ target).astype(np.float32),
        focal=size / 2 / math.tan(half_angle),
        center=size / 2,
    )


def turn(pitch: float, yaw: float) -> np.ndarray:
    """(3, 3) rotation about y by `yaw`, then about x by `pitch`, radians."""
    cp, sp, cy, sy = math.cos(pitch), math.sin(pitch), math.cos(yaw), math.sin(yaw)
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return about_x @ about_y


@kernel
def _project(points, rotation, translation, focal, center, screen):
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        right = rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z + translation[0]
        up = rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z + translation[1]
        depth = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z + translation[2]
        depth = max(depth, np.float32(_NEAR))
        screen[i, 0] = center + focal * right / depth
        screen[i, 1] = center - focal * up / depth
        screen[i, 2] = depth
