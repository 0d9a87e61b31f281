"""Somebody talks to a camera as people in videos do: a still head, a busy mouth, eyes that rest and jump, blinks.

How much everything moves was set so that the face analyzer reads the same spread within rendered clips as within real
ones (`megactor synth diversity --beside DIR`).
"""

from collections.abc import Sequence

import numpy as np

from megactor.synth.motion.sequence import MAX_GAZE, MAX_ROTATION, MotionSequence
from megactor.synth.motion.speech import speak
from megactor.synth.motion.tracks import ExpressionTracks, bump, glide, wander
from megactor.synth.streams import chance, stream

_RESTING = np.radians([4.0, 6.0, 3.5])
"""Pitch, yaw, roll: standard deviation of where a head rests, over people."""
_SWAY = np.radians([1.1, 1.2, 1.2])
_SWAY_PACE = (1.1, 1.6, 1.9)
"""Slow noise round it: standard deviation and seconds between turning points."""
_SHIFT = np.radians([2.0, 3.4, 2.6])
"""Standard deviation of a change of posture."""
_BODY = ((2.0, 0.6), (2.0, 0.45), (2.5, 0.6))
"""Seconds between turning points and standard deviation of x, y, z."""


def talking_motion(seed: int, frames: int, expression_names: Sequence[str], fps: float) -> MotionSequence:
    """See `performance.random_motion`."""
    tracks = ExpressionTracks(expression_names, np.arange(frames) / fps)
    duration = frames / fps
    liveliness = float(np.exp(stream(seed, "liveliness").normal(0, 0.65)))
    speech = speak(stream(seed, "speech"), duration)
    tracks.play(speech.keys, 1.0)
    rotation = _head(stream(seed, "head"), tracks.time, duration, speech.stresses, liveliness)
    gaze, jumps = _gaze(stream(seed, "gaze"), tracks.time, duration, rotation)
    smile = _smile(stream(seed, "smiles"), tracks, duration)
    _bare_teeth(stream(seed, "bared teeth"), tracks, smile)
    _raise_brows(stream(seed, "brows"), tracks, speech.stresses)
    _blink(stream(seed, "blinks"), tracks, duration, jumps)
    tracks.respect_each_other()
    body = stream(seed, "body")
    translation = np.stack([wander(body, tracks.time, duration, pace, size * liveliness) for pace, size in _BODY], 1)
    return MotionSequence(
        expressions=tracks.values.astype(np.float32),
        rotation=rotation.astype(np.float32),
        translation=translation.astype(np.float32),
        gaze=gaze.astype(np.float32),
        fps=fps,
    )


def _head(
    rng: np.random.Generator, time: np.ndarray, duration: float, stresses: list[float], liveliness: float
) -> np.ndarray:
    """(T, 3): rests somewhere, sways, changes its posture now and then, nods where the stress lies."""
    resting = rng.normal(0, _RESTING)
    moves, now, posture = [(-1.0, 1.0, resting)], rng.exponential(2.5), resting
    while now < duration:
        posture = resting + rng.normal(0, _SHIFT) * liveliness
        moves.append((now, rng.uniform(0.35, 0.9), posture))
        now += 0.6 + rng.exponential(3.0)
    rotation = glide(time, moves)
    for axis in range(3):
        rotation[:, axis] += wander(rng, time, duration, _SWAY_PACE[axis], _SWAY[axis] * liveliness)
    nods = rng.uniform(0.1, 0.6)
    for stress in stresses:
        if chance(rng, nods):
            size = np.radians(rng.normal(1.6, 0.8)) * liveliness
            rotation[:, 0] += size * bump(time, stress - 0.12, 0.14, 0.0, rng.uniform(0.16, 0.35))
    return np.clip(rotation, np.negative(MAX_ROTATION), MAX_ROTATION)


def _gaze(
    rng: np.random.Generator, time: np.ndarray, duration: float, rotation: np.ndarray
) -> tuple[np.ndarray, list[float]]:
    """(T, 2), and when eyes jump: they rest on what they look at while the head moves, and jump within 30 to 60 ms."""
    attention = rng.normal(0, np.radians([3.0, 2.0]))  # a camera, or somebody beside it
    restless = rng.uniform(0.02, 0.2)
    moves, now, jumps = [(-1.0, 1.0, attention)], rng.lognormal(-0.3, 0.7), []
    while now < duration:
        away = chance(rng, restless)
        target = attention + rng.normal(0, np.radians([9.0, 6.0] if away else [1.1, 0.8]))
        moves.append((now, rng.uniform(0.03, 0.06), target))
        jumps.append(now)
        now += rng.uniform(0.3, 1.2) if away else 0.15 + rng.lognormal(-0.3, 0.7)
    looked_at = glide(time, moves)
    gaze = looked_at + np.column_stack([-rotation[:, 1], rotation[:, 0]])
    return np.clip(gaze, np.negative(MAX_GAZE), MAX_GAZE), jumps


