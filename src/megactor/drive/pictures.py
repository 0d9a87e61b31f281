"""Pictures as callers have them: files, PIL images, arrays and tensors, as diffusers' pipelines take them."""

import os
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from PIL import Image
from torch import Tensor

from megactor.errors import InputError

Picture = str | os.PathLike[str] | Image.Image | np.ndarray | Tensor
"""A file; a PIL image of any mode; an array (H, W), (H, W, C) or a tensor (C, H, W), (H, W, C), with C 1, 3 or 4 and
perhaps a 1 before, uint8 or float in [0, 1]."""

_TAKEN = "give a file, a PIL image, or an array or tensor of uint8 or of floats from 0 to 1"
_CHANNELS = (1, 3, 4)
_OVERSHOOT = 0.1
"""How far floats may lie outside of [0, 1]: bicubic enlargement leaves that range a little."""
_SAME_SHAPE = 0.01
"""Ratios of width and height that differ by less are those of one picture in two resolutions."""


def read_picture(picture: Picture, name: str = "the portrait") -> np.ndarray:
    """A picture as the networks' inputs are cut from: transparent pixels over white, gray as RGB.

    Args:
        picture: see `Picture`.
        name: what the error calls it.

    Returns:
        uint8 RGB (H, W, 3), contiguous; the caller's own array if it is one already.

    Raises:
        InputError: it is something else.
    """
    from megactor.media.images import load_image, upright_rgb  # PyAV, for HEIF: training does without it

    if isinstance(picture, str | os.PathLike):
        return load_image(picture)
    if isinstance(picture, Image.Image):
        try:
            return upright_rgb(picture)
        except (OSError, SyntaxError, ValueError) as error:  # opened, but never decoded
            raise InputError(f"{name} cannot be decoded ({error}): open and save it again") from error
    if isinstance(picture, Tensor):
        array, channels_first = _array_of(picture), True
    elif isinstance(picture, np.ndarray):
        array, channels_first = picture, False
    else:
        raise InputError(f"{name} is {_kind(picture)}: {_TAKEN}")
    pixels = _eight_bits(_channels_last(array, channels_first, name), name)
    if pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels)
    return upright_rgb(Image.fromarray(np.ascontiguousarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels)))


def read_frames(frames: Iterable[Picture], name: str = "the stream") -> Iterator[np.ndarray]:
    """Frames of a stream, one after the other; those that come in another resolution are fitted to the first.

    Args:
        frames: pictures from any iterator, (F, ...) arrays and tensors too.
        name: what errors call all of them.

    Yields:
        uint8 RGB (H, W, 3), H and W the same for all.

    Raises:
        InputError: no iterator of pictures; later, a frame that is no picture or has another shape.
    """
    if isinstance(frames, str | os.PathLike) or not hasattr(frames, "__iter__"):
        raise InputError(f"the frames are {_kind(frames)}: give an iterator of pictures, not a file or one picture")
    if isinstance(frames, np.ndarray | Tensor) and frames.ndim != 4:
        raise InputError(f"the frames have the shape {tuple(frames.shape)}: give (F, H, W, 3) or tensors (F, 3, H, W)")
    return _fitted(frames, name)


def _fitted(frames: Iterable[Picture], name: str) -> Iterator[np.ndarray]:
    size: tuple[int, int] | None = None
    for number, frame in enumerate(frames):
        picture = read_picture(frame, f"frame {number} of {name}")
        height, width = picture.shape[:2]
        size = size or (width, height)
        if size != (width, height):
            if abs(width * size[1] / (height * size[0]) - 1) > _SAME_SHAPE:
                raise InputError(
                    f"frame {number} of {name} is {width}x{height}, those before {size[0]}x{size[1]}: "
                    "frames of another shape are another clip"
                )
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if width > size[0] else cv2.INTER_CUBIC)
        yield picture


def _kind(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def _array_of(tensor: Tensor) -> np.ndarray:
    numbers = tensor.detach().cpu()
    return (numbers.float() if numbers.is_floating_point() else numbers).numpy()  # NumPy has no bfloat16


def _channels_last(array: np.ndarray, channels_first: bool, name: str) -> np.ndarray:
    """(H, W, C) of what has that shape, or (C, H, W), (H, W), or a 1 before; where both fit, `channels_first` says."""
    picture = array[0] if array.ndim == 4 and len(array) == 1 else array
    if picture.ndim == 2:
        picture = picture[:, :, None]
    elif picture.ndim == 3 and picture.shape[0] in _CHANNELS and (channels_first or picture.shape[2] not in _CHANNELS):
        picture = picture.transpose(1, 2, 0)
    if picture.ndim != 3 or picture.shape[2] not in _CHANNELS or picture.size == 0:
        shape = "(3, H, W) or (H, W, 3)" if channels_first else "(H, W, 3)"
        raise InputError(f"{name} has the shape {tuple(array.shape)}: give one picture, {shape}, or gray or RGBA")
    return picture


def _eight_bits(picture: np.ndarray, name: str) -> np.ndarray:
    if picture.dtype == np.uint8:
        return picture
    if not np.issubdtype(picture.dtype, np.floating):
        raise InputError(f"{name} holds {picture.dtype} numbers: give uint8 from 0 to 255, or floats from 0 to 1")
    low, high = float(picture.min()), float(picture.max())
    # `not` also catches NaN
    if not (low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT):
        raise InputError(f"{name} holds floats from {low:g} to {high:g}: give 0 to 1, or uint8 from 0 to 255")
    return np.rint(picture.clip(0, 1) * 255).astype(np.uint8)
