"""The random person of a seed: how often which look occurs."""

import numpy as np

from megactor.synth.brushes.noise import hsv, linear
from megactor.synth.identity.hairstyles import FEMININE_HAIR, MASCULINE_HAIR
from megactor.synth.identity.traits import (
    AvatarTraits,
    BeardTraits,
    BrowTraits,
    ClothesTraits,
    Color,
    EarringTraits,
    EyeTraits,
    GlassesTraits,
    HairTraits,
    HatTraits,
    LensTraits,
    MakeUp,
    MouthTraits,
    ShapeTraits,
    SkinTraits,
    Traits,
)
from megactor.synth.streams import chance, pick, stream

MODES = 100
_MODE_LIMIT = 2.2
_MODE_SPREAD = 0.95

_SKINS = linear(
    [
        (238, 201, 181),
        (230, 185, 159),
        (217, 167, 137),
        (194, 142, 109),
        (163, 111, 79),
        (122, 80, 56),
        (88, 57, 42),
        (62, 40, 31),
    ]
)
"""From the fairest to the darkest skin, evenly spaced in melanin."""

_HAIRS = {
    "black": (22, 18, 17),
    "soft black": (38, 27, 22),
    "dark brown": (60, 40, 28),
    "brown": (90, 60, 38),
    "light brown": (128, 90, 54),
    "dark blond": (176, 136, 84),
    "blond": (214, 184, 134),
    "auburn": (126, 62, 34),
    "red": (150, 84, 48),
    "gray": (140, 138, 136),
    "white": (205, 203, 200),
}
_HAIR_WEIGHTS_DARK = {"black": 0.6, "soft black": 0.3, "dark brown": 0.08, "brown": 0.02}
_HAIR_WEIGHTS_FAIR = {
    "black": 0.15,
    "soft black": 0.16,
    "dark brown": 0.18,
    "brown": 0.15,
    "light brown": 0.11,
    "dark blond": 0.09,
    "blond": 0.06,
    "auburn": 0.05,
    "red": 0.05,
}
_DYES = [(200, 60, 120), (60, 110, 200), (70, 170, 120), (150, 80, 200), (230, 120, 40), (200, 40, 40)]

_IRISES = {
    "brown": ((92, 56, 30), (60, 34, 18)),
    "amber": ((120, 78, 40), (82, 50, 26)),
    "blue": ((70, 104, 140), (120, 140, 150)),
    "light blue": ((96, 128, 150), (140, 150, 140)),
    "green": ((92, 110, 70), (140, 110, 50)),
    "gray": ((110, 120, 120), (130, 130, 120)),
    "dark brown": ((60, 36, 22), (40, 24, 16)),
    "black": ((48, 30, 22), (30, 20, 15)),
}
"""Colors of the rim and of the ring round the pupil."""
_DARK_IRISES = {"brown": 2.0, "amber": 0.7, "dark brown": 2.0, "black": 2.0}

_LIPSTICKS = [(190, 60, 70), (170, 70, 80), (200, 90, 90), (150, 40, 60), (205, 110, 105)]
_LID_COLORS = [(150, 110, 100), (120, 90, 110), (170, 130, 90), (90, 100, 130), (110, 70, 60)]
_BLUSHES = [(214, 120, 120), (200, 110, 130), (210, 130, 100)]


_HIGH_COLLARS = {"turtleneck": 0.0, "scarf": 0.0, "hood": 1.0, "shirt": 3.0}
"""Collars that sit at the neck, and how far their opening runs down."""


def random_traits(seed: int, avatar: bool = False, details: bool = False) -> Traits:
    """The person of a seed.

    Args:
        seed: at least 0.
        avatar: gives the person the proportions of an animated figure.
        details: teeth, gums and a tongue of their own, skin that folds with expressions, earrings, glasses that mirror
            something; the rest stays.
    """
    who = stream(seed, "who")
    feminine = chance(who, 0.5)
    age = float(who.beta(1.5, 2.4))
    skin = _skin(seed, age)
    natural = _natural_hair(seed, age, skin.melanin)
    return Traits(
        seed=seed,
        feminine=feminine,
        age=age,
        shape=_shape(seed, feminine),
        skin=skin,
        make_up=_make_up(seed, skin) if feminine else None,
        brows=_brows(seed, feminine, natural, skin),
        hair=_hair(seed, feminine, age, skin.melanin, natural),
        beard=_beard(seed, feminine, natural, skin),
        eyes=_eyes(seed, feminine, skin.melanin, avatar),
        glasses=_glasses(seed, age),
        hat=_hat(seed),
        clothes=_clothes(seed),
        avatar=_avatar(seed) if avatar else None,
        mouth=_mouth(seed, age) if details else None,
        folds=float(stream(seed, "folds").uniform(0.4, 1.0)) if details and not avatar else 0.0,
        lenses=_lenses(seed) if details else None,
        earrings=_earrings(seed, feminine) if details else None,
    )


