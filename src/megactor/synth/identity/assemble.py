"""Traits -> Subject: builds every part of a person and puts them together."""

from dataclasses import replace

import numpy as np

from megactor.synth.anatomy.bust import Bust
from megactor.synth.anatomy.subject import EyeLook, Material, Subject
from megactor.synth.identity.attached import Attached
from megactor.synth.identity.beard import grow_beard
from megactor.synth.identity.clothes import build_collar, clothes_look, thicken
from megactor.synth.identity.earrings import build_earrings
from megactor.synth.identity.folds import expression_folds
from megactor.synth.identity.glasses import build_glasses, lenses_of
from megactor.synth.identity.hair import grow_hair
from megactor.synth.identity.hats import below_rim, build_hat
from megactor.synth.identity.mouth import mouth_colors, shaped_teeth
from megactor.synth.identity.shape import avatar_scales, rest_shape, scaled
from megactor.synth.identity.skin import bake_skin, skin_look, vertex_albedo
from megactor.synth.identity.traits import HatTraits, Traits

TEXTURE_SIZE = 512
"""Enough for pictures of 256 x 256, where a texel is smaller than a pixel; larger pictures want 1024."""

_NO_SHADOW = (Material.MOUTH, Material.TEETH, Material.GUM, Material.TONGUE, Material.EYE, Material.SOCKET)
"""Inside of the head: the lips and lids shadow it, and the shader knows that it is dark there."""
_TWO_SIDED = (Material.HAIR, Material.CLOTH, Material.FABRIC)


def build_subject(bust: Bust, traits: Traits, texture_size: int = TEXTURE_SIZE) -> Subject:
    """Makes the person ready to be rendered; the same arrays for the same traits.

    Args:
        bust: of all people.
        traits: who.
        texture_size: side of the skin texture.
    """
    hat = traits.hat
    look = clothes_look(traits.clothes, None, 0.0)
    scales = avatar_scales(bust, traits.avatar) if traits.avatar else ()
    rest = thicken(bust, rest_shape(bust, traits.shape), look)
    albedo = vertex_albedo(bust, traits)
    if traits.mouth:
        rest = shaped_teeth(bust, rest, traits.mouth, traits.seed)
        albedo = mouth_colors(bust, albedo, traits.mouth, traits.seed)
    # what is attached is fitted to the figure as it looks; the bust itself is scaled after its expression
    fitted = scaled(rest, scales)
    hair = grow_hair(bust, fitted, traits)
    if hair is not None and hat is not None:
        hair = _tucked_under(hair, hat)
    parts = [hair, grow_beard(bust, fitted, traits), build_collar(bust, fitted, traits.clothes, look)]
    glasses = build_glasses(bust, fitted, traits.glasses) if traits.glasses else None
    parts.append(glasses)
    if hat:
        parts.append(build_hat(bust, fitted, hat))
    if traits.earrings:
        parts.append(build_earrings(bust, fitted, traits.earrings))
    attached = [part for part in parts if part is not None]
    lenses = None
    if glasses and traits.lenses:
        before = attached[: next(i for i, part in enumerate(attached) if part is glasses)]
        lenses = lenses_of(traits.lenses, len(rest) + sum(len(part.positions) for part in before))
    eyes = traits.eyes
    return Subject(
        **_merged(bust, rest, albedo, attached),
        lash_triangles=len(bust.lash_triangles),
        skin_texture=bake_skin(bust, traits, texture_size),
        lash_density=eyes.lash_density,
        lash_length=eyes.lash_length,
        expression_gain=traits.shape.expression_gain,
        local_scales=scales,
        eyes=EyeLook(iris_radius=eyes.iris_radius, pupil=eyes.pupil, outer=eyes.outer, inner=eyes.inner),
        skin=skin_look(traits),
        clothes=look,
        painted_mouth=traits.mouth is not None,
        mouth_dimness=traits.mouth.dimness if traits.mouth else 1.0,
        teeth_dimness=traits.mouth.teeth_dimness if traits.mouth else 1.0,
        lenses=lenses,
        folds=expression_folds(bust.landmark_uvs, traits, texture_size),
    )


def _tucked_under(hair: Attached, hat: HatTraits) -> Attached:
    """The hair without what a hat covers."""
    visible = below_rim(hair.positions[hair.triangles].mean(axis=1), hat)
    return replace(hair, triangles=hair.triangles[visible], casts_shadow=hair.casts_shadow[visible])


def _merged(bust: Bust, rest: np.ndarray, albedo: np.ndarray, attached: list[Attached]) -> dict[str, np.ndarray]:
    """The arrays of a Subject: bust, attached parts in order, lashes."""
    starts = len(rest) + np.cumsum([0] + [len(part.positions) for part in attached])
    triangles = [bust.triangles] + [part.triangles + start for part, start in zip(attached, starts[:-1], strict=True)]
    counts = [len(part.triangles) for part in attached]
    materials = np.concatenate(
        [
            bust.materials,
            np.repeat(np.array([part.material for part in attached], np.uint8), counts),
            np.full(len(bust.lash_triangles), Material.LASH, np.uint8),
        ]
    )
    shadows = [~np.isin(bust.materials, _NO_SHADOW)] + [part.casts_shadow for part in attached]
    shadows.append(np.zeros(len(bust.lash_triangles), bool))
    positions = np.concatenate([rest] + [part.positions for part in attached])
    canonical = np.concatenate([bust.rest] + [part.positions for part in attached])

    def of_attached(name: str, dtype: type) -> np.ndarray:
        parts = [getattr(part, name) for part in attached]
        return np.concatenate([np.zeros((0, 3)), *parts]).astype(dtype)

    return {
        "rest": positions.astype(np.float32),
        "canonical": canonical.astype(np.float32),
        "triangles": np.concatenate([*triangles, bust.lash_triangles]).astype(np.int32),
        "uv_triangles": np.concatenate(
            [bust.uv_triangles, np.zeros((sum(counts), 3), np.int32), bust.lash_uv_triangles]
        ).astype(np.int32),
        "materials": materials,
        "two_sided": np.isin(materials, _TWO_SIDED),
        "casts_shadow": np.concatenate(shadows),
        "colors": np.concatenate([albedo] + [part.colors for part in attached]).astype(np.float32),
        "head_weight": np.concatenate([bust.head_weight] + [part.head_weight for part in attached]).astype(np.float32),
        "hair_tangents": of_attached("tangents", np.float32),
        "hair_normals": of_attached("normals", np.float32),
        "anchors": of_attached("anchors", np.int32),
        "anchor_weights": of_attached("anchor_weights", np.float32),
    }
