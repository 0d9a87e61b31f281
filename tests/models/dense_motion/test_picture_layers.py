"""The person before the plate."""

import torch
import torch.nn.functional as F

from megactor.models.dense_motion.network import DenseMotion
from megactor.models.dense_motion.picture_layers import Layers
from megactor.models.dense_motion.portrait_detail import place_person


def layers(size: int = 64) -> Layers:
    generator = torch.Generator().manual_seed(0)
    person, plate = torch.rand(2, 1, 3, size, size, generator=generator)
    matte = torch.zeros(1, 1, size, size)
    matte[..., size // 4 : -size // 4, size // 4 : -size // 4] = 1
    return Layers(matte, person, plate)


def shift(pixels: float, size: int = 64) -> torch.Tensor:
    """Everything moves to the right by so many pixels."""
    flow = torch.zeros(1, 2, size, size)
    flow[:, 0] = -pixels / size
    return flow


def test_nobody_moves_without_a_flow() -> None:
    still = layers().moved(shift(0))
    for before, after in zip(layers(), still, strict=True):
        torch.testing.assert_close(before, after)


def test_the_person_moves_and_the_plate_stays() -> None:
    before, after = layers(), layers().moved(shift(8))
    torch.testing.assert_close(after.matte[..., 8:], before.matte[..., :-8])
    torch.testing.assert_close(after.person[..., 8:], before.person[..., :-8])
    assert torch.equal(after.plate, before.plate)


def test_one_portrait_serves_all_frames() -> None:
    moved = layers().moved(torch.cat([shift(0), shift(4), shift(8)]))
    assert moved.picture().shape == (3, 3, 64, 64)
    torch.testing.assert_close(moved.picture()[2:], layers().moved(shift(8)).picture())


def test_resized_layers_make_the_resized_picture() -> None:
    """Not exactly: products of means are no means of products; but where one layer is alone."""
    whole = layers(128)
    small = whole.resized(32)
    assert small.matte.shape == (1, 1, 32, 32)
    assert whole.resized(128) is whole
    assert torch.equal(small.matte[0, 0, 16, 12:20], torch.ones(8))


def test_where_nobody_is_the_result_is_the_plate_bit_for_bit() -> None:
    apart = layers()
    motion = DenseMotion(shift(8, 32), torch.full((1, 1, 32, 32), 0.3))
    result = place_person(torch.rand(1, 3, 16, 16), apart, motion)
    nobody = (apart.moved(motion.flow).matte == 0).expand_as(result)
    assert 0.5 < nobody.float().mean() < 0.9
    assert torch.equal(result[nobody], apart.plate[nobody])


def test_what_the_portrait_hides_comes_from_the_denoiser() -> None:
    apart, frame = layers(), torch.full((1, 3, 16, 16), 0.25)
    motion = DenseMotion(shift(0, 32), torch.zeros(1, 1, 32, 32))
    result = place_person(frame, apart, motion)
    person = apart.matte.expand_as(result) == 1
    torch.testing.assert_close(result[person], torch.full_like(result[person], 0.25), atol=1e-5, rtol=0)


def test_what_the_portrait_shows_keeps_its_detail_in_the_denoisers_light() -> None:
    apart = layers(128)
    apart.person.copy_(0.4 + 0.2 * torch.rand(apart.person.shape, generator=torch.Generator().manual_seed(0)))
    motion = DenseMotion(shift(0, 32), torch.ones(1, 1, 32, 32))
    small = F.interpolate(apart.person, size=32, mode="bilinear", align_corners=False, antialias=True)
    person = apart.matte.expand_as(apart.person) == 1
    for light in (0.0, 0.1):
        result = place_person(small + light, apart, motion)
        torch.testing.assert_close(result[person], apart.person[person] + light, atol=1e-5, rtol=0)
