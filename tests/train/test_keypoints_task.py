"""KeypointNet's pictures in training: closer looks and their points."""

import numpy as np
import torch

from megactor.faces.head_pose import MEAN_FACE
from megactor.models.dense_motion.face_crops import face_crop
from megactor.train.tasks.keypoints import closer_look, spoilt


def faces(count: int) -> torch.Tensor:
    """(count, 70, 2) in picture units, leaning and of several sizes."""
    face = np.concatenate([MEAN_FACE, MEAN_FACE[36:42].mean(0, keepdims=True), MEAN_FACE[42:48].mean(0, keepdims=True)])
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        angle, scale = rng.normal(0, 0.3), rng.uniform(0.1, 0.15)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        made.append(0.5 + rng.normal(0, 0.03, 2) + scale * face[:, :2] @ turn.T)
    return torch.from_numpy(np.stack(made)).float()


def test_points_of_a_closer_look_are_where_its_picture_shows_them():
    points = faces(4)
    images = torch.zeros(4, 3, 256, 256)
    places = (points * 256).long()
    for image, at in zip(images, places, strict=True):
        for x, y in at:
            image[:, y - 2 : y + 3, x - 2 : x + 3] = 1
    coarse = torch.from_numpy(np.stack([spoilt(np.random.default_rng(n), p.numpy()) for n, p in enumerate(points)]))

    near, of_near = closer_look(images, points, coarse, 128, torch.linspace(0.75, 1.1, 4))

    assert near.shape == (4, 3, 128, 128)
    for picture, at in zip(near, of_near, strict=True):
        x, y = (at * 128).long().clamp(0, 127).unbind(-1)
        assert picture[0, y, x].min() > 0.3
    extent = of_near.amax(1) - of_near.amin(1)
    assert (extent.amax(1) > 1.25 * (points.amax(1) - points.amin(1)).amax(1)).all()


def test_a_face_crop_holds_the_whole_face():
    points = faces(16)
    inside = face_crop(points).into(points)
    assert inside.min() > 0.05 and inside.max() < 0.95
