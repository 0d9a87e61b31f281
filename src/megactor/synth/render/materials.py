"""What a surface is made of at one point: color, gloss and small relief, one function a material.

They take canonical coordinates, so that patterns stick to the person, and a `Look` of plain numbers.
"""
# mypy: disallow-untyped-defs=false

import math
from typing import NamedTuple

import numpy as np

from megactor.synth.anatomy.subject import Subject
from megactor.synth.jit import inlined
from megactor.synth.posing.poser import Posed
from megactor.synth.render.solid_noise import solid_noise

Color = tuple[float, float, float]


class Look(NamedTuple):
    """The numbers of a subject that its materials need; colors are linear RGB.

    texture: (N, N, 6) float32: RGB factors, gloss factor, slopes of the relief along u and v (texture rows down).
    eyes: (2, 12) float32, center, looking direction, right and up of the left and the right eye.
    """

    texture: np.ndarray
    specular: float
    roughness: float
    scattering: float
    scalp: float
    hair_color: Color
    teeth: float
    painted_mouth: bool
    mouth_dimness: float
    teeth_dimness: float
    cloth_pattern: int
    cloth_scale: float
    cloth_color: Color
    cloth_accent: Color
    hat_color: Color
    eyes: np.ndarray
    iris_radius: float
    pupil: float
    iris_outer: Color
    iris_inner: Color
    tongue_out: float


def look_of(subject: Subject, posed: Posed, texture: np.ndarray) -> Look:
    """Collects the numbers for one frame; `texture` is the level of detail chosen for it."""
    skin, clothes, eyes = subject.skin, subject.clothes, subject.eyes
    return Look(
        texture=texture,
        specular=float(skin.specular),
        roughness=float(skin.roughness),
        scattering=float(skin.scattering),
        scalp=float(skin.scalp),
        hair_color=_color(skin.hair_color),
        teeth=float(skin.teeth),
        painted_mouth=bool(subject.painted_mouth),
        mouth_dimness=float(subject.mouth_dimness),
        teeth_dimness=float(subject.teeth_dimness),
        cloth_pattern=int(clothes.pattern),
        cloth_scale=float(clothes.scale),
        cloth_color=_color(clothes.colors[0]),
        cloth_accent=_color(clothes.colors[1]),
        hat_color=_color(clothes.hat or (0, 0, 0)),
        eyes=np.stack([np.concatenate([eye.center, eye.axes.ravel()]) for eye in posed.eyes]).astype(np.float32),
        iris_radius=float(eyes.iris_radius),
        pupil=float(eyes.pupil),
        iris_outer=_color(eyes.outer),
        iris_inner=_color(eyes.inner),
        tongue_out=posed.tongue_out,
    )


def _color(rgb: tuple[float, float, float]) -> Color:
    return float(rgb[0]), float(rgb[1]), float(rgb[2])


@inlined
def skin_texture(texture, u, v):
    """Texture at (u, v), bilinear: red, green, blue and gloss factors, slopes along u and v."""
    size = texture.shape[0]
    x, y = min(max(u, 0.0), 1.0) * (size - 1), min(max(1 - v, 0.0), 1.0) * (size - 1)
    j, i = min(int(x), size - 2), min(int(y), size - 2)
    fx, fy = np.float32(x - j), np.float32(y - i)
    weights = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    return (
        _texel(texture, i, j, weights, 0),
        _texel(texture, i, j, weights, 1),
        _texel(texture, i, j, weights, 2),
        _texel(texture, i, j, weights, 3),
        _texel(texture, i, j, weights, 4),
        _texel(texture, i, j, weights, 5),
    )


@inlined
def _texel(texture, i, j, weights, channel):
    return (
        weights[0] * texture[i, j, channel]
        + weights[1] * texture[i, j + 1, channel]
        + weights[2] * texture[i + 1, j, channel]
        + weights[3] * texture[i + 1, j + 1, channel]
    )


@inlined
def knitwear(color, x, y, z):
    """A ribbed hat."""
    around = math.atan2(x, z)
    shade = 0.75 + 0.25 * math.sin(y * 9 + math.sin(around * 26) * 1.2) * math.sin(around * 52)
    return color[0] * shade, color[1] * shade, color[2] * shade


@inlined
def scalp_cover(look, height, x, y, z):
    """How much of the skin hair roots cover, `height` above the hairline, and their color."""
    hair = look.hair_color
    if look.scalp <= 0 or height < -0.5:
        return 0.0, hair
    ragged = height + 0.9 * (solid_noise(x * 1.7, y * 1.7, z * 1.7) - 0.5)
    cover = look.scalp * min(max(ragged / 0.9, 0.0), 1.0)
    shade = 0.75 + 0.5 * solid_noise(x * 9, y * 9, z * 9)
    return cover, (hair[0] * shade, hair[1] * shade, hair[2] * shade)


