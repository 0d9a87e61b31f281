"""Looks for broken pictures: random people pulling extreme faces, each frame searched for what must not be there."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from megactor.synth.anatomy.subject import Material, Subject
from megactor.synth.identity.assemble import build_subject
from megactor.synth.identity.draws import random_traits
from megactor.synth.motion.sequence import MotionFrame
from megactor.synth.render.renderer import OUTSIDE, Rendered, Renderer
from megactor.synth.scene.scene import Scene, random_framing, random_scene
from megactor.synth.streams import stream

SIZE = 192
"""Side of the pictures that are searched; rendered without supersampling."""

_FACE_OUTLINE = [*range(17), *range(26, 16, -1)]
"""Landmarks round the face: jaw from ear to ear and back along the brows."""
_DARKEST = 0.01
_LARGEST_EYE_SLIT = 0.02
"""Share of the open eyes' pixels that closed lids may show."""
_LARGEST_FLICKER = 0.01
"""Share of the person's pixels that may change their material when the camera moves by a hundredth of a pixel."""


@dataclass(frozen=True)
class Fault:
    """Something wrong in one picture.

    seed: of the person and the scene.
    pose: what the face did.
    kind: "not finite", "black", "hole", "open eye" or "flicker".
    amount: how much of it, in the kind's own measure.
    """

    seed: int
    pose: str
    kind: str
    amount: float


def check_people(renderer: Renderer, seeds: range, poses: int = 4) -> Iterator[tuple[int, list[Fault]]]:
    """Checks one person after the other.

    Args:
        renderer: on the rig to be checked.
        seeds: of the people; every eighth is an avatar with exaggerated proportions.
        poses: extreme faces a person, besides closed eyes.

    Yields:
        The seed and its faults, as soon as the person is done.
    """
    for seed in seeds:
        avatar = seed % 8 == 7
        subject = build_subject(renderer.bust, random_traits(seed, avatar, details=True))
        scene = random_scene(seed, random_framing(seed, zoom=1.25 if avatar else 1.0))
        faults = closed_eye_faults(renderer, subject, scene, seed)
        for number in range(poses):
            name, pose = extreme_pose(renderer, seed, number)
            rendered = renderer.render(subject, scene, pose, SIZE, supersampling=1)
            faults += picture_faults(rendered, seed, name)
            faults += flicker_faults(renderer, subject, scene, pose, rendered, seed, name)
        yield seed, faults


def extreme_pose(renderer: Renderer, seed: int, number: int) -> tuple[str, MotionFrame]:
    """A face that hardly anybody pulls: up to five shapes at full strength, and the head turned.

    Returns:
        The names of the shapes, and the pose.
    """
    rng = stream(seed, f"extreme pose {number}")
    names = [name for name in renderer.bust.rig.expression_names if not name.startswith("eyeLook")] + ["tongueOut"]
    chosen = rng.choice(len(names), rng.integers(1, 6), replace=False)
    # a turn of more than a radian hides half of the face
    rotation = rng.uniform([-0.4, -0.9, -0.4], [0.4, 0.9, 0.4])
    pose = make_pose(renderer, [names[i] for i in chosen], rotation, rng.uniform([-0.5, -0.35], [0.5, 0.35]))
    return " + ".join(names[i] for i in chosen), pose


def make_pose(
    renderer: Renderer, shapes: list[str], rotation: np.ndarray | None = None, gaze: np.ndarray | None = None
) -> MotionFrame:
    """A pose with the named shapes (or tongueOut) at full strength."""
    rig = renderer.bust.rig
    expressions = np.zeros(len(rig.expressions) + 1, np.float32)
    for name in shapes:
        expressions[-1 if name == "tongueOut" else rig.expression(name)] = 1
    return MotionFrame(
        expressions=expressions,
        rotation=np.zeros(3, np.float32) if rotation is None else rotation.astype(np.float32),
        translation=np.zeros(3, np.float32),
        gaze=np.zeros(2, np.float32) if gaze is None else gaze.astype(np.float32),
    )