def _color(values: np.ndarray) -> Color:
    red, green, blue = np.clip(values, 0.001, 1.0).tolist()
    return red, green, blue


def _any_color(rng: np.random.Generator) -> Color:
    """Of cloth: grays, muted and some loud ones."""
    if chance(rng, 0.35):
        return _color(linear(np.full(3, rng.uniform(18, 235))))
    return _color(linear(255.0 * hsv(rng.uniform(0, 360), rng.beta(1.5, 2.2), rng.uniform(0.1, 0.92))))


def _shape(seed: int, feminine: bool) -> ShapeTraits:
    rng = stream(seed, "shape")
    modes = np.clip(rng.normal(0, _MODE_SPREAD, MODES), -_MODE_LIMIT, _MODE_LIMIT)
    return ShapeTraits(
        modes=tuple(modes.tolist()),
        masculinity=float(rng.normal(-1.7 if feminine else 1.7, 0.5)),
        stretch=(float(rng.normal(1, 0.03)), float(rng.normal(1, 0.03))),
        shoulders=float(1 + rng.normal(0, 0.06) + (-0.02 if feminine else 0.07)),
        expression_gain=float(rng.uniform(0.85, 1.15)),
    )


def _skin(seed: int, age: float) -> SkinTraits:
    rng = stream(seed, "skin")
    melanin = float(rng.beta(0.9, 1.1))
    place = melanin * (len(_SKINS) - 1)
    albedo = np.array([np.interp(place, np.arange(len(_SKINS)), _SKINS[:, channel]) for channel in range(3)])
    albedo = albedo * np.exp(rng.normal(0, [0.05, 0.05, 0.07]))
    return SkinTraits(
        melanin=melanin,
        albedo=_color(albedo),
        redness=float(rng.uniform(0.4, 1.4) * (1.15 - 0.6 * melanin)),
        unevenness=float((0.6 + 0.8 * age) * rng.uniform(0.7, 1.3)),
        wrinkles=float(np.clip(age * 1.15 - 0.2 + rng.normal(0, 0.08), 0, 1)),
        tiredness=float(np.clip(0.25 * rng.random() + 0.4 * age * rng.random(), 0, 1)),
        freckles=int(rng.integers(120, 500)) if melanin < 0.35 and chance(rng, 0.3) else 0,
        moles=int(rng.integers(0, 5)),
        oiliness=float(rng.uniform(0.6, 1.4)),
    )


def _make_up(seed: int, skin: SkinTraits) -> MakeUp | None:
    rng = stream(seed, "make-up")
    if not chance(rng, 0.6):
        return None
    # on dark skin the same products are darker
    shade = 1 - 0.55 * skin.melanin
    return MakeUp(
        lips=_color(linear(_LIPSTICKS[rng.integers(len(_LIPSTICKS))]) * rng.uniform(0.8, 1.1) * shade),
        lips_amount=float(rng.uniform(0.35, 0.9)),
        lids=_color(linear(_LID_COLORS[rng.integers(len(_LID_COLORS))]) * shade),
        lids_amount=float(rng.uniform(0.15, 0.55)),
        blush=_color(linear(_BLUSHES[rng.integers(len(_BLUSHES))]) * shade),
        blush_amount=float(rng.uniform(0.05, 0.3)),
        liner=float(rng.uniform(0.3, 1.0)),
    )


def _natural_hair(seed: int, age: float, melanin: float) -> np.ndarray:
    rng = stream(seed, "hair color")
    name = pick(rng, _HAIR_WEIGHTS_DARK if melanin > 0.5 else _HAIR_WEIGHTS_FAIR)
    color = linear(_HAIRS[name]) * np.exp(rng.normal(0, 0.1) + rng.normal(0, 0.04, 3))
    if chance(rng, float(np.clip(1.6 * age - 0.55, 0, 0.9))):
        gray = rng.uniform(0.3, 1)
        color = color * (1 - gray) + gray * linear(_HAIRS[str(rng.choice(["gray", "gray", "white"]))])
    return color


