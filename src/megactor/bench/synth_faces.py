"""Do rendered people look like people to a network trained on photographs? The face analyzer against the truth."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from megactor.errors import InputError
from megactor.faces import measures
from megactor.faces.analyzer import FaceAnalyzer, create_analyzer
from megactor.faces.face import Face
from megactor.synth.identity.assemble import build_subject
from megactor.synth.identity.draws import random_traits
from megactor.synth.motion.performance import random_motion
from megactor.synth.motion.sequence import MotionFrame
from megactor.synth.render.renderer import Renderer
from megactor.synth.scene.photo import develop
from megactor.synth.scene.scene import Framing, random_scene

EVERY = 12
"""Frames of a motion between two that are looked at: about half a second."""


@dataclass(frozen=True)
class Agreement:
    """How well a measure of the analyzer follows the truth, as Pearson's r.

    name: of the measure.
    frames: how many were compared.
    pooled: over all frames of all people.
    median, low: over people of the r of each: the median and the 10th percentile.
    """

    name: str
    frames: int
    pooled: float
    median: float
    low: float


@dataclass(frozen=True)
class FaceReport:
    """Result of `measure`: frames shown, frames a face was found in, and the agreements."""

    shown: int
    found: int
    agreements: tuple[Agreement, ...]


@dataclass(frozen=True)
class _Look:
    """One frame in which a face was found; `landmarks` are the rendered ones, `blink` is the weight of eyeBlink."""

    person: int
    face: Face
    landmarks: np.ndarray
    pose: MotionFrame
    framing: Framing
    blink: float

    @property
    def yaw(self) -> float:
        """Of the head to the camera."""
        return float(self.pose.rotation[1]) + self.framing.yaw

    @property
    def pitch(self) -> float:
        """Of the head to the camera."""
        return float(self.pose.rotation[0]) + self.framing.pitch

    @property
    def frontal(self) -> bool:
        return abs(self.yaw) < measures.FRONTAL


def measure(
    renderer: Renderer,
    people: int = 100,
    frames: int = 20,
    size: int = 256,
    seed: int = 0,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> FaceReport:
    """Renders photographs of people who talk, pull faces and look around, and reads them with the face analyzer.

    Args:
        renderer: of the rig.
        people: how many.
        frames: of each, half a second apart.
        size: of the pictures.
        seed: of the first person; the others follow.
        report: called with people done and their number.

    Raises:
        InputError: there are too few pictures for a correlation.
        ModelError: the analyzer is not installed.
    """
    if people < 1 or frames < 4:
        raise InputError(f"{people} people with {frames} frames give no correlation: ask for 1 and 4 at least")
    analyzer = create_analyzer()
    looks: list[_Look] = []
    try:
        for person in range(people):
            looks += _look_at(analyzer, renderer, seed + person, frames, size)
            report(person + 1, people)
    finally:
        analyzer.close()
    return FaceReport(shown=people * frames, found=len(looks), agreements=tuple(_agreements(looks)))


def _look_at(analyzer: FaceAnalyzer, renderer: Renderer, person: int, frames: int, size: int) -> list[_Look]:
    names = renderer.bust.rig.expression_names
    subject, scene = build_subject(renderer.bust, random_traits(person)), random_scene(person)
    motion = random_motion(person, frames * EVERY, names)
    looks = []
    for index in range(0, frames * EVERY, EVERY):
        pose = motion[index]
        frame = renderer.render(subject, scene, pose, size)
        photo = develop(frame.rgb, scene.photo, index)
        faces = analyzer.faces(np.round(photo * 255).astype(np.uint8))
        if faces:
            blink = np.mean([pose.expressions[names.index(f"eyeBlink_{side}")] for side in "LR"])
            looks.append(_Look(person, faces[0], frame.landmarks, pose, scene.framing, float(blink)))
    return looks


def _agreements(looks: list[_Look]) -> list[Agreement]:
    """Pairs of truth and measure; mouth, lids and brows are compared with the rendered landmarks, whose distances
    many expressions change, the others with weights and angles of the motion.
    """
    frontal = [look for look in looks if look.frontal]
    awake = [look for look in frontal if look.blink < measures.AWAKE]
    return [
        _agreement(
            "mouth", looks, lambda at: (measures.mouth_opening_68(at.landmarks), measures.mouth_opening(at.face))
        ),
        _agreement("lids", frontal, lambda at: (measures.eye_opening_68(at.landmarks), _opening(at.face))),
        _agreement("blink", frontal, lambda at: (-at.blink, _opening(at.face))),
        _agreement("brows", frontal, lambda at: (_brows(at.landmarks), _brows(at.face.landmarks68))),
        _agreement("yaw", looks, lambda at: (at.yaw, measures.head_yaw(at.face))),
        _agreement("pitch", frontal, lambda at: (at.pitch, measures.head_pitch(at.face))),
        _agreement("gaze x", awake, lambda at: (float(at.pose.gaze[0]), measures.gaze(at.face)[0])),
        _agreement("gaze y", awake, lambda at: (-float(at.pose.gaze[1]), measures.gaze(at.face)[1])),
    ]


def _agreement(name: str, looks: list[_Look], pair: Callable[[_Look], tuple[float, float]]) -> Agreement:
    pairs = np.array([pair(look) for look in looks], float).reshape(-1, 2)
    person = np.array([look.person for look in looks])
    each = [_correlation(pairs[person == one]) for one in np.unique(person)]
    low, median = np.nanpercentile(each, [10, 50]) if np.isfinite(each).any() else (np.nan, np.nan)
    return Agreement(name, len(pairs), _correlation(pairs), float(median), float(low))


def _correlation(pairs: np.ndarray) -> float:
    """Pearson's r of (N, 2); nan for less than four pairs or where nothing moves."""
    if len(pairs) < 4 or (pairs.std(axis=0) < 1e-6).any():
        return float("nan")
    return float(np.corrcoef(pairs.T)[0, 1])


def _opening(face: Face) -> float:
    return float(np.mean(measures.eye_opening(face)))


def _brows(points: np.ndarray) -> float:
    """Height of the brows over the line through the eyes, over the distance of the outer eye corners."""
    height = np.linalg.norm(points[[19, 24]].mean(axis=0) - points[[36, 39, 42, 45]].mean(axis=0))
    return float(height / np.linalg.norm(points[36] - points[45]))
