"""Our models on cases: files as users give them, or pictures that share the framing and are compared pixel by pixel."""

from dataclasses import replace

import cv2
import numpy as np

from megactor.drive.body import SIDE, BodyFollower
from megactor.drive.crop import CropBox
from megactor.drive.masking import DrivingCrop, face_rectangle, keep_rectangles
from megactor.drive.portrait import Portrait, cut_portrait
from megactor.drive.samples import MOST as SAMPLES
from megactor.evaluation.case import CaseFiles
from megactor.faces.face import Face
from megactor.options import AnimationOptions
from megactor.pipeline import MegActorPipeline


def animate_files(pipe: MegActorPipeline, files: CaseFiles, size: int, options: AnimationOptions) -> np.ndarray:
    """Animates files exactly as for users, framing included.

    Args:
        pipe: the model.
        files: portrait and driver.
        size: N, side of the result.
        options: steps, guidance, seed, speed and motion.

    Returns:
        uint8 (F, N, N, 3).
    """
    asked = replace(options, start=files.start, end=files.end, size=size)
    return np.stack(list(pipe(files.portrait, files.driver, **vars(asked)).frames))


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
    read = pipe.driving_size
    scale = read / portrait.shape[0]
    conditions = []
    body = BodyFollower(pipe.analyzer) if pipe.knows_body else None
    for frame, box in zip(driving, boxes, strict=True):
        crop = cv2.resize(frame, (read, read), interpolation=cv2.INTER_AREA)
        masked = keep_rectangles(crop, [face_rectangle(box * scale, read, read)])
        small = cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        seen = None if body is None else body(small, box / len(frame))
        conditions.append(DrivingCrop(masked, seen))
    samples = conditions[:: -(-len(conditions) // SAMPLES)]  # as users' files are sampled
    finished = pipe.animate_crops(_whole(portrait, pipe), conditions, len(conditions), options, samples=samples)
    return np.stack(list(finished))


def _whole(picture: np.ndarray, pipe: MegActorPipeline) -> Portrait:
    """A portrait that is its own crop."""
    nobody = Face(np.zeros((478, 2), np.float32))
    face = next(iter(pipe.analyzer.all_faces(picture)), nobody)
    crop, side, layered = CropBox(0, 0, len(picture)), len(picture), pipe.dense_motion is not None
    return cut_portrait(picture, face, crop, pipe.analyzer, pipe.config.image_size, side, layered)