def _brows(seed: int, feminine: bool, natural: np.ndarray, skin: SkinTraits) -> BrowTraits:
    rng = stream(seed, "brows")
    # brows are read by their contrast with the skin, and are darker than the hair of most people
    darkest = np.array(skin.albedo) * rng.uniform(0.16, 0.32)
    return BrowTraits(
        color=_color(np.minimum(natural * 0.6, darkest)),
        thickness=float(rng.uniform(0.75, 1.2) * (0.85 if feminine else 1.12)),
        density=float(rng.uniform(0.75, 1.2)),
        arch=float(rng.normal(0.004 if feminine else 0.0, 0.004)),
    )


def _hair(seed: int, feminine: bool, age: float, melanin: float, natural: np.ndarray) -> HairTraits:
    rng = stream(seed, "hair")
    weights = dict(FEMININE_HAIR if feminine else MASCULINE_HAIR)
    for tight_curls in ("afro", "coils"):
        weights[tight_curls] *= 0.2 + 3.2 * melanin**2
    style = pick(rng, weights)
    receding = 0.0 if feminine else 0.25 + 1.3 * age * rng.random()
    dyed = linear(_DYES[rng.integers(len(_DYES))])
    return HairTraits(
        style=style,
        color=_color(dyed if chance(rng, 0.05) else natural),
        root_color=_color(natural),
        length=float(rng.random()),
        volume=float(rng.random()),
        side=int(rng.choice([-1, 1])),
        hairline=float(np.clip(rng.normal(0, 0.35), -0.6, 0.8) + receding),
        fringe=chance(rng, 0.35),
    )


def _beard(seed: int, feminine: bool, natural: np.ndarray, skin: SkinTraits) -> BeardTraits:
    rng = stream(seed, "beard")
    style = pick(rng, {"shaved": 0.44, "stubble": 0.25, "goatee": 0.1, "full": 0.13, "moustache": 0.08})
    stubble = float(rng.uniform(0.35, 0.75) if style == "stubble" else rng.uniform(0, 0.3))
    return BeardTraits(
        style="shaved" if feminine else style,
        color=_color(np.minimum(natural * 0.75, np.array(skin.albedo) * 0.5)),
        stubble=0.0 if feminine else stubble,
        length=float(rng.uniform(0.5, 2.2)),
    )


def _eyes(seed: int, feminine: bool, melanin: float, avatar: bool) -> EyeTraits:
    rng = stream(seed, "eyes")
    name = pick(rng, _DARK_IRISES if melanin > 0.45 else dict.fromkeys(_IRISES, 1.0))
    outer, inner = (linear(color) * (1.35 - 0.5 * melanin) * np.exp(rng.normal(0, 0.15)) for color in _IRISES[name])
    return EyeTraits(
        iris_radius=float(rng.uniform(0.47, 0.52) * (1.1 if avatar else 1)),
        pupil=0.5 if avatar else float(rng.uniform(0.32, 0.5)),
        outer=_color(outer),
        inner=_color(inner),
        lash_density=float(rng.uniform(30, 44)),
        lash_length=float(rng.uniform(0.28, 0.42) * (1.3 if feminine else 0.8)),
    )


def _glasses(seed: int, age: float) -> GlassesTraits | None:
    rng = stream(seed, "glasses")
    if not chance(rng, 0.14 + 0.2 * age):
        return None
    dark = linear(np.full(3, rng.uniform(10, 60)))
    bright = linear(rng.uniform(20, 200, 3))
    return GlassesTraits(
        half_width=float(rng.uniform(2.3, 2.8)),
        half_height=float(rng.uniform(1.7, 2.3)),
        exponent=float(rng.choice([2.0, 2.6, 4.0])),
        thickness=float(rng.uniform(0.06, 0.19)),
        color=_color(dark if chance(rng, 0.65) else bright),
    )


def _hat(seed: int) -> HatTraits | None:
    rng = stream(seed, "hat")
    if not chance(rng, 0.08):
        return None
    kind = pick(rng, {"beanie": 0.45, "cap": 0.35, "hat": 0.2})
    return HatTraits(
        kind=kind,
        color=_any_color(rng),
        band=_any_color(rng),
        rim=float(rng.uniform(7.5, 8.7) if kind == "beanie" else rng.uniform(8.2, 9.2)),
        depth=float(rng.uniform(0.8, 1.4)),
    )


