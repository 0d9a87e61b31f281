"""KeypointRefiner learns to look closely at eyes and mouths."""

import numpy as np
import torch
from torch import Tensor

from megactor.errors import InputError
from megactor.models.dense_motion import DenseMotionNet
from megactor.models.dense_motion.keypoints import to_gray
from megactor.train.augment import degraded
from megactor.train.samples import Batch
from megactor.train.tasks.keypoints import change_face, draw, keypoint_errors, keypoint_loss, spoilt
from megactor.train.tasks.task import TrainingTask, Validation, learn_only, mixed, strip


class RefinerTask(TrainingTask):
    """One picture of a sample, its target or its driver, changed at random; coarse keypoints are the true ones, spoilt.

    Args:
        dense_motion: whose KeypointRefiner learns.
        seed: of the run.
    """

    def __init__(self, dense_motion: DenseMotionNet, seed: int) -> None:
        super().__init__()
        if dense_motion.refiner is None:
            raise InputError("this model has no KeypointRefiner that could learn")
        self.coarse, self.network = dense_motion.find_coarse, dense_motion.refiner
        self.seed = seed
        learn_only(self, [self.network])

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `TrainingTask`; the first frame of every sample."""
        changed = [self._change(batch, row) for row in range(len(batch["number"]))]
        images, true, coarse = (torch.from_numpy(np.stack(part)) for part in zip(*changed, strict=True))
        device = batch["target"].device
        true = true.to(device)
        gray = to_gray(images.to(device).permute(0, 3, 1, 2).float() / 255)
        places, gaps = keypoint_loss(self.network(gray, coarse.to(device)), true)
        return {"loss": 0.1 * (places + 2 * gaps), "places": places, "gaps": gaps}

    def _change(self, batch: Batch, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(S, S, 3) uint8, its (70, 2) points and coarse ones, in picture units."""
        rng = np.random.default_rng(mixed(self.seed, int(batch["number"][row])))
        driver = rng.random() < 0.5
        picture, points = ("driver_shown", "driving_keypoints") if driver else ("target", "keypoints")
        image = batch[picture][row, 0].permute(1, 2, 0).cpu().numpy()
        image, places = change_face(rng, image, batch[points][row, 0].cpu().numpy() * len(image))
        if rng.random() < 0.6:
            image = degraded(rng, image)
        true = (places / len(image)).astype(np.float32)
        return image, true, spoilt(rng, true)

    def validate(self, batch: Batch) -> Validation:
        """Errors on targets and on masked drivers, behind the model's KeypointNet; "coarse" is what that scores."""
        images = torch.cat([batch["target"].flatten(0, 1), batch["driving"].flatten(0, 1)]).float() / 255
        true = torch.cat([batch["keypoints"].flatten(0, 1), batch["driving_keypoints"].flatten(0, 1)])
        coarse = torch.cat([self.coarse(part) for part in images.split(32)])
        pieces = zip(images.split(32), coarse.split(32), strict=True)
        found = torch.cat([self.network(to_gray(part), points) for part, points in pieces])
        count = batch["target"].shape[1]
        drawn = torch.stack([draw(image, points) for image, points in zip(images, found, strict=True)])
        targets, drivers = (part.unflatten(0, (-1, count)) for part in drawn.chunk(2))
        before = {f"coarse_{name}": value for name, value in keypoint_errors(coarse, true).items()}
        return Validation(keypoint_errors(found, true) | before, strip(targets, drivers), ("target", "driver"))
