"""Everything that makes a person, in numbers and words: what `random_traits` draws and the builders read.

Every component has a random stream of its own, so a new way to draw brows changes nobody's hair. To change one
thing about a person, use `dataclasses.replace`. Colors are linear RGB.
"""

from dataclasses import dataclass

Color = tuple[float, float, float]


@dataclass(frozen=True)
class ShapeTraits:
    """Head and body.

    modes: weights of the rig's identity modes, standard normal, within ±2.2.
    masculinity: shift towards the shape of men's faces, standard deviations; negative is women's.
    stretch: factors on x and y.
    shoulders: factor on the width of the torso.
    expression_gain: how strongly expressions show.
    """

    modes: tuple[float, ...]
    masculinity: float
    stretch: tuple[float, float]
    shoulders: float
    expression_gain: float


@dataclass(frozen=True)
class SkinTraits:
    """Skin without make-up.

    melanin: 0 = fairest, 1 = darkest.
    albedo: its color.
    redness: of cheeks, nose and ears, about 1.
    unevenness: of the color, about 1.
    wrinkles: 0 = none, 1 = all.
    tiredness: shadows under the eyes, 0..1.
    freckles, moles: how many.
    oiliness: about 1.
    """

    melanin: float
    albedo: Color
    redness: float
    unevenness: float
    wrinkles: float
    tiredness: float
    freckles: int
    moles: int
    oiliness: float


@dataclass(frozen=True)
class MakeUp:
    """Make-up: colors and how much of each, 0..1."""

    lips: Color
    lips_amount: float
    lids: Color
    lids_amount: float
    blush: Color
    blush_amount: float
    liner: float


@dataclass(frozen=True)
class BrowTraits:
    """Brows: `thickness` and `density` are about 1, `arch` is how far the outer third rises, in texture widths."""

    color: Color
    thickness: float
    density: float
    arch: float


@dataclass(frozen=True)
class HairTraits:
    """Hair on the head.

    style: a name of `hairstyles.HAIRSTYLES`.
    color: of the lengths; `root_color` of what grows (dyed hair shows it at the scalp).
    length, volume: 0..1 within the style's range.
    side: 1 = parted on the person's left, -1 = on the right.
    hairline: how far it is shifted upwards, rig units.
    fringe: whether hair falls on the forehead, where the style leaves it open.
    """

    style: str
    color: Color
    root_color: Color
    length: float
    volume: float
    side: int
    hairline: float
    fringe: bool


@dataclass(frozen=True)
class BeardTraits:
    """Beard: `style` is a name of `beard.BEARDS`; `stubble` (0..1) shows where it is shaved, `length` is rig units."""

    style: str
    color: Color
    stubble: float
    length: float


@dataclass(frozen=True)
class EyeTraits:
    """Eyes; the fields of `subject.EyeLook` and of the lashes."""

    iris_radius: float
    pupil: float
    outer: Color
    inner: Color
    lash_density: float
    lash_length: float


@dataclass(frozen=True)
class GlassesTraits:
    """Glasses: rims are superellipses of this half width, half height (rig units) and exponent (2 = round)."""

    half_width: float
    half_height: float
    exponent: float
    thickness: float
    color: Color


@dataclass(frozen=True)
class LensTraits:
    """What lenses mirror: the fields of `subject.Lenses` but for their place."""

    window: tuple[float, float, float, float]
    strength: float
    bars: float
    sheen: float
    color: Color


@dataclass(frozen=True)
class EarringTraits:
    """Earrings.

    kind: "stud", "hoop", "drop".
    size: radius of a hoop, rig units, and as much larger or smaller for others.
    angle: that hoops are turned out of the picture's plane, radians.
    color: of the metal.
    both: in both ears; else in the person's left.
    """

    kind: str
    size: float
    angle: float
    color: Color
    both: bool


@dataclass(frozen=True)
class HatTraits:
    """A hat.

    kind: "beanie", "cap", "hat".
    rim: height of its rim over the forehead, rig units.
    depth: how far the crown stands off the head.
    """

    kind: str
    color: Color
    band: Color
    rim: float
    depth: float


@dataclass(frozen=True)
class ClothesTraits:
    """Clothes.

    collar: "none", "ribbed", "turtleneck", "shirt", "hood", "scarf".
    pattern, scale, colors, neckline, neck_v, neck_width: as in `subject.ClothesLook`.
    collar_color: of the collar.
    """

    collar: str
    collar_color: Color
    pattern: int
    scale: float
    colors: tuple[Color, Color]
    neckline: float
    neck_v: float
    neck_width: float


@dataclass(frozen=True)
class MouthTraits:
    """The inside of a mouth.

    teeth, gum, tongue: colors.
    width: of a tooth, 1 = touches its neighbors.
    front_gap: between the middle ones, rig units.
    crooked, uneven: 0..1, how differently teeth stand, and how differently they are colored.
    gum_line: 0..1, how far down the gum covers the upper teeth.
    dimness: how dark it is inside, 1 = as it is by default, 0 = as light as the face.
    teeth_dimness: the same of the teeth.
    """

    teeth: Color
    gum: Color
    tongue: Color
    width: float
    front_gap: float
    crooked: float
    uneven: float
    gum_line: float
    dimness: float
    teeth_dimness: float


@dataclass(frozen=True)
class AvatarTraits:
    """Proportions of a figure of a 3-D animation, each 0 = human: larger eyes and head, smaller nose and jaw."""

    eyes: float
    nose: float
    head: float
    jaw: float


@dataclass(frozen=True)
class Traits:
    """A person.

    seed: of the fine detail that has no number of its own: which strand goes where.
    feminine: looks, make-up and hair as on pictures of women; age: 0 = twenty, 1 = eighty.
    mouth: None = teeth, gums and tongue like everybody's.
    folds: how deep skin folds with expressions, 0 = not at all.
    lenses: what glasses mirror, None = nothing.
    """

    seed: int
    feminine: bool
    age: float
    shape: ShapeTraits
    skin: SkinTraits
    make_up: MakeUp | None
    brows: BrowTraits
    hair: HairTraits
    beard: BeardTraits
    eyes: EyeTraits
    glasses: GlassesTraits | None
    hat: HatTraits | None
    clothes: ClothesTraits
    avatar: AvatarTraits | None
    mouth: MouthTraits | None = None
    folds: float = 0.0
    lenses: LensTraits | None = None
    earrings: EarringTraits | None = None
