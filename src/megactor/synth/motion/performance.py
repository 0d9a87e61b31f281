"""What somebody does: expressions, head, body and gaze over time, from a seed. Seconds and radians throughout."""

import itertools
from collections.abc import Sequence

import numpy as np

from megactor.synth.motion.expressions import EMOTIONS, MEME_FACES, TONGUE, VISEMES, Face
from megactor.synth.motion.sequence import MotionSequence
from megactor.synth.streams import chance, pick, stream

MAX_ROTATION = (0.5, 1.1, 0.6)
"""Pitch, yaw and roll of a head that can still be seen from the front."""
MAX_GAZE = (0.65, 0.4)
"""Yaw and pitch that eyes reach without the head."""


def random_motion(seed: int, frames: int, expression_names: Sequence[str], fps: float = 25.0) -> MotionSequence:
    """Somebody talks, shows feelings or pulls faces, blinks, looks around and moves.

    Args:
        seed: of the motion; a longer motion of the same seed is another one.
        frames: T.
        expression_names: of the rig, in its order.
        fps: moments a second.
    """
    weights = _Weights(expression_names, np.arange(frames) / fps)
    character = pick(stream(seed, "character"), {"talk": 0.35, "faces": 0.35, "both": 0.3})
    if character != "faces":
        _talk(stream(seed, "speech"), weights)
    loudness = {"talk": 0.2, "both": 0.4, "faces": stream(seed, "loudness").uniform(0.6, 1.0)}[character]
    _pull_faces(stream(seed, "faces"), weights, loudness)
    _blink(stream(seed, "blinks"), weights)
    weights.respect_each_other()

    rng, liveliness = stream(seed, "head"), stream(seed, "liveliness").uniform(0.3, 1.0)
    duration = frames / fps
    rotation = np.stack([_wander(rng, weights.time, duration, pace, size * liveliness) for pace, size in _HEAD], axis=1)
    rotation = np.clip(rotation, np.negative(MAX_ROTATION), MAX_ROTATION)
    body = stream(seed, "body")
    translation = np.stack([_wander(body, weights.time, duration, pace, size * liveliness) for pace, size in _BODY], 1)
    return MotionSequence(
        expressions=weights.values.astype(np.float32),
        rotation=rotation.astype(np.float32),
        translation=translation.astype(np.float32),
        gaze=_gaze(stream(seed, "gaze"), weights.time, rotation).astype(np.float32),
        fps=fps,
    )


_HEAD = ((0.6, 0.22), (0.8, 0.5), (0.9, 0.15))
_BODY = ((1.2, 1.2), (1.2, 0.5), (1.5, 1.5))
"""Seconds between turning points and standard deviation, for pitch, yaw, roll and for x, y, z."""


class _Weights:
    """Expression weights (T, E + 1) being made; shapes that the rig lacks are left out."""

    def __init__(self, names: Sequence[str], time: np.ndarray) -> None:
        self._index = {name: i for i, name in enumerate([*names, TONGUE])}
        self.time = time
        self.values = np.zeros((len(time), len(self._index)))

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def of(self, name: str) -> np.ndarray:
        """(T,) view of one shape's weights."""
        return self.values[:, self._index[name]]

    def play(self, keys: list[tuple[float, Face]], gain: float) -> None:
        """Adds faces that melt into each other: at each key's time its face is there in full."""
        for (start, first), (end, second) in itertools.pairwise(keys):
            inside = (self.time >= start) & (self.time < end)
            phase = _ease((self.time[inside] - start) / (end - start))
            for face, share in ((first, 1 - phase), (second, phase)):
                for name, weight in face.items():
                    if name in self:
                        self.of(name)[inside] += share * weight * gain

    def respect_each_other(self) -> None:
        """Limits weights to [0, 1], and what cannot be done at once."""
        np.clip(self.values, 0, 1, out=self.values)
        for side in "LR":
            closed = self.of(f"eyeBlink_{side}") if f"eyeBlink_{side}" in self else 0
            for name, share in ((f"eyeWide_{side}", 1.0), (f"eyeSquint_{side}", 0.5)):
                if name in self:
                    self.of(name)[:] *= 1 - share * closed


def _talk(rng: np.random.Generator, weights: _Weights) -> None:
    keys, time, sounds = [], -1.0, [name for name in VISEMES if name != "silence"]
    while time < weights.time[-1] + 1:
        name = "silence" if chance(rng, 0.12) else str(rng.choice(sounds))
        keys.append((time, VISEMES[name]))
        time += rng.uniform(0.09, 0.22)
    weights.play(keys, rng.uniform(0.6, 1.2))


def _pull_faces(rng: np.random.Generator, weights: _Weights, loudness: float) -> None:
    keys, time, faces = [], -2.0, EMOTIONS | MEME_FACES
    while time < weights.time[-1] + 2:
        face, hold = faces[str(rng.choice(list(faces)))], rng.uniform(0.3, 1.5)
        keys += [(time, face), (time + hold, face)]
        time += hold + rng.uniform(0.25, 0.7)
    weights.play(keys, loudness)


def _blink(rng: np.random.Generator, weights: _Weights) -> None:
    """Lids close faster than they open; a blink every three seconds or so."""
    time = rng.exponential(2.0)
    while time < weights.time[-1]:
        duration = rng.uniform(0.14, 0.3)
        phase = (weights.time - time) / duration
        closed = _ease(np.clip(np.minimum(phase / 0.3, (1 - phase) / 0.55), 0, 1))
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


def _wander(rng: np.random.Generator, time: np.ndarray, duration: float, pace: float, size: float) -> np.ndarray:
    """(T,): smooth noise, a uniform cubic B-spline through random knots `pace` seconds apart."""
    knots = rng.normal(size=int(duration / pace) + 6) * size
    position = time / pace + rng.random()
    first = position.astype(int)
    f = position - first
    a, b, c, d = (knots[first + i] for i in range(4))
    blend = (1 - f) ** 3 * a + (3 * f**3 - 6 * f**2 + 4) * b + (-3 * f**3 + 3 * f**2 + 3 * f + 1) * c + f**3 * d
    return blend / 6 * 1.6  # the spline smooths its knots: 1.6 gives their size back


def _ease(phase: np.ndarray) -> np.ndarray:
    return phase * phase * (3 - 2 * phase)
