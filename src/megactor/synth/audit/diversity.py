"""How different the people and what they do are: counts over many seeds."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from megactor.synth.identity.draws import random_traits
from megactor.synth.motion.performance import random_motion


@dataclass(frozen=True)
class Histogram:
    """Shares of a quantity.

    name: of the quantity.
    shares: label -> part of all, in order.
    """

    name: str
    shares: dict[str, float]


def people(seeds: range) -> list[Histogram]:
    """Histograms of who there is."""
    traits = [random_traits(seed) for seed in seeds]
    return [
        _of_numbers("melanin", [person.skin.melanin for person in traits], np.linspace(0, 1, 6)),
        _of_numbers("age (0 young, 1 old)", [person.age for person in traits], np.linspace(0, 1, 6)),
        _of_names("hair style", [person.hair.style for person in traits]),
        _of_names("beard", [person.beard.style for person in traits]),
        _of_names("glasses", ["yes" if person.glasses else "no" for person in traits]),
        _of_names("hat", [person.hat.kind if person.hat else "none" for person in traits]),
    ]


def performances(seeds: range, expression_names: Sequence[str], frames: int = 100) -> list[Histogram]:
    """Histograms of what they do, over all frames."""
    motions = [random_motion(seed, frames, expression_names) for seed in seeds]
    rotation = np.degrees(np.concatenate([motion.rotation for motion in motions]))
    gaze = np.degrees(np.concatenate([motion.gaze for motion in motions]))
    weights = np.concatenate([motion.expressions for motion in motions])
    index = {name: i for i, name in enumerate(expression_names)}
    edges = np.array([-90, -45, -30, -15, 0, 15, 30, 45, 90])
    strengths = np.array([0, 0.05, 0.25, 0.5, 0.75, 1.0])
    return [
        *(
            _of_numbers(f"head {axis}, degrees", rotation[:, i], edges)
            for i, axis in enumerate(("pitch", "yaw", "roll"))
        ),
        *(_of_numbers(f"gaze {axis}, degrees", gaze[:, i], edges) for i, axis in enumerate(("yaw", "pitch"))),
        *(
            _of_numbers(name, weights[:, index[name]], strengths)
            for name in ("jawOpen", "eyeBlink_L", "mouthSmile_L", "browInnerUp_L", "browDown_L", "mouthPucker")
            if name in index
        ),
    ]


def _of_names(name: str, values: list[str]) -> Histogram:
    counts = Counter(values)
    return Histogram(name, {label: count / len(values) for label, count in counts.most_common()})


def _of_numbers(name: str, values: Sequence[float] | np.ndarray, edges: np.ndarray) -> Histogram:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    labels = [f"{low:g}..{high:g}" for low, high in itertools.pairwise(edges)]
    return Histogram(name, dict(zip(labels, (counts / len(values)).tolist(), strict=True)))