@inlined
def cloth(look, depth, x, y, z):
    """Cloth `depth` below the collar's edge: its color, and how far folds tilt it to the side."""
    base, accent = look.cloth_color, look.cloth_accent
    shade = 1.0
    share = 0.0
    if look.cloth_pattern == 1:
        share = 1.0 if math.sin(y * look.cloth_scale) > 0.2 else 0.0
    elif look.cloth_pattern == 2:
        share = 0.5 * (math.sin(y * look.cloth_scale) > 0) + 0.5 * (math.sin(x * look.cloth_scale) > 0)
    elif look.cloth_pattern == 3:
        s = 0.4 * look.cloth_scale
        share = min(max((solid_noise(x * s, y * s, z * s) - 0.45) * 6, 0.0), 1.0)
    elif look.cloth_pattern == 4:
        opening = abs(x) - 1.5 - 0.25 * depth
        if opening > 0 and depth > 0.6:
            share = 1.0
        elif abs(opening) < 0.25:
            shade = 0.5
    shade *= 0.9 + 0.2 * solid_noise(x * 7, y * 7, z * 7)
    shade *= 0.75 + 0.5 * solid_noise(x * 0.35 + 5, y * 0.22, z * 0.35)
    if depth < 0.55:  # ribbed collar with a seam
        shade *= 0.82
    if depth < 0.08:
        shade *= 0.5
    if abs(depth - 0.6) < 0.06:
        shade *= 0.8
    fold = solid_noise(x * 0.5, y * 0.25 + 3, z * 0.5) - solid_noise(x * 0.5 + 0.35, y * 0.25 + 3, z * 0.5)
    color = (
        (base[0] + share * (accent[0] - base[0])) * shade,
        (base[1] + share * (accent[1] - base[1])) * shade,
        (base[2] + share * (accent[2] - base[2])) * shade,
    )
    return color, 0.9 * fold


@inlined
def fabric(color, x, y, z):
    """The weave of attached clothes on their own color."""
    shade = 0.9 + 0.2 * solid_noise(x * 7, y * 7, z * 7)
    return color[0] * shade, color[1] * shade, color[2] * shade


@inlined
def eyeball(look, side, x, y, z, openness):
    """Sclera, iris and pupil at a world point: color, and how much light the lids leave."""
    eyes = look.eyes
    dx, dy, dz = x - eyes[side, 0], y - eyes[side, 1], z - eyes[side, 2]
    length = 1 / math.sqrt(dx * dx + dy * dy + dz * dz + 1e-12)
    dx, dy, dz = dx * length, dy * length, dz * length
    angle = math.acos(min(1.0, max(-1.0, dx * eyes[side, 3] + dy * eyes[side, 4] + dz * eyes[side, 5])))
    right = dx * eyes[side, 6] + dy * eyes[side, 7] + dz * eyes[side, 8]
    up = dx * eyes[side, 9] + dy * eyes[side, 10] + dz * eyes[side, 11]
    around = math.atan2(up, right)
    rim = look.iris_radius
    red, green, blue = 0.53, 0.49, 0.47
    if angle > rim:
        white = min(1.0, (angle - rim) / 0.9)
        veins = solid_noise(math.cos(around) * 5 * (1 + angle), math.sin(around) * 5 * (1 + angle), 3.0)
        red, green, blue = (
            red - 0.10 * white,
            green - 0.20 * white * (0.6 + 0.8 * veins),
            blue - 0.22 * white * (0.6 + 0.8 * veins),
        )
    if angle < rim * 1.06:
        q = angle / rim
        fibers = 0.5 * solid_noise(around * 6, q * 2, 1.0) + 0.5 * solid_noise(around * 14, q * 3, 7.0)
        inner = min(1.0, max(0.0, (0.62 - q) / 0.25))
        shade = 0.55 + 0.9 * fibers
        shade *= 1 - 0.75 * min(1.0, max(0.0, (q - 0.78) / 0.2))  # dark limbal ring
        shade *= 1 - 0.5 * up / max(rim, 0.1)  # the cornea gathers light at the bottom
        shade *= 1 - min(1.0, max(0.0, (look.pupil - q) / 0.06 + 0.5))
        edge = min(1.0, max(0.0, (1.06 - q) / 0.10))
        outer, ring = look.iris_outer, look.iris_inner
        red += edge * (shade * (outer[0] + inner * (ring[0] - outer[0])) - red)
        green += edge * (shade * (outer[1] + inner * (ring[1] - outer[1])) - green)
        blue += edge * (shade * (outer[2] + inner * (ring[2] - outer[2])) - blue)
    under_lid = 0.78 + 0.22 * min(1.0, max(0.0, 1 - 1.6 * up))
    return (red, green, blue), under_lid * (0.75 + 0.25 * min(1.0, max(0.0, (openness - 0.3) / 0.7)))


@inlined
def tongue(color, x, y, z):
    """Rough red skin."""
    grain = 0.85 + 0.3 * solid_noise(x * 5, y * 5, z * 5)
    return color[0] * grain, color[1] * grain, color[2] * grain


@inlined
def dimmed(light, dimness):
    """A part of the light, in [0, 1], as dark as it is by default at a dimness of 1, all of it at 0."""
    return light if dimness == 1 else light**dimness


@inlined
def depth_in_mouth(dimness, z, back, front, power):
    """How much light reaches a depth of the mouth: canonical z from `back` (dark) to `front`."""
    light = min(1.0, max(0.0, (z - back) / (front - back)))
    return dimmed(max(0.02, light**power), dimness)
