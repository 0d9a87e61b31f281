"""The portrait as the networks want it: cropped around one face, with person and background told apart."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from megactor.drive.crop import CropBox, asked_crop, face_center, face_size, portrait_crop
from megactor.drive.layers import PortraitLayers, tell_apart
from megactor.drive.outside import continued_crop, reach_beyond
from megactor.drive.person import find_person
from megactor.errors import FaceError
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import Face
from megactor.options import Square

_DEGREES = {1: "90 degrees clockwise", 2: "180 degrees", 3: "90 degrees counterclockwise"}
"""How a face is turned that so many quarter turns bring upright."""

CLOSE = 0.03
"""Of the square's side, beyond the picture, that nobody needs to know of."""

MIN_FACE = 24
"""Smallest usable face box in pixels."""


@dataclass(frozen=True)
class Portrait:
    """One face of one picture, ready to be animated.

    picture: uint8 (H, W, 3), the whole picture, turned so that the face leans by no more than 45 degrees.
    turns: quarter turns (`np.rot90`) that this took.
    face: the chosen face, in pixels of the picture.
    crop: the square that is animated.
    image: uint8 (S, S, 3), the crop at the networks' size.
    large: uint8 (N, N, 3), the crop at the result's size.
    foreground: float32 (S, S) in [0, 1], 1 on the person.
    background: uint8 (S, S, 3), `image` with the person black.
    warnings: what the user should know of it, one line each.
    layers: `large` taken apart, where that was asked for and can be done.
    """

    picture: np.ndarray
    face: Face
    crop: CropBox
    image: np.ndarray
    large: np.ndarray
    foreground: np.ndarray
    background: np.ndarray
    turns: int = 0
    warnings: tuple[str, ...] = ()
    layers: PortraitLayers | None = None


def find_faces(picture: np.ndarray, analyzer: FaceAnalyzer) -> list[Face]:
    """All faces of a still picture, the largest first; the picture may lie on its side or stand on its head.

    Args:
        picture: uint8 RGB (H, W, 3).
        analyzer: finds faces.

    Raises:
        FaceError: there are none.
    """
    height, width = picture.shape[:2]
    for turns in range(4):
        turned = np.ascontiguousarray(np.rot90(picture, turns))
        faces = analyzer.all_faces(turned)
        if faces:
            return [face.turned(-turns, turned.shape[1], turned.shape[0]) for face in faces]
    raise FaceError(
        f"no face found in the {width}x{height} portrait (human or human-like faces, from the front or up to a "
        "three-quarter view): use a picture in which the face is larger or turned to the camera"
    )


def read_portrait(
    picture: np.ndarray,
    analyzer: FaceAnalyzer,
    index: int,
    image_size: int,
    size: int,
    layered: bool = False,
    square: Square | None = None,
) -> Portrait:
    """Finds a face and prepares its surroundings.

    Args:
        picture: uint8 RGB (H, W, 3).
        analyzer: finds faces and the person.
        index: which face, by size; 0 is the largest.
        image_size: S, side of the networks' pictures.
        size: N, side of the result.
        layered: whether person and background are to be told apart at the size of the result.
        square: left, top and side in pixels of the part that is animated; None for the usual part around the face.

    Raises:
        FaceError: no face, no face of that index, a face of too few pixels, or one that is not in the square.
        InputError: the square reaches out of the picture.
    """
    faces = find_faces(picture, analyzer)
    if index >= len(faces):
        raise FaceError(f"the portrait has {len(faces)} face(s), so --face can be 0 to {len(faces) - 1}, not {index}")
    face = faces[index]
    pixels = int(max(face.box[2:] - face.box[:2]))
    if pixels < MIN_FACE:
        raise FaceError(
            f"the portrait's face is only {pixels} pixels high, {MIN_FACE} are needed: use a larger picture"
        )
    height, width = picture.shape[:2]
    asked = None if square is None else asked_crop(square, [face.box for face in faces], index, (width, height))
    turns = analyzer.turns_to_upright(picture, face)
    warnings = []
    if turns:
        picture, face = _turned(picture, face, turns, analyzer)
        warnings.append(f"the portrait's face is turned by about {_DEGREES[turns]}: animated upright and turned back")
    if asked is None:
        crop = portrait_crop(face.box, picture.shape[1], picture.shape[0])
    else:
        crop = asked.turned(turns, width, height)
    if reach_beyond(crop, picture.shape[1], picture.shape[0]) > CLOSE:
        warnings.append("the portrait is cut close: what lies beyond its edges is made up; show more around the face")
    portrait = cut_portrait(picture, face, crop, analyzer, image_size, size, layered)
    return replace(portrait, turns=turns, warnings=tuple(warnings))


def cut_portrait(
    picture: np.ndarray,
    face: Face,
    crop: CropBox,
    analyzer: FaceAnalyzer,
    image_size: int,
    size: int,
    layered: bool = False,
) -> Portrait:
    """The part of an upright picture that is animated.

    Args:
        picture: uint8 RGB (H, W, 3).
        face: whose it is; one without extent where nobody was found.
        crop: the part.
        analyzer: finds the person.
        image_size: as of `read_portrait`.
        size: likewise.
        layered: likewise.
    """
    image, large = (continued_crop(picture, crop, side) for side in (image_size, size))
    person = find_person(picture, face, crop, analyzer, size)
    foreground = cv2.resize(person, (image_size, image_size), interpolation=cv2.INTER_AREA)
    background = np.where(foreground[..., None] > 0.5, 0, image).astype(np.uint8)
    layers = tell_apart(large, person) if layered else None
    return Portrait(picture, face, crop, image, large, foreground, background, layers=layers)


def _turned(picture: np.ndarray, face: Face, turns: int, analyzer: FaceAnalyzer) -> tuple[np.ndarray, Face]:
    """The picture after quarter turns, and the face as it is found there."""
    height, width = picture.shape[:2]
    picture = np.ascontiguousarray(np.rot90(picture, turns))
    turned = face.turned(turns, width, height)
    found = min(analyzer.all_faces(picture), key=lambda other: _distance(other, turned), default=turned)
    return picture, found if _distance(found, turned) < face_size(turned.box) / 2 else turned


def _distance(face: Face, other: Face) -> float:
    return float(np.linalg.norm(face_center(face.box) - face_center(other.box)))
