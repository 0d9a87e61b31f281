"""A person ready to be posed and rendered: plain arrays and numbers, the handshake of `identity` and the renderer."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Material(IntEnum):
    """What a triangle is made of; the shader has one branch for each."""

    SKIN = 0
    HEAD = 1  # back of the head, ears' back, neck: skin without a texture
    MOUTH = 2
    SOCKET = 3
    GUM = 4
    TEETH = 5
    EYE = 6
    LASH = 7
    HAIR = 8
    CLOTH = 9
    FRAME = 10  # glasses
    TONGUE = 11
    FABRIC = 12  # collars, hats, scarves: cloth with a color for each vertex


@dataclass(frozen=True)
class EyeLook:
    """Eyes.

    iris_radius: radians as seen from the center of the eyeball.
    pupil: radius as a part of the iris's.
    outer, inner: linear RGB of the iris's rim and of its ring round the pupil.
    """

    iris_radius: float
    pupil: float
    outer: tuple[float, float, float]
    inner: tuple[float, float, float]


@dataclass(frozen=True)
class SkinLook:
    """How skin reflects.

    albedo: (3,) linear RGB of bare skin, for the exposure.
    specular, roughness: of the oily layer.
    scattering: 0 = plaster, 1 = fair skin.
    scalp: 0 = bald, 1 = hair roots cover the scalp; painted in `hair_color` above the hairline.
    hairline: shift of the hairline upwards, rig units.
    hair_color: linear RGB.
    teeth: brightness of the teeth.
    """

    albedo: tuple[float, float, float]
    specular: float
    roughness: float
    scattering: float
    scalp: float
    hairline: float
    hair_color: tuple[float, float, float]
    teeth: float


@dataclass(frozen=True)
class ClothesLook:
    """Clothes and hat: patterns laid out in canonical coordinates.

    pattern: 0 plain, 1 stripes, 2 checks, 3 blotches, 4 open jacket; more may be added.
    scale: of the pattern.
    colors: two linear RGB.
    neckline: height of the collar's lowest line; neck_v: how far a V runs down; neck_width: half width.
    hat: linear RGB or None; hat_height: lower rim of the hat.
    """

    pattern: int
    scale: float
    colors: tuple[tuple[float, float, float], tuple[float, float, float]]
    neckline: float
    neck_v: float
    neck_width: float
    hat: tuple[float, float, float] | None
    hat_height: float


@dataclass(frozen=True)
class Fold:
    """Skin that folds with an expression: a part of the skin texture that becomes deeper and darker.

    mask: (h, w) uint8, how deep, 255 = 1.
    row, column: texel of the skin texture that its left upper corner lies on.
    shapes: names of expressions, and how much of the fold each makes at full weight.
    """

    mask: np.ndarray
    row: int
    column: int
    shapes: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Lenses:
    """What the lenses of glasses mirror. Places are in half widths and half heights of a lens, right and up.

    rims: for each lens (N, K) int, the vertices round its outline, K at each of N places; the first lies to the right
        of the lens's middle as the camera sees it, and they run counter-clockwise.
    window: left, bottom, width and height of a bright rectangle, as it is mirrored when the face looks at the camera.
    strength: how bright it is, 0..1; bars: how dark the cross in it.
    sheen: light from all around, 0..1.
    color: sRGB of what is mirrored.
    """

    rims: tuple[np.ndarray, np.ndarray]
    window: tuple[float, float, float, float]
    strength: float
    bars: float
    sheen: float
    color: tuple[float, float, float]


@dataclass(frozen=True)
class LocalScale:
    """Exaggeration of 3-D avatars: points are moved away from `center` by `weight` times their distance.

    center: (3,). weight: (B,) for rig and torso vertices, negative shrinks. axes: (3,) factors.
    """

    center: np.ndarray
    weight: np.ndarray
    axes: np.ndarray


@dataclass(frozen=True)
class Subject:
    """One person at rest. V vertices: H of the rig's head, the torso's up to B, then attached ones (hair, glasses).

    rest: (V, 3) float32, rig units, y up, z towards the camera, x to the person's left.
    canonical: (V, 3) float32, the same points on the mean head; hairline, clothes and noise are laid out in it.
    triangles: (T, 3) int32; solid ones first, then `lash_triangles` of cut-out lashes.
    uv_triangles: (T, 3) int32 into the rig's uvs.
    materials: (T,) uint8 of `Material`.
    two_sided, casts_shadow: (T,) bool.
    lash_triangles: how many triangles at the end are lashes.
    colors: (V, 3) float32, linear RGB albedo.
    head_weight: (V,) float32, 1 = turns with the head, 0 = stays with the shoulders.
    hair_tangents, hair_normals: (V - B, 3) float32, direction of a strand and fixed normal; zero for glasses.
    anchors, anchor_weights: (V - B, 3) int32 and float32: attached vertices follow the weighted displacement of three
        rig vertices (beards move with the skin); weights of zero mean that only the head carries them.
    skin_texture: (N, N, 5) uint8: RGB factor (127.5 = 1), bump (128 = flat), gloss factor (127.5 = 1).
    lash_density, lash_length: of the cut-out.
    expression_gain: factor on expressions other than the eyes'.
    local_scales: applied in order after the expression.
    painted_mouth: whether `colors` holds those of teeth, gums and tongue, too; else everybody's are alike.
    mouth_dimness: 1 = as dark inside as a mouth is by default, 0 = as light as the face.
    teeth_dimness: the same of the teeth, which shine out of a mouth that is dark.
    folds: of the skin, where expressions make some.
    lenses: of glasses that mirror something.
    """

    rest: np.ndarray
    canonical: np.ndarray
    triangles: np.ndarray
    uv_triangles: np.ndarray
    materials: np.ndarray
    two_sided: np.ndarray
    casts_shadow: np.ndarray
    lash_triangles: int
    colors: np.ndarray
    head_weight: np.ndarray
    hair_tangents: np.ndarray
    hair_normals: np.ndarray
    anchors: np.ndarray
    anchor_weights: np.ndarray
    skin_texture: np.ndarray
    lash_density: float
    lash_length: float
    expression_gain: float
    local_scales: tuple[LocalScale, ...]
    eyes: EyeLook
    skin: SkinLook
    clothes: ClothesLook
    painted_mouth: bool = False
    mouth_dimness: float = 1.0
    teeth_dimness: float = 1.0
    folds: tuple[Fold, ...] = ()
    lenses: Lenses | None = None
