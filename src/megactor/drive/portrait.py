"""The portrait as the networks want it: cropped around one face, with person and background told apart."""

from dataclasses import dataclass

import numpy as np

from megactor.drive.crop import CropBox, crop_and_resize, portrait_crop
from megactor.errors import FaceError
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import Face

MIN_FACE = 24
"""Smallest usable face box in pixels."""


@dataclass(frozen=True)
class Portrait:
    """One face of one picture, ready to be animated.

    picture: uint8 (H, W, 3), the whole picture.
    face: the chosen face, in pixels of the picture.
    crop: the square that is animated.
    image: uint8 (S, S, 3), the crop at the networks' size.
    large: uint8 (N, N, 3), the crop at the result's size.
    foreground: float32 (S, S) in [0, 1], 1 on the person.
    background: uint8 (S, S, 3), `image` with the person black.
    """

    picture: np.ndarray
    face: Face
    crop: CropBox
    image: np.ndarray
    large: np.ndarray
    foreground: np.ndarray
    background: np.ndarray


def read_portrait(picture: np.ndarray, analyzer: FaceAnalyzer, index: int, image_size: int, size: int) -> Portrait:
    """Finds a face and prepares its surroundings.

    Args:
        picture: uint8 RGB (H, W, 3).
        analyzer: finds faces and the person.
        index: which face, by size; 0 is the largest.
        image_size: S, side of the networks' pictures.
        size: N, side of the result.

    Raises:
        FaceError: no face, no face of that index, or a face of too few pixels.
    """
    height, width = picture.shape[:2]
    faces = analyzer.all_faces(picture)
    if not faces:
        raise FaceError(
            f"no face found in the {width}x{height} portrait (human or human-like faces, from the front or up to a "
            "three-quarter view): use a picture in which the face is larger or turned to the camera"
        )
    if index >= len(faces):
        raise FaceError(f"the portrait has {len(faces)} face(s), so --face can be 0 to {len(faces) - 1}, not {index}")
    face = faces[index]
    pixels = int(max(face.box[2:] - face.box[:2]))
    if pixels < MIN_FACE:
        raise FaceError(
            f"the portrait's face is only {pixels} pixels high, {MIN_FACE} are needed: use a larger picture"
        )
    crop = portrait_crop(face.box, width, height)
    image = crop_and_resize(picture, crop, image_size, repeat_border=True)
    large = crop_and_resize(picture, crop, size, repeat_border=True)
    foreground = analyzer.foreground(image)
    background = np.where(foreground[..., None] > 0.5, 0, image).astype(np.uint8)
    return Portrait(picture, face, crop, image, large, foreground, background)
