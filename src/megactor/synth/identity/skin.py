"""Skin: the albedo of every vertex and the texture of the face."""

import numpy as np

from megactor.synth.anatomy.bust import Bust, smoothstep
from megactor.synth.anatomy.subject import SkinLook
from megactor.synth.brushes.noise import smooth_noise
from megactor.synth.identity.beard import paint_beard
from megactor.synth.identity.brows import paint_brows
from megactor.synth.identity.canvas import SkinCanvas
from megactor.synth.identity.face_map import FaceMap
from megactor.synth.identity.make_up import paint_lips, paint_make_up
from megactor.synth.identity.traits import SkinTraits, Traits
from megactor.synth.identity.wrinkles import paint_wrinkles
from megactor.synth.streams import stream

_FLUSHED = (
    ((5, -0.3, 8), (2.2, 1.8, 3), 1.0),
    ((-5, -0.3, 8), (2.2, 1.8, 3), 1.0),
    ((0, 0.5, 13), (1.5, 1.3, 2), 0.9),
    ((0, -6.5, 11), (2, 1.3, 3), 0.5),
    ((8.6, 1.5, 0), (1.5, 3, 3), 1.1),
    ((-8.6, 1.5, 0), (1.5, 3, 3), 1.1),
)
"""Where blood shows: center, radii and strength on cheeks, nose, chin and ears of the mean head."""
_BLOOD = np.array([0.02, 0.24, 0.2])
"""How much of red, green and blue blood absorbs."""

_OILY = (
    ((0.5, 0.62), (0.025, 0.07), 0.6),
    ((0.5, 0.88), (0.12, 0.04), 0.35),
    ((0.3, 0.62), (0.05, 0.04), 0.15),
    ((0.7, 0.62), (0.05, 0.04), 0.15),
    ((0.5, 0.33), (0.03, 0.025), 0.2),
)
"""Shiny places of the face: uv, radii, how much more gloss."""


def skin_look(traits: Traits) -> SkinLook:
    """How this person's skin reflects."""
    rng = stream(traits.seed, "skin look")
    skin = traits.skin
    bald = {"bald": 0.0, "buzz": float(rng.uniform(0.5, 0.8))}
    return SkinLook(
        albedo=skin.albedo,
        # the exposure brightens dark skin, and the highlight on it as well
        specular=float(rng.uniform(0.16, 0.36) * skin.oiliness * (1 - 0.55 * skin.melanin)),
        roughness=float(rng.uniform(0.46, 0.58)),
        scattering=1 - 0.35 * skin.melanin,
        scalp=bald.get(traits.hair.style, 1.0),
        hairline=traits.hair.hairline,
        hair_color=traits.hair.root_color,
        teeth=float(rng.uniform(0.85, 1.1) - 0.15 * traits.age),
    )


def vertex_albedo(bust: Bust, traits: Traits) -> np.ndarray:
    """(B, 3) float32 linear RGB: blood, sun and slow changes from place to place."""
    rng = stream(traits.seed, "skin tint")
    skin, points = traits.skin, bust.rest
    blood = np.zeros(len(points))
    for center, radii, strength in _FLUSHED:
        blood += strength * np.exp(-(((points - center) / radii) ** 2).sum(axis=1) / 2)
    waves = np.sin(points @ rng.normal(0, 0.5, (3, 6)) + rng.uniform(0, 9, 6)).mean(axis=1)
    # necks see less sun than faces, and lids are thin
    sun = 1 - 0.06 * smoothstep(-points[:, 1], 7, 12) * (points[:, 2] > -4)
    lids = sum(
        np.exp(-(((points - center) / (1.7, 0.6, 1.5)) ** 2).sum(axis=1) / 2)
        for center in ((3.3, 4.4, 9.3), (-3.3, 4.4, 9.3))
    )
    absorbed = blood[:, None] * _BLOOD * skin.redness + waves[:, None] * np.array([0.03, 0.05, 0.06])
    absorbed = absorbed + np.asarray(lids)[:, None] * np.array([0.04, 0.08, 0.06]) * (1 + skin.tiredness)
    return (np.array(skin.albedo) * sun[:, None] * np.exp(-absorbed)).astype(np.float32)


def bake_skin(bust: Bust, traits: Traits, size: int) -> np.ndarray:
    """Paints the face.

    Args:
        bust: for the landmarks in the texture.
        traits: whose face.
        size: side of the texture; 512 is enough for pictures of 256.

    Returns:
        (size, size, 5) uint8, as `Subject.skin_texture`.
    """
    canvas, face = SkinCanvas(size), FaceMap(bust.landmark_uvs)
    smooth = traits.avatar is not None
    _paint_complexion(canvas, traits.skin, stream(traits.seed, "complexion"), 0.35 if smooth else 1.0)
    if not smooth:
        _paint_under_eyes(canvas, face, traits.skin)
        paint_wrinkles(canvas, face, traits)
        _paint_freckles_and_moles(canvas, traits.skin, stream(traits.seed, "moles"))
    lips = paint_lips(canvas, face, traits)
    paint_make_up(canvas, face, traits)
    paint_brows(canvas, face, traits)
    paint_beard(canvas, traits, lips)
    return canvas.texture()


def _paint_complexion(canvas: SkinCanvas, skin: SkinTraits, rng: np.random.Generator, strength: float) -> None:
    """Blotches, pores and shine."""
    size, amount = canvas.size, skin.unevenness * strength
    brown = smooth_noise(rng, size, [8, 24, 80, 256], [0.045, 0.04, 0.03, 0.028])
    red = smooth_noise(rng, size, [10, 32, 100], [0.045, 0.04, 0.02])
    canvas.darken(brown * amount, (0.6, 0.9, 1.0))
    canvas.darken(red * amount * (1.1 - 0.6 * skin.melanin), (0.1, 0.9, 0.8))
    canvas.bump += strength * (0.4 + 0.7 * skin.unevenness) * smooth_noise(rng, size, [110, 256], [6, 5])
    canvas.gloss += smooth_noise(rng, size, [24, 256], [0.16, 0.2])
    for center, radii, more in _OILY:
        canvas.gloss += more * skin.oiliness * canvas.spot(center, radii)


def _paint_under_eyes(canvas: SkinCanvas, face: FaceMap, skin: SkinTraits) -> None:
    for eye in face.eyes:
        u, v = eye.mean(axis=0)
        shadow = canvas.spot((float(u), float(v) - 0.026), (0.046, 0.016))
        canvas.darken(shadow * (0.08 + 0.35 * skin.tiredness), (0.7, 1.0, 0.8))


def _paint_freckles_and_moles(canvas: SkinCanvas, skin: SkinTraits, rng: np.random.Generator) -> None:
    if skin.freckles:
        places = np.array([0.5, 0.64]) + rng.normal(0, 1, (skin.freckles, 2)) * (0.13, 0.06)
        radii, strengths = rng.uniform(0.0008, 0.0024, skin.freckles), rng.uniform(0.2, 0.8, skin.freckles)
        canvas.darken(canvas.softened(canvas.dots(places, radii, strengths), 0.001), (0.35, 0.7, 0.8))
    places = rng.uniform((0.25, 0.3), (0.75, 0.9), (skin.moles, 2))
    moles = canvas.dots(places, rng.uniform(0.0015, 0.0042, skin.moles), np.ones(skin.moles))
    canvas.darken(canvas.softened(moles, 0.001), (0.8, 1.2, 1.3))
