"""Rigid motion: what carries the portrait along, and what stretches it."""

import math

import pytest
import torch

from megactor.models.dense_motion.rigidity import rigid
from megactor.models.dense_motion.sampling import pixel_centers

SIZE = 64


def flow_of(matrix: list[list[float]], shift: tuple[float, float] = (0.0, 0.0)) -> torch.Tensor:
    """Every point comes from where the matrix, about the middle of the picture, and the shift send it."""
    centers = pixel_centers(SIZE, SIZE, torch.device("cpu")).view(1, SIZE, SIZE, 2)
    places = (centers - 0.5) @ torch.tensor(matrix).T + 0.5 + torch.tensor(shift)
    return (places - centers).permute(0, 3, 1, 2)


def turn(degrees: float) -> list[list[float]]:
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return [[cosine, -sine], [sine, cosine]]


@pytest.mark.parametrize("matrix", [[[1.0, 0.0], [0.0, 1.0]], turn(40), [[1.12, 0.0], [0.0, 1.12]]])
def test_shifts_turns_and_small_zooms_are_rigid(matrix: list[list[float]]) -> None:
    assert rigid(flow_of(matrix, (0.2, -0.1)))[..., 4:-4, 4:-4].min() > 0.99


@pytest.mark.parametrize("matrix", [[[0.5, 0.0], [0.0, 1.0]], [[1.0, 1.0], [0.0, 1.0]], [[-1.0, 0.0], [0.0, 0.3]]])
def test_stretching_shearing_and_folding_are_not(matrix: list[list[float]]) -> None:
    assert rigid(flow_of(matrix))[..., 4:-4, 4:-4].max() < 0.01


def test_a_strip_that_is_stretched_is_not_rigid_and_what_is_far_from_it_is() -> None:
    flow = torch.zeros(2, 2, SIZE, SIZE)
    flow[1, 0, :, 32:] = 0.1  # at column 32 a tenth of the picture is left out
    told = rigid(flow)
    assert told.shape == (2, 1, SIZE, SIZE)
    assert (told[0] == 1).all()
    assert told[1, ..., 30:34].max() == 0
    assert told[1, ..., :24].min() == told[1, ..., 40:].min() == 1
