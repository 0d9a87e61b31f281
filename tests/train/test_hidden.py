"""What the portrait does not show: told to the denoiser, and weighed."""

import torch
from train.test_layers import SIZE, stepping

from megactor.models.dense_motion import MotionLogits
from megactor.train.samples import Batch
from megactor.train.tasks.hidden import hidden_weights, shown_truth, told_truth
from megactor.train.tasks.task import pictures


def half_hidden() -> Batch:
    """The upper half of the picture was not to be seen in the portrait, and looks otherwise than what was there."""
    batch = stepping()
    batch["visible"][..., : SIZE // 4, :] = 0
    batch["target"][..., : SIZE // 2, :] = 128
    return batch


def shown(batch: Batch) -> torch.Tensor:
    return shown_truth(batch, pictures(batch, "portrait"))


def test_the_truth_is_told_in_the_chosen_samples_alone() -> None:
    batch = half_hidden()
    guess = MotionLogits(torch.zeros(1, 2, 32, 32), torch.full((1, 1, 32, 32), 5.0), None)
    told, kept = (told_truth(guess, shown(batch), batch, [chosen]).visibility for chosen in (True, False))
    torch.testing.assert_close(kept, guess.visibility)
    assert told[..., :14, 8:20].max() < -2 and told[..., 20:, :].min() > 2


def test_unknown_motion_tells_nothing() -> None:
    batch = half_hidden() | {"flow_known": torch.zeros(1)}
    guess = MotionLogits(torch.zeros(1, 2, 32, 32), torch.full((1, 1, 32, 32), 0.5), None)
    torch.testing.assert_close(told_truth(guess, shown(batch), batch, [True]).visibility, guess.visibility)
    torch.testing.assert_close(hidden_weights(batch, shown(batch), 3.0), torch.ones(1, 1, SIZE, SIZE))


def test_what_is_hidden_of_the_person_weighs_more() -> None:
    batch = half_hidden()
    weights = hidden_weights(batch, shown(batch), 3.0)
    person = pictures(batch, "matte").flatten(0, 1) > 0
    assert weights.shape == (1, 1, SIZE, SIZE)
    assert weights[~person].max() == 1
    rows = torch.arange(SIZE)[:, None].expand(SIZE, SIZE)
    assert weights[0, 0][person[0, 0] & (rows < 28)].min() > 3.5
    assert weights[0, 0][rows > 40].max() < 1.2
