"""What motions are put together from: expression weights over time, smooth noise, moves that start and end gently."""

import itertools
from collections.abc import Sequence

import numpy as np

from megactor.synth.motion.expressions import TONGUE, Face


class ExpressionTracks:
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
            phase = ease((self.time[inside] - start) / (end - start))
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


def wander(rng: np.random.Generator, time: np.ndarray, duration: float, pace: float, size: float) -> np.ndarray:
    """(T,): smooth noise, a uniform cubic B-spline through random knots `pace` seconds apart."""
    knots = rng.normal(size=int(duration / pace) + 6) * size
    position = time / pace + rng.random()
    first = position.astype(int)
    f = position - first
    a, b, c, d = (knots[first + i] for i in range(4))
    blend = (1 - f) ** 3 * a + (3 * f**3 - 6 * f**2 + 4) * b + (-3 * f**3 + 3 * f**2 + 3 * f + 1) * c + f**3 * d
    return blend / 6 * 1.6  # the spline smooths its knots: 1.6 gives their size back


def ease(phase: np.ndarray) -> np.ndarray:
    """0..1 -> 0..1, flat at both ends."""
    return phase * phase * (3 - 2 * phase)


def glide(time: np.ndarray, moves: Sequence[tuple[float, float, np.ndarray]]) -> np.ndarray:
    """(T, D): rests at a value, moves to the next one, rests there.

    Args:
        time: (T,) seconds.
        moves: start, duration and (D,) value that is reached; in order. The first value has been there for ever.
    """
    track = np.tile(moves[0][2], (len(time), 1)).astype(float)
    for (_, _, before), (start, duration, value) in itertools.pairwise(moves):
        track += ease(np.clip((time - start) / duration, 0, 1))[:, None] * (np.asarray(value) - before)
    return track


def bump(time: np.ndarray, start: float, rise: float, hold: float, fall: float) -> np.ndarray:
    """(T,): 0, up to 1 within `rise` seconds from `start`, there for `hold`, down within `fall`."""
    up = (time - start) / rise
    down = (start + rise + hold + fall - time) / fall
    return ease(np.clip(np.minimum(up, down), 0, 1))