def picture_faults(rendered: Rendered, seed: int, pose: str) -> list[Fault]:
    """Numbers that are not finite, black pictures, background seen through the face."""
    if not all(np.isfinite(values).all() for values in (rendered.rgb, rendered.normals, rendered.landmarks)):
        return [Fault(seed, pose, "not finite", float((~np.isfinite(rendered.rgb)).sum()))]
    faults = []
    person = rendered.materials != OUTSIDE
    brightness = float(rendered.rgb[person].mean()) if person.any() else 0.0
    if brightness < _DARKEST:
        faults.append(Fault(seed, pose, "black", brightness))
    hole = np.count_nonzero(_face_mask(rendered) & ~person)
    if hole:
        faults.append(Fault(seed, pose, "hole", float(hole)))
    return faults


def closed_eye_faults(renderer: Renderer, subject: Subject, scene: Scene, seed: int) -> list[Fault]:
    """Closed lids through which eyes are seen, wherever they look."""
    # straight at the face, whose eyes then are as large as they get
    framing = replace(scene.framing, half_height=12.0, center=(0.0, 3.0), yaw=0.0, pitch=0.0)
    scene = replace(scene, framing=framing)
    seen = _eye_pixels(renderer, subject, scene, make_pose(renderer, []))
    faults = []
    for gaze in ((0.0, 0.0), (0.5, 0.3), (-0.5, -0.3)):
        pose = make_pose(renderer, ["eyeBlink_L", "eyeBlink_R"], gaze=np.array(gaze))
        slit = _eye_pixels(renderer, subject, scene, pose) / max(seen, 1)
        if slit > _LARGEST_EYE_SLIT:
            faults.append(Fault(seed, f"eyeBlink, gaze {gaze}", "open eye", slit))
    return faults


def flicker_faults(
    renderer: Renderer, subject: Subject, scene: Scene, pose: MotionFrame, rendered: Rendered, seed: int, name: str
) -> list[Fault]:
    """Surfaces that fight for pixels: which one is seen depends on a hundredth of a pixel."""
    nudge = 0.02 * scene.framing.half_height / SIZE
    center = scene.framing.center[0] + nudge, scene.framing.center[1] + nudge
    moved_scene = replace(scene, framing=replace(scene.framing, center=center))
    moved = renderer.render(subject, moved_scene, pose, SIZE, supersampling=1)
    person = rendered.materials != OUTSIDE
    changed = float(np.sum(moved.materials != rendered.materials)) / max(float(np.sum(person)), 1)
    return [Fault(seed, name, "flicker", changed)] if changed > _LARGEST_FLICKER else []


def _eye_pixels(renderer: Renderer, subject: Subject, scene: Scene, pose: MotionFrame) -> int:
    rendered = renderer.render(subject, scene, pose, SIZE, supersampling=1)
    return int(np.count_nonzero(rendered.materials == Material.EYE))


def _face_mask(rendered: Rendered) -> np.ndarray:
    """(S, S) bool: inside of the outline of the visible face, a little smaller."""
    size = rendered.rgb.shape[0]
    mask = np.zeros((size, size), np.uint8)
    outline = np.rint(rendered.landmarks[_FACE_OUTLINE]).astype(np.int32)
    cv2.fillPoly(mask, [outline], 1)
    # hidden landmarks of a turned head lie outside of what is seen: keep clear of them
    visible = _visible(rendered, rendered.landmarks[_FACE_OUTLINE])
    hull = np.zeros_like(mask)
    if visible.sum() >= 3:
        cv2.fillConvexPoly(hull, cv2.convexHull(outline[visible]), 1)
    return cv2.erode(mask & hull, np.ones((5, 5), np.uint8)).astype(bool)


def _visible(rendered: Rendered, points: np.ndarray) -> np.ndarray:
    """(N,) bool: the person covers the pixel of a point."""
    size = rendered.rgb.shape[0]
    column, row = np.floor(points).astype(int).T
    inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
    seen = np.zeros(len(points), bool)
    seen[inside] = rendered.materials[row[inside], column[inside]] != OUTSIDE
    return seen
