"""KeypointNet learns the landmarks of faces, whole and masked, photographed and drawn."""

from dataclasses import replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from megactor.drive.masking import face_rectangle, keep_rectangles, landmark_box
from megactor.models.dense_motion import DenseMotionNet, resized
from megactor.models.dense_motion.face_crops import face_crop
from megactor.train.augment import (
    blurred,
    covered,
    degraded,
    mirror_picture,
    mirror_points,
    noisy,
    random_recoloring,
    random_shift,
    shaded,
)
from megactor.train.samples import Batch
from megactor.train.tasks.task import TrainingTask, Validation, learn_only, mixed, strip

GAPS = torch.tensor(
    [
        *([62, 66], [61, 67], [63, 65], [48, 54], [51, 57]),  # lips
        *([37, 41], [38, 40], [43, 47], [44, 46], [19, 37], [24, 44]),  # lids and brows
        *([69, 36], [69, 39], [68, 42], [68, 45], [69, 41], [68, 46]),  # irises in their eyes
    ]
)
"""Pairs of keypoints whose difference is an expression: an error in it counts as much as one in the place."""

_OUTLINE, _EYES_AND_MOUTH = 0.5, 2.0

_CLOSER = 0.65
"""Share of the pictures that are a second, closer look, where the network takes two."""
_SIDES = 0.75, 1.1
"""How large its crop is, least and most, in parts of `face_crop`'s."""
_ALL, _PART, _POINT = 1.0, 1.2, 0.6
"""Standard deviations of what coarse keypoints are off, in pixels of 128: all together, an eye or the mouth, each."""
_PARTS = (slice(17, 22), slice(22, 27), slice(36, 42), slice(42, 48), slice(48, 68))


def keypoint_weights() -> Tensor:
    """(70,) weights: the outline of a face is vague, eyes and mouth are what matters."""
    weights = torch.ones(70)
    weights[:17] = _OUTLINE
    weights[36:] = _EYES_AND_MOUTH
    return weights


