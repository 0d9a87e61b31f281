"""Skin that folds with expressions: the skin texture of one moment."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from megactor.synth.anatomy.subject import Fold

_DEPTH = 110.0
"""What a fold of mask 1 takes from the height of the relief, in steps of the stored texture."""
_SHADE = np.array([0.25, 0.34, 0.36], np.float32)
"""What it takes from red, green and blue."""
_LEAST = 0.02
"""Weaker folds cannot be seen."""


@dataclass(frozen=True)
class _Layer:
    """A fold at one level of detail: where it lies, the slopes (h, w, 2) and the color (h, w, 3) that it adds."""

    rows: slice
    columns: slice
    slopes: np.ndarray
    color: np.ndarray


class FoldingSkin:
    """The folds of one subject, ready to be laid on its textures.

    Args:
        folds: of the subject.
        expression_names: of the rig, in its order.
        size: side of the texture that the folds are laid out on.
        relief: slope for a step of one between neighboring texels of a texture one texel wide.
    """

    def __init__(self, folds: Sequence[Fold], expression_names: Sequence[str], size: int, relief: float) -> None:
        self._folds = folds
        self._size = size
        self._relief = relief
        gains = [[dict(fold.shapes).get(name, 0.0) for name in expression_names] for fold in folds]
        self._gains = np.array(gains, np.float32).reshape(len(folds), len(expression_names))
        self._levels: dict[int, list[_Layer]] = {}

    def laid_on(self, texture: np.ndarray, expressions: np.ndarray) -> np.ndarray:
        """A texture with the folds of some expressions.

        Args:
            texture: (N, N, 6) float32, `Look.texture`.
            expressions: (E,) weights of the rig's shapes.

        Returns:
            The texture itself where nothing folds, else a changed copy.
        """
        strengths = np.clip(self._gains @ expressions, 0, 1)
        shown = np.flatnonzero(strengths > _LEAST)
        if len(shown) == 0:
            return texture
        side = len(texture)
        if side not in self._levels:
            self._levels[side] = [self._layer(fold, side) for fold in self._folds]
        folded = texture.copy()
        for number in shown:
            layer, strength = self._levels[side][number], np.float32(strengths[number])
            part = folded[layer.rows, layer.columns]
            part[..., :3] *= 1 - strength * layer.color
            part[..., 4:] += strength * layer.slopes
        return folded

    def _layer(self, fold: Fold, side: int) -> _Layer:
        """The fold on a texture of `side` texels."""
        step = self._size // side
        top, left = fold.row // step, fold.column // step
        height = -(-(fold.row + fold.mask.shape[0]) // step) - top
        width = -(-(fold.column + fold.mask.shape[1]) // step) - left
        whole = np.zeros((height * step, width * step), np.float32)
        down, right = fold.row - top * step, fold.column - left * step
        whole[down : down + fold.mask.shape[0], right : right + fold.mask.shape[1]] = fold.mask / np.float32(255)
        mask = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        bump = -_DEPTH * mask
        slopes = [np.diff(bump, axis=axis, append=np.take(bump, [-1], axis)) for axis in (1, 0)]
        return _Layer(
            rows=slice(top, top + height),
            columns=slice(left, left + width),
            slopes=np.stack(slopes, axis=-1) * np.float32(self._relief * side),
            color=mask[..., None] * _SHADE,
        )
