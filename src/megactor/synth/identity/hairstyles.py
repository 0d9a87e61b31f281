"""Hairstyles as data. Lengths are in rig units (0.8 cm)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hairstyle:
    """How strands grow.

    length: range of strand lengths.
    volume: range of how far the outer hair stands off the head.
    strands, segments: how many strands, and straight pieces of each.
    width: range of the ribbons' widths; tip: what is left of it at the tip.
    comb: pull away from the parting; back: of it, towards the neck (negative: to the face).
    part: how far the parting is from the middle.
    lift: how much the roots stand up.
    weight: pull downwards.
    noise: how untidy strands are; clump: how much they gather in locks.
    curl: radius of curls, curl_turns: turns per rig unit.
    fringe: 0 = none, 1 = allowed, 2 = part of the style.
    short_sides: strands are shorter at the sides and the nape.
    gathered: strands run to a knot instead of hanging.
    """

    length: tuple[float, float]
    volume: tuple[float, float] = (0.5, 0.9)
    strands: int = 1300
    segments: int = 6
    width: tuple[float, float] = (0.26, 0.5)
    tip: float = 0.2
    comb: float = 0.8
    back: float = 0.25
    part: float = 2.0
    lift: float = 0.5
    weight: float = 0.5
    noise: float = 0.15
    clump: float = 0.4
    curl: float = 0.0
    curl_turns: float = 0.3
    fringe: int = 0
    short_sides: bool = False
    gathered: bool = False


HAIRSTYLES = {
    "bald": Hairstyle(length=(0, 0), strands=0),
    "buzz": Hairstyle(length=(0, 0), strands=0),
    "crew": Hairstyle(
        length=(1.0, 2.2), volume=(0.25, 0.5), strands=1700, segments=3, width=(0.18, 0.34), comb=0.8,
        back=-0.1, lift=0.6, weight=0.25, fringe=2, short_sides=True,
    ),
    "short": Hairstyle(
        length=(2.5, 4.5), volume=(0.4, 0.8), strands=1500, segments=4, width=(0.2, 0.4), comb=0.6,
        back=-0.4, lift=0.35, weight=0.35, fringe=2, short_sides=True,
    ),
    "tousled": Hairstyle(
        length=(3, 6), volume=(0.7, 1.2), strands=1400, segments=5, width=(0.2, 0.42), comb=0.6, back=0.1,
        part=3.0, lift=0.6, weight=0.35, noise=0.26, fringe=1, short_sides=True,
    ),
    "spiky": Hairstyle(
        length=(2.5, 4.0), volume=(0.5, 0.8), strands=1400, segments=4, width=(0.2, 0.4), comb=0.25,
        lift=1.6, weight=0.0, noise=0.3, clump=0.7, short_sides=True,
    ),
    "side part": Hairstyle(
        length=(5, 9), volume=(0.7, 1.2), strands=1400, segments=6, width=(0.22, 0.42), comb=1.1, part=3.2,
        back=0.35, lift=0.55, weight=0.45, noise=0.1, short_sides=True,
    ),
    "slick": Hairstyle(
        length=(7, 11), volume=(0.35, 0.6), strands=1400, width=(0.22, 0.42), comb=1.3, back=1.2,
        lift=0.25, weight=0.3, noise=0.08, short_sides=True,
    ),
    "medium": Hairstyle(length=(11, 16), volume=(0.8, 1.3), comb=0.7, lift=0.5, weight=0.8, fringe=1),
    "bob": Hairstyle(
        length=(12, 17), volume=(0.9, 1.4), comb=0.6, part=1.0, back=0.1, lift=0.4, weight=1.0, noise=0.08,
        clump=0.3, fringe=1,
    ),
    "long": Hairstyle(
        length=(22, 34), volume=(0.7, 1.1), segments=8, width=(0.3, 0.6), comb=0.6, part=1.5, back=0.3,
        lift=0.35, weight=1.1, noise=0.1, fringe=1,
    ),
    "long wavy": Hairstyle(
        length=(20, 32), volume=(0.9, 1.5), segments=9, width=(0.3, 0.6), comb=0.6, part=1.5, lift=0.45,
        weight=1.0, clump=0.6, curl=0.5, curl_turns=0.16, fringe=1,
    ),
    "curly": Hairstyle(
        length=(7, 12), volume=(1.2, 2.0), strands=1100, segments=10, width=(0.32, 0.6), comb=0.4, lift=0.9,
        weight=0.55, noise=0.3, clump=0.55, curl=0.55, curl_turns=0.2,
    ),
    "afro": Hairstyle(
        length=(3, 6), volume=(0.8, 1.4), strands=2000, segments=6, width=(0.3, 0.55), tip=0.9, comb=0.0, lift=1.2,
        weight=0.0, noise=1.0, clump=0.0, curl=0.45, curl_turns=0.55,
    ),
    "coils": Hairstyle(
        length=(1.2, 2.4), volume=(0.3, 0.6), strands=2000, segments=4, width=(0.25, 0.45), tip=0.9, comb=0.0, lift=1.0,
        weight=0.0, noise=1.0, clump=0.0, curl=0.3, curl_turns=0.9,
    ),
    "knot": Hairstyle(
        length=(9, 13), volume=(0.3, 0.5), width=(0.24, 0.44), comb=1.2, back=0.9, lift=0.15, weight=0.0,
        noise=0.06, gathered=True,
    ),
}  # fmt: skip
"""By name; which one somebody has is drawn with the weights below."""

FEMININE_HAIR = {
    "crew": 0.01,
    "short": 0.04,
    "tousled": 0.03,
    "medium": 0.15,
    "bob": 0.14,
    "long": 0.18,
    "long wavy": 0.17,
    "curly": 0.09,
    "afro": 0.05,
    "coils": 0.02,
    "knot": 0.11,
    "slick": 0.02,
    "side part": 0.03,
    "buzz": 0.01,
    "bald": 0.005,
}
MASCULINE_HAIR = {
    "crew": 0.15,
    "short": 0.18,
    "tousled": 0.13,
    "spiky": 0.05,
    "side part": 0.13,
    "slick": 0.08,
    "medium": 0.04,
    "long": 0.02,
    "long wavy": 0.015,
    "curly": 0.06,
    "afro": 0.04,
    "coils": 0.05,
    "knot": 0.02,
    "buzz": 0.09,
    "bald": 0.08,
}
