"""Somebody pulls faces for a camera: strong expressions, large turns of the head, eyes that roam."""

from collections.abc import Sequence

import numpy as np

from megactor.synth.motion.expressions import EMOTIONS, MEME_FACES, VISEMES
from megactor.synth.motion.sequence import MAX_GAZE, MAX_ROTATION, MotionSequence
from megactor.synth.motion.tracks import ExpressionTracks, ease, wander
from megactor.synth.streams import chance, pick, stream

_HEAD = ((0.6, 0.22), (0.8, 0.5), (0.9, 0.15))
_BODY = ((1.2, 1.2), (1.2, 0.5), (1.5, 1.5))
"""Seconds between turning points and standard deviation, for pitch, yaw, roll and for x, y, z."""


def lively_motion(seed: int, frames: int, expression_names: Sequence[str], fps: float) -> MotionSequence:
    """See `performance.random_motion`."""
    weights = ExpressionTracks(expression_names, np.arange(frames) / fps)
    character = pick(stream(seed, "character"), {"talk": 0.35, "faces": 0.35, "both": 0.3})
    if character != "faces":
        _talk(stream(seed, "speech"), weights)
    loudness = {"talk": 0.2, "both": 0.4, "faces": stream(seed, "loudness").uniform(0.6, 1.0)}[character]
    _pull_faces(stream(seed, "faces"), weights, loudness)
    _blink(stream(seed, "blinks"), weights)
    weights.respect_each_other()

    rng, liveliness = stream(seed, "head"), stream(seed, "liveliness").uniform(0.3, 1.0)
    duration = frames / fps
    rotation = np.stack([wander(rng, weights.time, duration, pace, size * liveliness) for pace, size in _HEAD], axis=1)
    rotation = np.clip(rotation, np.negative(MAX_ROTATION), MAX_ROTATION)
    body = stream(seed, "body")
    translation = np.stack([wander(body, weights.time, duration, pace, size * liveliness) for pace, size in _BODY], 1)
    return MotionSequence(
        expressions=weights.values.astype(np.float32),
        rotation=rotation.astype(np.float32),
        translation=translation.astype(np.float32),
        gaze=_gaze(stream(seed, "gaze"), weights.time, rotation).astype(np.float32),
        fps=fps,
    )


def _talk(rng: np.random.Generator, weights: ExpressionTracks) -> None:
    keys, time, sounds = [], -1.0, [name for name in VISEMES if name != "silence"]
    while time < weights.time[-1] + 1:
        name = "silence" if chance(rng, 0.12) else str(rng.choice(sounds))
        keys.append((time, VISEMES[name]))
        time += rng.uniform(0.09, 0.22)
    weights.play(keys, rng.uniform(0.6, 1.2))


def _pull_faces(rng: np.random.Generator, weights: ExpressionTracks, loudness: float) -> None:
    keys, time, faces = [], -2.0, EMOTIONS | MEME_FACES
    while time < weights.time[-1] + 2:
        face, hold = faces[str(rng.choice(list(faces)))], rng.uniform(0.3, 1.5)
        keys += [(time, face), (time + hold, face)]
        time += hold + rng.uniform(0.25, 0.7)
    weights.play(keys, loudness)


def _blink(rng: np.random.Generator, weights: ExpressionTracks) -> None:
    """Lids close faster than they open; a blink every three seconds or so."""
    time = rng.exponential(2.0)
    while time < weights.time[-1]:
        duration = rng.uniform(0.14, 0.3)
        phase = (weights.time - time) / duration
        closed = ease(np.clip(np.minimum(phase / 0.3, (1 - phase) / 0.55), 0, 1))
        for name in ("eyeBlink_L", "eyeBlink_R"):
            if name in weights:
                np.maximum(weights.of(name), closed, out=weights.of(name))
        time += duration + rng.exponential(2.5)


def _gaze(rng: np.random.Generator, time: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """(T, 2): eyes rest on something, jump, come back to the camera, and stay partly there while the head turns."""
    gaze, now = np.zeros((len(time), 2)), 0.0
    while now <= time[-1]:
        target = rng.normal(0, (0.3, 0.16)) if chance(rng, 0.75) else np.zeros(2)
        gaze[time >= now] = target
        now += rng.uniform(0.25, 1.4)
    # a jump takes about a frame; three taps keep it between two
    padded = np.pad(gaze, ((1, 1), (0, 0)), mode="edge")
    gaze = 0.15 * padded[:-2] + 0.7 * padded[1:-1] + 0.15 * padded[2:]
    gaze[:, 0] -= 0.35 * (rotation[:, 1] - rotation[:, 1].mean())
    return np.clip(gaze, np.negative(MAX_GAZE), MAX_GAZE)
