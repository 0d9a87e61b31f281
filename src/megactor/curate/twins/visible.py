"""Which part of a face a picture shows."""

import numpy as np

from megactor.curate.twins.face_mesh import Poses, face_mesh, facing, smoothstep
from megactor.curate.twins.lend import compiled


def turned_here(pose: Poses) -> np.ndarray:
    """(T, 468) in [0, 1]: 0 for vertices that are turned away or seen from the side, 1 for those seen well."""
    return smoothstep(facing(pose), 0.2, 0.5)


def in_view(points: np.ndarray, pose: Poses) -> np.ndarray:
    """Which vertices no other part of the face covers, such as the nose a cheek.

    Args:
        points: (T, 468, 2) pixels.
        pose: of the same faces.

    Returns:
        (T, 468) bool.
    """
    mesh = face_mesh()
    _, hidden = compiled()
    depths = pose.depth(mesh.points).astype(np.float32)
    return np.stack([~hidden(here, depth, mesh.triangles) for here, depth in zip(points, depths, strict=True)])
