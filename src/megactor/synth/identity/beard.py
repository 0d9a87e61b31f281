"""Beards: shaved skin, stubble, and strands that move with the face."""

from dataclasses import dataclass

import numpy as np

from megactor.synth.anatomy.bust import Bust
from megactor.synth.anatomy.subject import Material
from megactor.synth.brushes.noise import smooth_noise
from megactor.synth.identity.attached import Attached, surface_normals
from megactor.synth.identity.canvas import SkinCanvas
from megactor.synth.identity.face_map import FaceMap, closed_curve
from megactor.synth.identity.strands import Strands, ribbons, scatter, unit
from megactor.synth.identity.traits import Traits
from megactor.synth.streams import stream


@dataclass(frozen=True)
class BeardStyle:
    """Where a beard is full: on the lip, round the mouth, on cheeks and jaw (0..1 each); how many strands it has."""

    lip: float
    chin: float
    jaw: float
    strands: int


BEARDS = {
    "shaved": BeardStyle(lip=0, chin=0, jaw=0, strands=0),
    "stubble": BeardStyle(lip=0, chin=0, jaw=0, strands=0),
    "moustache": BeardStyle(lip=1, chin=0, jaw=0, strands=420),
    "goatee": BeardStyle(lip=1, chin=1, jaw=0, strands=750),
    "full": BeardStyle(lip=1, chin=1, jaw=1, strands=1700),
}

_JAW_LEFT_HALF = [(0.5, 0.53), (0.545, 0.545), (0.615, 0.53), (0.645, 0.5), (0.71, 0.47), (0.785, 0.5), (0.815, 0.62)]
_JAW_LEFT_HALF += [(0.84, 0.5), (0.8, 0.3), (0.68, 0.2), (0.5, 0.16)]
"""Where men grow beards in the rig's texture: the outline's left half, from under the nose to under the chin."""
_LIP_LEFT_HALF = [(0.5, 0.535), (0.54, 0.545), (0.6, 0.5), (0.625, 0.45), (0.58, 0.485), (0.5, 0.515)]
_CHIN_LEFT_HALF = [(0.5, 0.35), (0.56, 0.36), (0.6, 0.4), (0.622, 0.447), (0.655, 0.445), (0.648, 0.37), (0.61, 0.29)]
_CHIN_LEFT_HALF += [(0.56, 0.245), (0.5, 0.235)]

_SEGMENTS = 3
_SAG = np.array([0, -0.25, 0])
_ROOTED = 0.35
"""Fullness from which strands grow."""
_TRIMMED = np.array([1.1, 1.3])
"""How much wider and higher than the lips is the place that men keep free of hair."""


def paint_beard(canvas: SkinCanvas, traits: Traits, lips: np.ndarray) -> None:
    """Paints shadows of shaved hair, stubble and the skin under a beard.

    Args:
        canvas: painted on.
        traits: whose.
        lips: (S, S) mask that stays free.
    """
    beard = traits.beard
    style = BEARDS[beard.style]
    if beard.stubble == 0 and not style.strands:
        return
    rng = stream(traits.seed, "stubble")
    grain = smooth_noise(rng, canvas.size, [min(canvas.size, 420)], [1.0])
    speckle = np.clip(0.35 + 0.9 * grain, 0, 1)
    everywhere = _full(canvas, BeardStyle(1, 1, 1, 0))
    cover = np.maximum(0.75 * beard.stubble * everywhere, 0.9 * _full(canvas, style))
    cover = np.clip(cover * (1 - lips) * (0.4 + 0.7 * speckle), 0, 0.92)
    canvas.paint(cover, np.array(beard.color) / traits.skin.albedo)
    canvas.gloss *= 1 - 0.6 * cover


