"""What the renderer computes once a subject instead of once a frame."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import cv2
import numpy as np

from megactor.synth.anatomy import regions
from megactor.synth.anatomy.bust import Bust
from megactor.synth.anatomy.subject import Material, Subject
from megactor.synth.posing.deformation import SparseShapes
from megactor.synth.posing.poser import Poser
from megactor.synth.render import shading
from megactor.synth.render.folding import FoldingSkin

Value = TypeVar("Value")

_OUTER = (Material.SKIN, Material.HEAD, Material.CLOTH)
"""Materials that hide much: drawn first, so that what lies behind is skipped early."""
_SMALLEST_TEXTURE = 64
_RELIEF = 0.012 / 1024
"""Slope of the surface for a step of one between neighboring texels of a texture one texel wide."""


class PreparedSubject:
    """A subject's arrays as the kernels want them, its poser and its textures.

    Args:
        bust: that the subject was built on.
        shapes: the bust's expressions.
        subject: who.
    """

    def __init__(self, bust: Bust, shapes: SparseShapes, subject: Subject) -> None:
        self.subject = subject
        self.poser = Poser(bust, shapes, subject)
        self.triangles = np.ascontiguousarray(subject.triangles, np.int32)
        self.uv_triangles = np.ascontiguousarray(subject.uv_triangles, np.int32)
        self.uvs = bust.uvs
        self.materials = np.ascontiguousarray(subject.materials, np.uint8)
        self.two_sided = np.ascontiguousarray(subject.two_sided, np.bool_)
        self.fixed = shading.pack_fixed(subject.colors, subject.canonical, _fields(bust, subject))
        solid = np.arange(len(self.triangles)) < len(self.triangles) - subject.lash_triangles
        outer = np.isin(self.materials, _OUTER)
        self.outer = np.flatnonzero(solid & outer).astype(np.int32)
        self.inner = np.flatnonzero(solid & ~outer).astype(np.int32)
        self.shadow_casters = np.flatnonzero(subject.casts_shadow).astype(np.int32)
        self._textures = _texture_levels(subject.skin_texture)
        self._texels_per_unit = _texel_density(bust, subject)
        self._folding = FoldingSkin(subject.folds, bust.rig.expression_names, len(subject.skin_texture), _RELIEF)

    def texture(self, pixel: float, expressions: np.ndarray) -> np.ndarray:
        """(N, N, 6) float32, `Look.texture`.

        Args:
            pixel: how many rig units of the face a pixel covers.
            expressions: (E,) weights of the rig's shapes, which fold the skin.
        """
        texels = max(self._texels_per_unit * pixel, 1)
        texture = self._textures[min(round(np.log2(texels)), len(self._textures) - 1)]
        return self._folding.laid_on(texture, expressions)


class Recent(Generic[Value]):
    """The values made for the last few keys. Keys are told apart by identity, since arrays have no cheap equality.

    Args:
        size: how many to keep.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        # keys are kept too, so that no id is reused while it stands for one of them
        self._values: OrderedDict[tuple[int, ...], tuple[tuple[Any, ...], Value]] = OrderedDict()

    def get(self, key: tuple[Any, ...], make: Callable[[], Value], variant: int = 0) -> Value:
        """The value made for these objects and this variant, from `make` if there is none."""
        ids = (*(id(part) for part in key), variant)
        if ids not in self._values:
            self._values[ids] = (key, make())
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        self._values.move_to_end(ids)
        return self._values[ids][1]


def _fields(bust: Bust, subject: Subject) -> np.ndarray:
    """(V, 4) float32, as `shading.pack_fixed` takes them."""
    points = subject.canonical
    tongue = np.zeros(len(points))
    tongue[: len(bust.tongue)] = bust.tongue
    fields = [
        regions.scalp_distance(points, subject.skin.hairline),
        regions.cloth_distance(points, subject.clothes),
        regions.hat_distance(points, subject.clothes),
        tongue,
    ]
    return np.ascontiguousarray(np.stack(fields, axis=1), np.float32)


def _texture_levels(texture: np.ndarray) -> list[np.ndarray]:
    """`Look.texture` at full size, half, a quarter and so on."""
    levels: list[np.ndarray] = []
    size = texture.shape[0]
    while size >= _SMALLEST_TEXTURE or not levels:
        small = cv2.resize(texture, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
        factors = small[..., [0, 1, 2, 4]] / np.float32(127.5)
        right = np.diff(small[..., 3], axis=1, append=small[:, -1:, 3])
        down = np.diff(small[..., 3], axis=0, append=small[-1:, :, 3])
        slopes = np.stack([right, down], axis=-1) * np.float32(_RELIEF * size)
        levels.append(np.ascontiguousarray(np.concatenate([factors, slopes], axis=-1)))
        size //= 2
    return levels


def _texel_density(bust: Bust, subject: Subject) -> float:
    """Texels of the full texture along one rig unit of the face, the median over its triangles."""
    face = bust.materials == Material.SKIN
    corners, uvs = bust.rest[bust.triangles[face]], bust.uvs[bust.uv_triangles[face]]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    first, second = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
    uv_area = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    return float(np.median(np.sqrt(uv_area / np.maximum(area, 1e-9)))) * subject.skin_texture.shape[0]