def _clothes(seed: int) -> ClothesTraits:
    rng = stream(seed, "clothes")
    garment = pick(rng, {"none": 0.28, "ribbed": 0.3, "shirt": 0.2, "turtleneck": 0.07, "hood": 0.09, "scarf": 0.06})
    first, second = _any_color(rng), _any_color(rng)
    pattern = int(rng.choice([0, 1, 2, 3, 4], p=[0.58, 0.13, 0.12, 0.07, 0.1]))
    neckline = float(rng.choice([-15.5, -14.0, -17.5], p=[0.45, 0.35, 0.2]) + rng.normal(0, 0.35))
    neck_v = float(rng.choice([0.0, 4.0, 7.0], p=[0.55, 0.25, 0.2]))
    neck_width = float(rng.uniform(3.0, 6.5))
    if garment in _HIGH_COLLARS:
        neckline, neck_width = -13.2 - float(rng.uniform(0, 0.6)), 3.0
        neck_v = _HIGH_COLLARS[garment]
    if pattern == 4:
        neck_v = max(neck_v, 3.0)
    return ClothesTraits(
        collar=garment,
        collar_color=first if chance(rng, 0.75) else second,
        pattern=pattern,
        scale=float(rng.uniform(1.5, 6)),
        colors=(first, second),
        neckline=neckline,
        neck_v=neck_v,
        neck_width=neck_width,
    )


def _mouth(seed: int, age: float) -> MouthTraits:
    rng = stream(seed, "mouth")
    yellow = np.clip(rng.beta(1.5, 3) + 0.35 * age, 0, 1)
    # wet, and as photographs show them: up to what no dry tooth reflects
    white = np.array([0.66, 0.63, 0.57]) * rng.uniform(0.9, 1.75)
    return MouthTraits(
        teeth=_color(white * np.array([1 - 0.1 * yellow, 1 - 0.2 * yellow, 1 - 0.5 * yellow])),
        gum=_color(np.array([0.38, 0.12, 0.11]) * np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.1, 3))),
        tongue=_color(np.array([0.36, 0.14, 0.13]) * np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.08, 3))),
        width=float(rng.uniform(0.93, 1.0) if chance(rng, 0.8) else rng.uniform(0.82, 0.93)),
        front_gap=float(rng.uniform(0.05, 0.28)) if chance(rng, 0.15) else 0.0,
        crooked=float(rng.beta(1.2, 2.5)),
        uneven=float(rng.beta(1.2, 2.5)),
        gum_line=float(rng.beta(1.2, 2.0)) if chance(rng, 0.5) else 0.0,
        dimness=float(rng.uniform(0.35, 1.1)),
        teeth_dimness=float(rng.uniform(0.0, 0.8)),
    )


def _lenses(seed: int) -> LensTraits:
    rng = stream(seed, "lenses")
    window = chance(rng, 0.7)
    bluish = hsv(float(rng.choice([205.0, 140.0, 265.0])), rng.uniform(0.05, 0.45), 1.0)
    return LensTraits(
        window=(
            float(rng.uniform(-1.2, 0.4)),
            float(rng.uniform(-0.2, 0.6)),
            float(rng.uniform(0.25, 1.0)),
            float(rng.uniform(0.3, 1.0)),
        ),
        strength=float(rng.uniform(0.15, 0.85)) if window else 0.0,
        bars=float(rng.uniform(0, 0.8)),
        sheen=float(rng.uniform(0.0, 0.12)),
        color=_color(bluish),
    )


def _earrings(seed: int, feminine: bool) -> EarringTraits | None:
    rng = stream(seed, "earrings")
    if not chance(rng, 0.55 if feminine else 0.1):
        return None
    kind = pick(rng, {"stud": 0.45, "hoop": 0.35, "drop": 0.2})
    metals = linear([(214, 175, 90), (205, 205, 210), (60, 60, 64), (200, 140, 120), (170, 40, 50), (40, 90, 160)])
    return EarringTraits(
        kind=kind,
        size=float(rng.uniform(0.6, 1.8) if kind == "hoop" else rng.uniform(0.6, 1.3)),
        angle=float(rng.uniform(0.3, 1.3)),
        color=_color(metals[rng.integers(len(metals))]),
        both=feminine or chance(rng, 0.4),
    )


def _avatar(seed: int) -> AvatarTraits:
    rng = stream(seed, "avatar")
    return AvatarTraits(
        eyes=float(rng.uniform(0.2, 0.45)),
        nose=float(rng.uniform(0.1, 0.35)),
        head=float(rng.uniform(0.05, 0.25)),
        jaw=float(rng.uniform(0.0, 0.2)),
    )
