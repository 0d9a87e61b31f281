"""Speech without sound: phrases of syllables, lips that close between vowels, and where the stress lies."""

from dataclasses import dataclass

import numpy as np

from megactor.synth.motion.expressions import VISEMES, Face
from megactor.synth.streams import chance, pick

_VOWELS = {"aa": 0.35, "ee": 0.25, "oh": 0.2, "oo": 0.1, "ll": 0.1}
_CONSONANTS = {"mm": 0.22, "ff": 0.13, "ss": 0.3, "ll": 0.35}
_BEFORE = 4.0
"""Seconds that somebody has been talking before the first frame."""


@dataclass(frozen=True)
class Speech:
    """A stretch of speech.

    keys: moments and the mouth's shapes at them, in order, for `ExpressionTracks.play`.
    stresses: seconds of the stressed vowels.
    """

    keys: list[tuple[float, Face]]
    stresses: list[float]


def speak(rng: np.random.Generator, duration: float) -> Speech:
    """Phrases and pauses.

    Syllables come at 3 to 5.5 a second, as languages have them; vowels open the mouth more where the stress lies, every
    second to fourth syllable. Some people say little, some talk without a stop, one in twelve only listens.

    Args:
        rng: draws.
        duration: seconds from the first frame on.
    """
    if chance(rng, 1 / 12):
        return Speech([(-_BEFORE, {}), (duration + 1, {})], [])
    rate, pause, loudness = rng.uniform(3.0, 5.5), rng.uniform(0.15, 0.9), float(np.exp(rng.normal(0.3, 0.35)))
    keys: list[tuple[float, Face]] = []
    stresses: list[float] = []
    time = -_BEFORE + rng.uniform(0, 2)
    while time < duration + 1:
        until_stress = int(rng.integers(0, 3))
        for remaining in range(int(rng.integers(4, 16)), 0, -1):
            length = rng.gamma(12, 1 / 12) / rate * (1.5 if remaining == 1 else 1.0)  # the last one is drawn out
            stressed = until_stress == 0
            until_stress = int(rng.integers(1, 4)) if stressed else until_stress - 1
            strength = loudness * (rng.uniform(0.75, 1.15) if stressed else rng.uniform(0.3, 0.7))
            keys.append((time, _weighted(VISEMES[pick(rng, _CONSONANTS)], 0.8)))
            vowel = time + 0.45 * length
            keys.append((vowel, _weighted(VISEMES[pick(rng, _VOWELS)], strength)))
            if stressed:
                stresses.append(vowel)
            time += length
        keys.append((time, {}))
        time += rng.exponential(pause) + 0.12
        keys.append((time, {}))
        time += 0.08
    return Speech(keys, stresses)


def _weighted(face: Face, weight: float) -> Face:
    return {name: value * weight for name, value in face.items()}
