"""What is known of every frame of a clip without looking at its pictures."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields

import cv2
import numpy as np

from megactor.synth.clips.clip import ClipFrame
from megactor.synth.clips.plan import RenderPlan
from megactor.synth.scene.camera import turn


@dataclass(frozen=True)
class GroundTruth:
    """The truth about T frames of a clip; in the order of the frames.

    landmarks: stream -> (T, 70, 2) float32 pixels: the 68 iBUG landmarks, left and right iris (the person's left).
    foreground: stream -> (T, S, S) bool, the person with hair and clothes.
    expressions: (T, E + 1) float32 in [0, 1], weights of the rig's shapes, then tongueOut; the same for all streams.
    head_rotation: (T, 3) float32, axis-angle in the target camera's axes (x right, y up, z towards the camera):
        about x nods down, about y turns to the picture's right, about z tilts to the picture's left.
    translation: (T, 3) float32 of the body, rig units.
    gaze: (T, 2) float32 radians in the head: to the person's left, up.
    """

    landmarks: dict[str, np.ndarray]
    foreground: dict[str, np.ndarray]
    expressions: np.ndarray
    head_rotation: np.ndarray
    translation: np.ndarray
    gaze: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Flat names for an npz file: landmarks.target, foreground.swapped (bits packed along the last axis), ..."""
        flat = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, dict):
                flat[field.name] = value
                continue
            for stream, array in value.items():
                packed = np.packbits(array, axis=-1) if array.dtype == bool else array
                flat[f"{field.name}.{stream}"] = packed
        return flat


def collect_truth(plan: RenderPlan, frames: Iterable[ClipFrame]) -> GroundTruth:
    """Puts the truth of rendered frames together; holds no frame while it takes the next.

    Args:
        plan: of the clip.
        frames: of the clip; at least one.
    """
    framing = plan.framings["target"]
    camera = turn(pitch=framing.pitch, yaw=framing.yaw)
    landmarks, foreground = defaultdict(list), defaultdict(list)
    poses = []
    for frame in frames:
        poses.append(frame.pose)
        for name, rendered in frame.rendered.items():
            landmarks[name].append(rendered.landmarks)
            foreground[name].append(rendered.triangle_ids >= 0)
    return GroundTruth(
        landmarks={name: np.stack(points) for name, points in landmarks.items()},
        foreground={name: np.stack(masks) for name, masks in foreground.items()},
        expressions=np.stack([pose.expressions for pose in poses]),
        head_rotation=np.stack([_seen_from(camera, pose.rotation) for pose in poses]),
        translation=np.stack([pose.translation for pose in poses]),
        gaze=np.stack([pose.gaze for pose in poses]),
    )


def _seen_from(camera: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    seen, _ = cv2.Rodrigues(camera @ cv2.Rodrigues(rotation.astype(np.float64))[0])
    return seen[:, 0].astype(np.float32)
