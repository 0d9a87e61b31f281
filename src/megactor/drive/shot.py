"""One shot of a driver in the portrait's framing: how its frames are cut and where the head goes in them."""

from dataclasses import dataclass

import numpy as np

from megactor.drive.body import SIDE, BodyFollower
from megactor.drive.crop import face_size
from megactor.drive.framing import Framing, fitted_framing
from megactor.drive.masking import Contour, alignment_affine, contour_patches
from megactor.drive.portrait import Portrait
from megactor.drive.pose import RIGID, InPlanePose, scaled_body, scaled_motion, similarity
from megactor.drive.track import look_of
from megactor.options import AnimationOptions

BEYOND = 0.1
"""Of its size, that a face may reach out of the square."""

ALIKE = 5
"""Frames most like the portrait whose median is laid on it: one alone would bring the detector's tremor in."""


@dataclass(frozen=True)
class ShotFraming:
    """How one shot is framed.

    framing: of its frames, before the head's motion is changed.
    start: the pose in the square that the head's motion is measured from.
    factor, limited: see `pose.scaled_motion`.
    bounds: (4,) in the square; a face stays within, whatever its motion.
    """

    framing: Framing
    start: InPlanePose
    factor: float
    limited: bool
    bounds: np.ndarray

    def of_frame(self, outline: np.ndarray) -> tuple[Framing, InPlanePose, np.ndarray]:
        """The framing of a frame, the head's pose and the face's box (4,) in it; of the `track.KEPT` vertices."""
        framing, pose = self.framing, InPlanePose.of(self.framing.points(outline[: len(RIGID)]))
        if self.factor != 1.0 or self.limited:
            wanted = scaled_motion(pose, self.start, self.factor, self.limited)
            framing, pose = framing.then(similarity(pose, wanted)), wanted
        box = framing.boxes(outline[None])[0]
        shift = _shift_into(box, self.bounds)
        if shift.any():
            wanted = pose.moved(shift, 0.0, 0.0)
            framing, pose, box = framing.then(similarity(pose, wanted)), wanted, box + np.tile(shift, 2)
        return framing, pose, box

    def seen_body(self, body: BodyFollower, frame: np.ndarray, outline: np.ndarray | None) -> np.ndarray | None:
        """How the chest moved, (3,), held back as the head's motion is.

        Args:
            body: follows it; always the same for one shot.
            frame: uint8 (H, W, 3).
            outline: the `track.KEPT` vertices, where the frame shows the face.
        """
        framing = self.framing  # one that goes with the head would move the chest the other way
        box = None if outline is None else framing.boxes(outline[None])[0]
        motion = body(framing.picture(frame, SIDE), box)
        return None if motion is None else scaled_body(motion, self.start, self.factor, self.limited)


def frame_shot(
    points: np.ndarray, looks: np.ndarray, turns: int, portrait: Portrait, options: AnimationOptions
) -> tuple[ShotFraming, int]:
    """Frames one shot of the driver like the portrait.

    With absolute motion, the face's median size and place over the shot are the portrait's, and only frames that lie on
    their side are turned. With relative motion it is the size, place and lean of the face where it is most like the
    portrait's, and the head's way from there is limited.

    Args:
        points: (F, V, 2) pixels, the `track.KEPT` vertices of the frames that show the face.
        looks: (F, 4), see `track.look_of`.
        turns: quarter turns (`np.rot90`) of the frames that bring the face upright.
        portrait: whose framing is taken over.
        options: `motion` and `motion_scale` are used.

    Returns:
        The framing, and the number of the frame that is most like the portrait.
    """
    relative = options.motion == "relative"
    order = np.argsort(np.linalg.norm(looks - look_of(portrait.face), axis=1), kind="stable")
    alike = points[np.sort(order[:ALIKE])]
    rolls = [InPlanePose.of(outline[: len(RIGID)]).roll for outline in alike]
    first = int(order[0])
    if relative:
        upright = InPlanePose.of(portrait.face.landmarks[list(RIGID)]).roll
        roll = upright - _median_angle(np.array(rolls))
        framing = fitted_framing(alike, roll, portrait.face.box, portrait.crop)
    else:
        framing = fitted_framing(points, -turns * np.pi / 2, portrait.face.box, portrait.crop)
    start = InPlanePose.of(framing.points(np.median(alike, axis=0)[: len(RIGID)]))
    box = portrait.crop.to_crop(portrait.face.box.reshape(2, 2), 1).reshape(4)
    margin = BEYOND * float(face_size(box))
    bounds = np.concatenate([np.minimum(box[:2], -margin), np.maximum(box[2:], 1 + margin)])
    return ShotFraming(framing, start, options.motion_scale, relative, bounds), first


def contour_of(centers: np.ndarray, like: np.ndarray, portrait: Portrait, size: int) -> Contour:
    """What contour-preserve keeps.

    Args:
        centers: (F, 4, 2) in the square, see `masking.patch_centers`.
        like: (68, 2) points of the frame that is laid on the portrait, in the square.
        portrait: whose face the patches are moved onto.
        size: of the crops.
    """
    target = portrait.crop.to_crop(portrait.face.landmarks68, size)
    return Contour(contour_patches(centers * size, size, size), alignment_affine(like * size, target))


def _shift_into(box: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """(2,) way that brings a box (4,) into others, or to their middle where it is larger."""
    before, behind = np.minimum(box[:2] - bounds[:2], 0), np.maximum(box[2:] - bounds[2:], 0)
    larger = box[2:] - box[:2] > bounds[2:] - bounds[:2]
    return np.where(larger, (bounds[:2] + bounds[2:] - box[:2] - box[2:]) / 2, -before - behind)


def _median_angle(angles: np.ndarray) -> float:
    middle = np.angle(np.exp(1j * angles).mean())
    return float(middle + np.median(np.angle(np.exp(1j * (angles - middle)))))