def keypoint_loss(found: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 70, 2) each, in picture units -> mean errors of places and of `GAPS`, in pixels of 128."""
    places = ((found - true).abs().sum(-1) * keypoint_weights().to(found.device)).mean() * 128
    pairs = GAPS.to(found.device)

    def gaps(points: Tensor) -> Tensor:
        return points[:, pairs[:, 0]] - points[:, pairs[:, 1]]

    return places, (gaps(found) - gaps(true)).abs().sum(-1).mean() * 128


def keypoint_errors(found: Tensor, true: Tensor) -> dict[str, float]:
    """Distances in pixels of 128, and how well the openings of mouth and eyes and the gaze follow the truth."""
    distances = (found - true).norm(dim=-1) * 128
    errors = {"error": distances, "error_eyes": distances[:, 36:48], "error_mouth": distances[:, 48:68]}
    errors["error_iris"] = distances[:, 68:]
    metrics = {name: float(values.mean()) for name, values in errors.items()}
    for name, (a, b), axis in (("mouth", (66, 62), 1), ("lids", (41, 37), 1), ("gaze", (69, 39), 0)):
        measured, wanted = ((points[:, a] - points[:, b])[:, axis] for points in (found, true))
        # numpy: autocast would correlate in bfloat16
        metrics[f"r_{name}"] = float(np.corrcoef(measured.float().cpu().numpy(), wanted.cpu().numpy())[0, 1])
    return metrics


class KeypointsTask(TrainingTask):
    """Both pictures of a sample, each changed at random, and their landmarks.

    Args:
        dense_motion: whose KeypointNet learns.
        seed: of the run.
    """

    def __init__(self, dense_motion: DenseMotionNet, seed: int) -> None:
        super().__init__()
        self.network, self.size = dense_motion.keypoints, dense_motion.config.coarse_size
        self.looks_twice, self.find = dense_motion.config.looks_twice, dense_motion.find_coarse
        self.seed = seed
        learn_only(self, [self.network])

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `TrainingTask`; the first frame of every sample."""
        changed = [self._change(batch, row) for row in range(len(batch["number"]))]
        device = batch["target"].device
        pictures, points, coarse = (
            torch.from_numpy(np.concatenate(part)).to(device) for part in zip(*changed, strict=True)
        )
        images = pictures.permute(0, 3, 1, 2).float() / 255
        seen, true = resized(images, self.size), points
        if self.looks_twice:
            generator = torch.Generator().manual_seed(mixed(self.seed, step))
            draws = torch.rand(2, len(images), generator=generator)
            closer = (draws[0] < _CLOSER).to(device)
            sides = torch.lerp(torch.tensor(_SIDES[0]), torch.tensor(_SIDES[1]), draws[1]).to(device)
            near, of_near = closer_look(images, points, coarse, self.size, sides)
            seen = torch.where(closer[:, None, None, None], near, seen)
            true = torch.where(closer[:, None, None], of_near, true)
        places, gaps = keypoint_loss(self.network(seen), true)
        return {"loss": 0.1 * (places + gaps), "places": places, "gaps": gaps}

    def _change(self, batch: Batch, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Target and driver of one sample, shown in any way: (2, S, S, 3) uint8, (2, 70, 2) in picture units.

        And what a first look might take for these points.
        """
        rng = np.random.default_rng(mixed(self.seed, int(batch["number"][row])))
        images, points = [], []
        for picture, keypoints in (("target", "keypoints"), ("driver_shown", "driving_keypoints")):
            image = batch[picture][row, 0].permute(1, 2, 0).cpu().numpy()
            image, places = change_face(rng, image, batch[keypoints][row, 0].cpu().numpy() * len(image))
            images.append(image)
            points.append(places / len(image))
        true = np.stack(points).astype(np.float32)
        return np.stack(images), true, np.stack([spoilt(rng, each) for each in true])

    def validate(self, batch: Batch) -> Validation:
        """Errors on targets and on masked drivers."""
        images = torch.cat([batch["target"].flatten(0, 1), batch["driving"].flatten(0, 1)]).float() / 255
        true = torch.cat([batch["keypoints"].flatten(0, 1), batch["driving_keypoints"].flatten(0, 1)])
        found = torch.cat([self.find(part) for part in images.split(32)])
        count = batch["target"].shape[1]
        drawn = torch.stack([draw(image, points) for image, points in zip(images, found, strict=True)])
        targets, drivers = (part.unflatten(0, (-1, count)) for part in drawn.chunk(2))
        return Validation(keypoint_errors(found, true), strip(targets, drivers), ("target", "driver"))


def closer_look(images: Tensor, points: Tensor, coarse: Tensor, size: int, sides: Tensor) -> tuple[Tensor, Tensor]:
    """What `DenseMotionNet.find_coarse` looks at the second time.

    Args:
        images: (B, 3, S, S) in [0, 1].
        points: (B, 70, 2) in picture units.
        coarse: the same as a first look finds them.
        size: side of the result in pixels.
        sides: (B,) factors of the crop's side.

    Returns:
        (B, 3, size, size) in [0, 1], and (B, 70, 2) in units of that.
    """
    crop = face_crop(coarse)
    crop = replace(crop, side=crop.side * sides[:, None, None])
    return crop.pixels(images, size), crop.into(points)


def change_face(rng: np.random.Generator, image: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Everything that a keypoint must be found in spite of.

    Args:
        rng: decides.
        image: uint8 (S, S, 3).
        points: (70, 2) pixels.

    Returns:
        The picture and its points.
    """
    size = len(image)
    shift = random_shift(rng, size, scale=0.15, degrees=12.0 if rng.random() < 0.7 else 4.0, shift=0.055)
    image, points = shift.picture(image, cv2.BORDER_REFLECT), shift.points(points)
    if rng.random() < 0.55:
        box = landmark_box(points)
        box = box + rng.normal(0, 0.03, 4) * max(box[2] - box[0], box[3] - box[1])
        image = keep_rectangles(image, [face_rectangle(box, size, size)])
    image = random_recoloring(rng, tint=0.05, brightness=0.2, gamma=0.3)(image)
    if rng.random() < 0.5:
        image = shaded(rng, image, strongest=0.6)
    if rng.random() < 0.1:
        image = 255 - image
    if rng.random() < 0.3:
        image = blurred(rng, image, widest=1.3)
    if rng.random() < 0.3:
        image = noisy(rng, image, strongest=0.06)
    if rng.random() < 0.15:
        image = degraded(rng, image)
    if rng.random() < 0.15:
        image = covered(rng, image)
    if rng.random() < 0.5:
        image, points = mirror_picture(image), mirror_points(points, size)
    return np.ascontiguousarray(image), points


def draw(image: Tensor, points: Tensor) -> Tensor:
    """(3, S, S) in [0, 1] with dots at (K, 2) points in picture units."""
    size = image.shape[-1]
    picture = F.interpolate(image[None].cpu(), scale_factor=2.0)[0].permute(1, 2, 0).numpy().copy()
    for x, y in points.cpu().numpy() * 2 * size:
        cv2.circle(picture, (round(float(x)), round(float(y))), 1, (0.0, 1.0, 0.0), -1)
    return torch.from_numpy(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)).permute(2, 0, 1)


def spoilt(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """What a first look might take for these keypoints (70, 2) in picture units, float32."""
    worse = 2.5 if rng.random() < 0.2 else 1.0
    errors = rng.normal(0, _POINT, points.shape) + rng.normal(0, _ALL, 2)
    for part in _PARTS:
        errors[part] += rng.normal(0, _PART, 2)
    return (points + worse * errors / 128).astype(np.float32)