def _smile(rng: np.random.Generator, tracks: ExpressionTracks, duration: float) -> np.ndarray:
    """A mood that lasts, and small smiles that come and go; seldom quite even. Gives (T,) their strength."""
    left, right = np.clip(rng.normal(1, 0.12, 2), 0.6, 1.4)
    strength = np.full(len(tracks.time), abs(rng.normal(0, 0.08)))
    now = -2 + rng.exponential(2.5)
    while now < duration:
        hold = rng.uniform(0.4, 2.5)
        strength += rng.uniform(0.08, 0.4) * bump(tracks.time, now, rng.uniform(0.3, 0.6), hold, rng.uniform(0.4, 0.9))
        now += hold + 1.0 + rng.exponential(3.5)
    for name, share in (("mouthSmile", 1.0), ("cheekSquint", 0.5), ("eyeSquint", 0.25), ("mouthDimple", 0.2)):
        for side, gain in (("L", left), ("R", right)):
            _add(tracks, f"{name}_{side}", share * gain * strength)
    return strength


def _bare_teeth(rng: np.random.Generator, tracks: ExpressionTracks, smile: np.ndarray) -> None:
    """Many smile with parted lips, and the upper lips of some leave teeth in sight whenever the mouth is open."""
    if chance(rng, 0.6):
        bared = rng.uniform(0.5, 2.2) * smile
        for name, share in (("mouthUpperUp", 0.9), ("mouthLowerDown", 0.7), ("mouthSmile", 0.5), ("mouthStretch", 0.2)):
            _add_sides(tracks, name, share * bared)
        _add(tracks, "jawOpen", rng.uniform(0, 0.12) * bared)
    if chance(rng, 0.5) and "jawOpen" in tracks:
        raised = rng.uniform(0.1, 0.5) * np.minimum(tracks.of("jawOpen") / 0.15, 1)
        _add_sides(tracks, "mouthUpperUp", raised)


def _raise_brows(rng: np.random.Generator, tracks: ExpressionTracks, stresses: list[float]) -> None:
    """Brows go up with some of the stresses, and a frown may last."""
    often, frown = rng.uniform(0.02, 0.25), max(rng.normal(0, 0.12), 0.0)
    _add_sides(tracks, "browDown", np.full(len(tracks.time), frown))
    for stress in stresses:
        if chance(rng, often):
            up = rng.uniform(0.1, 0.5) * bump(
                tracks.time, stress - 0.15, 0.18, rng.uniform(0.05, 0.6), rng.uniform(0.2, 0.5)
            )
            for name, share in (("browInnerUp", 0.8), ("browOuterUp", 1.0), ("eyeWide", 0.35)):
                _add_sides(tracks, name, share * up)


def _blink(rng: np.random.Generator, tracks: ExpressionTracks, duration: float, jumps: list[float]) -> None:
    """10 to 25 times a minute, 0.18 to 0.42 s, closing twice as fast as opening; some with a jump of the eyes."""
    drowsy = abs(rng.normal(0, 0.06))
    _add_sides(tracks, "eyeBlink", drowsy + wander(rng, tracks.time, duration, 1.3, 0.02))
    between = 60 / rng.uniform(10, 25)
    now = rng.uniform(-0.4, between)
    while now < duration:
        near = [jump for jump in jumps if abs(jump - now) < 0.5]
        start = near[0] - 0.05 if near and chance(rng, 0.6) else now
        length, depth = rng.uniform(0.18, 0.42), min(1.0, rng.normal(1.05, 0.12))
        closed = depth * bump(tracks.time, start, 0.28 * length, 0.12 * length, 0.6 * length)
        for side in "LR":
            if f"eyeBlink_{side}" in tracks:
                track = tracks.of(f"eyeBlink_{side}")
                np.maximum(track, closed, out=track)
        now = start + length + 0.2 + rng.gamma(1.6, max(between - length - 0.2, 0.5) / 1.6)


def _add(tracks: ExpressionTracks, name: str, values: np.ndarray) -> None:
    if name in tracks:
        tracks.of(name)[:] += values


def _add_sides(tracks: ExpressionTracks, name: str, values: np.ndarray) -> None:
    for side in "LR":
        _add(tracks, f"{name}_{side}", values)