def grow_beard(bust: Bust, rest: np.ndarray, traits: Traits) -> Attached | None:
    """Strands of the beard, anchored to the skin they grow from; None without a beard.

    Args:
        bust: for the texture's layout.
        rest: (B, 3) the identity at rest.
        traits: whose.
    """
    beard = traits.beard
    style = BEARDS[beard.style]
    if not style.strands:
        return None
    skin = np.flatnonzero(bust.materials == Material.SKIN)
    triangles, uv = bust.triangles[skin], bust.uvs[bust.uv_triangles[skin]].mean(axis=1)
    canvas = SkinCanvas(256)
    mouth = closed_curve(FaceMap(bust.landmark_uvs).mouth)
    trimmed = mouth.mean(axis=0) + (mouth - mouth.mean(axis=0)) * _TRIMMED
    full = _full(canvas, style) * (1 - canvas.polygon(trimmed, 0.006))
    x, y = np.clip(np.round(canvas.pixels(uv)).astype(int), 0, canvas.size - 1).T
    density = full[y, x] * (uv <= 1).all(axis=1)
    density *= density > _ROOTED
    if not density.any():
        return None
    rng = stream(traits.seed, "beard strands")
    chosen, weights = scatter(rest, triangles, density, style.strands, rng)
    root = (rest[triangles[chosen]] * weights[..., None]).sum(axis=1)
    normal = (surface_normals(rest, bust.triangles)[triangles[chosen]] * weights[..., None]).sum(axis=1)
    # short on the cheeks, long at the chin
    length = beard.length * rng.uniform(0.6, 1.1, len(root)) * np.interp(root[:, 1], [-6, -3, 0], [1, 0.6, 0.3])
    length = np.minimum(length, _free_length(rest[bust.rig.landmarks], root))
    points = _hang(root, normal, length, rng)
    outwards = unit(points[:, -1:] - np.array([0, -2, 5.0]))
    strands = Strands(
        points=points,
        outwards=np.broadcast_to(outwards, points.shape),
        anchors=triangles[chosen].astype(np.int32),
        anchor_weights=weights.astype(np.float32),
    )
    color = np.array(beard.color)
    return ribbons(strands, color, color * 1.3, (0.09, 0.19), rng)


def _free_length(landmarks: np.ndarray, root: np.ndarray) -> np.ndarray:
    """(N,) how long hair may be above the mouth: it is trimmed at the lip, so that the mouth stays in sight."""
    corner, lip = abs(landmarks[54, 0] - landmarks[48, 0]) / 2, landmarks[51, 1]
    above = (root[:, 1] > landmarks[48:68, 1].min()) & (np.abs(root[:, 0]) < corner + 0.3)
    return np.where(above, np.clip(root[:, 1] - lip + 0.05, 0.15, 1.0), np.inf)


def _hang(root: np.ndarray, normal: np.ndarray, length: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N, K, 3) strands that leave the skin and bend down, parted in the middle."""
    count = len(root)
    aside = np.sign(root[:, 0]) * 0.12 * (np.abs(root[:, 0]) > 0.4)
    direction = unit(0.5 * normal + np.stack([aside, np.full(count, -0.8), np.zeros(count)], axis=1))
    direction = unit(direction + rng.normal(0, 0.13, (count, 3)))
    points = [root]
    for _ in range(_SEGMENTS):
        points.append(points[-1] + direction * length[:, None] / _SEGMENTS)
        direction = unit(direction + _SAG + rng.normal(0, 0.14, (count, 3)))
    return np.stack(points, axis=1)


def _full(canvas: SkinCanvas, style: BeardStyle) -> np.ndarray:
    """(S, S) how full the beard is."""
    full = style.jaw * canvas.polygon(_both_halves(_JAW_LEFT_HALF), 0.013)
    full = np.maximum(full, style.lip * canvas.polygon(_both_halves(_LIP_LEFT_HALF), 0.005))
    return np.maximum(full, style.chin * canvas.polygon(_both_halves(_CHIN_LEFT_HALF), 0.007))


def _both_halves(left: list[tuple[float, float]]) -> np.ndarray:
    """Closed outline of a left half, whose first and last point lie in the middle, and its mirror image."""
    points = np.array(left)
    mirrored = points[-2:0:-1] * [-1, 1] + [1, 0]
    return np.concatenate([points, mirrored])
