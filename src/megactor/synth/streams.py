"""Random numbers that do not disturb each other: one stream for every named part of a value."""

import zlib

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """The random stream of one component.

    Streams of different names share nothing, so a draw more for the brows changes nobody's hair.

    Args:
        seed: of the whole value (a person, a scene, a clip); at least 0.
        name: of the component; renaming it deals all seeds anew.
    """
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(name.encode())]))


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with the given probability."""
    return bool(rng.random() < probability)


def pick(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """One of the keys, as often as its weight says; weights need not add up to 1."""
    shares = np.array(list(weights.values()), float)
    return list(weights)[int(rng.choice(len(shares), p=shares / shares.sum()))]
