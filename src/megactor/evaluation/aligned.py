"""Animating clips whose portrait and driver share the framing, so that results can be compared pixel by pixel."""

import cv2
import numpy as np

from megactor.drive.crop import CropBox
from megactor.drive.masking import face_rectangle, keep_rectangles
from megactor.drive.portrait import Portrait
from megactor.faces.analyzer import FaceAnalyzer
from megactor.faces.face import Face
from megactor.options import AnimationOptions
from megactor.pipeline import MegActorPipeline


def animate_aligned(
    pipe: MegActorPipeline, portrait: np.ndarray, driving: np.ndarray, boxes: np.ndarray, options: AnimationOptions
) -> np.ndarray:
    """Animates a portrait without any cropping.

    Args:
        pipe: the model; its analyzer tells person from background, as for users.
        portrait: uint8 (N, N, 3).
        driving: uint8 (F, N, N, 3), framed like the portrait.
        boxes: (F, 4) boxes of the face that drives, x0, y0, x1, y1 in pixels. They are the true ones where those are
            known, so that what the analyzer misses is not counted against the model twice.
        options: steps, guidance and seed.

    Returns:
        uint8 (F, N, N, 3).
    """
    size, read = pipe.config.image_size, pipe.driving_size
    scale = read / portrait.shape[0]
    conditions = []
    for frame, box in zip(driving, boxes, strict=True):
        crop = cv2.resize(frame, (read, read), interpolation=cv2.INTER_AREA)
        conditions.append(keep_rectangles(crop, [face_rectangle(box * scale, read, read)]))
    finished = pipe.animate_crops(_whole(portrait, size, pipe.analyzer), conditions, len(conditions), options)
    return np.stack(list(finished))


def _whole(picture: np.ndarray, size: int, analyzer: FaceAnalyzer) -> Portrait:
    """A portrait that is its own crop."""
    image = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    foreground = analyzer.foreground(image)
    return Portrait(
        picture=picture,
        face=Face(np.zeros((478, 2), np.float32)),  # nobody crops around it
        crop=CropBox(0, 0, len(picture)),
        image=image,
        large=picture,
        foreground=foreground,
        background=np.where(foreground[..., None] > 0.5, 0, image).astype(np.uint8),
    )
