"""Where a surface point seen in one frame of a clip lies in another: the exact teacher for motion."""

from dataclasses import dataclass

import numpy as np

from megactor.synth.anatomy.subject import Subject
from megactor.synth.render.renderer import Rendered
from megactor.synth.render.visibility import project, seen


@dataclass(frozen=True)
class Correspondence:
    """For each pixel of a frame, where its surface point lies in the source frame.

    flow: (S, S, 2) float32 pixels: the point seen at pixel p is at p + flow(p) in the source; zero for background.
    visible: (S, S) bool, whether it can be seen there: inside of the picture and in front. Background is visible
        where the source shows background too.
    """

    flow: np.ndarray
    visible: np.ndarray


def correspond(subject: Subject, frame: Rendered, source: Rendered, supersampling: int = 2) -> Correspondence:
    """Finds all points of a frame in another frame of the same person, scene and size; hair and clothes included.

    Args:
        subject: who is seen in both.
        frame: the pixels asked about.
        source: where they are looked for, for example the portrait.
        supersampling: that `frame` was rendered with.
    """
    size = len(frame.triangle_ids)
    person = frame.triangle_ids >= 0
    rows, columns = np.nonzero(person)
    owners = frame.triangle_ids[person]
    corners = subject.triangles[owners]
    offset = (supersampling // 2 + 0.5) / supersampling  # of the sample that `triangle_ids` holds
    samples = np.stack([columns + offset, rows + offset], axis=1)
    weights = _surface_weights(frame.screen[corners].astype(np.float64), samples)
    places, depths = project(source.screen[corners], weights)

    flow = np.zeros((size, size, 2), np.float32)
    flow[person] = places - samples
    visible = ~person & (source.triangle_ids < 0)
    visible[person] = seen(subject, source.screen, owners, places, depths, size)
    return Correspondence(flow, visible)


def _surface_weights(corners: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """(N, 3) barycentric weights, on the surface, of the points of (N, 3, 3) projected triangles at (N, 2) samples."""
    a, b, c = corners[:, 0, :2], corners[:, 1, :2], corners[:, 2, :2]

    def twice_area(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return (q[:, 0] - p[:, 0]) * (r[:, 1] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (r[:, 0] - p[:, 0])

    shares = np.stack([twice_area(b, c, samples), twice_area(c, a, samples), twice_area(a, b, samples)], axis=1)
    whole = shares @ np.ones(3)
    shares = (shares / np.where(whole == 0, 1, whole)[:, None]).clip(0, 1) / corners[:, :, 2]
    return shares / (shares @ np.ones(3))[:, None]
