"""BodyFollower on a chest of cloth before a wall, moved by what is known."""

import cv2
import numpy as np
import pytest

from megactor.drive.body import SIDE, BodyFollower

BOX = np.array([0.35, 0.2, 0.65, 0.5])
PIXEL = 1 / SIDE


class Person:
    """The person fills the lower half; the rest is wall."""

    def foreground(self, picture: np.ndarray) -> np.ndarray:
        mask = np.zeros(picture.shape[:2], np.float32)
        mask[SIDE // 2 :, SIDE // 8 : -SIDE // 8] = 1
        return mask


def texture(seed: int) -> np.ndarray:
    """(512, 512, 3) uint8, spots of many sizes."""
    rng = np.random.default_rng(seed)
    noise = sum(cv2.resize(rng.normal(size=(n, n, 3)), (512, 512), interpolation=cv2.INTER_CUBIC) for n in (20, 50, 90))
    return np.clip(128 + 40 * np.asarray(noise), 1, 255).astype(np.uint8)


def picture(motion: tuple[float, float, float], wall: int = 1) -> np.ndarray:
    """The cloth where a backward flow of this shift and zoom has it, the wall at rest."""
    x, y, zoom = motion
    places = (np.arange(SIDE) + 0.5) / SIDE
    across = (places + x + zoom * (places - 0.5)) * SIDE + 100
    down = (places + y + zoom * (places - 1.0)) * SIDE + 100
    columns, rows = np.meshgrid(across, down)
    cloth = cv2.remap(texture(0), columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR)
    out = texture(wall)[:SIDE, :SIDE].copy()
    out[SIDE // 2 :, SIDE // 8 : -SIDE // 8] = cloth[SIDE // 2 :, SIDE // 8 : -SIDE // 8]
    return out


def way(follow: BodyFollower, *motions: tuple[float, float, float]) -> np.ndarray:
    """What is said of the last picture."""
    said = [follow(picture(motion), BOX) for motion in ((0.0, 0.0, 0.0), *motions)]
    assert said[-1] is not None
    return said[-1]


@pytest.mark.parametrize("motion", [(6 * PIXEL, -3 * PIXEL, 0.0), (0.0, 0.0, 0.06), (-9 * PIXEL, 5 * PIXEL, -0.04)])
def test_a_chest_that_moves_is_followed(motion):
    found = way(BodyFollower(Person()), motion)

    assert np.abs(found[:2] - motion[:2]).max() < 0.5 * PIXEL
    assert abs(found[2] - motion[2]) < 0.01


def test_a_long_way_in_small_steps():
    steps = [(k * 2 * PIXEL, k * PIXEL, 0.0) for k in range(1, 16)]

    found = way(BodyFollower(Person()), *steps)

    assert np.abs(found[:2] - steps[-1][:2]).max() < 1.5 * PIXEL


def test_a_hand_before_the_chest_is_not_the_chest():
    follow = BodyFollower(Person())
    follow(picture((0.0, 0.0, 0.0)), BOX)
    with_hand = picture((4 * PIXEL, 0.0, 0.0))
    with_hand[SIDE // 2 + 10 :, 40:90] = texture(7)[: SIDE // 2 - 10, :50]

    found = follow(with_hand, BOX)

    assert abs(found[0] - 4 * PIXEL) < 0.5 * PIXEL


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 255, (SIDE, SIDE, 3)).astype(np.uint8)


def test_nothing_is_said_of_a_chest_that_is_hidden_until_it_is_found_again():
    follow = BodyFollower(Person())
    way(follow, (3 * PIXEL, 0.0, 0.0))

    assert follow(noise(3), None) is None
    assert abs(follow(picture((5 * PIXEL, 0.0, 0.0)), BOX)[0] - 5 * PIXEL) < 0.5 * PIXEL


def test_a_dancer_who_is_lost_is_not_believed_to_stand_still():
    """Points that are found only after the loss say how the chest moved since then, not where it is."""
    follow = BodyFollower(Person())
    way(follow, (3 * PIXEL, 0.0, 0.0))
    elsewhere = [noise(4) for _ in range(20)]

    assert all(follow(cloth, BOX) is None for cloth in elsewhere)


def test_points_that_are_gone_are_replaced_by_others():
    follow = BodyFollower(Person())
    far = [(-k * 8 * PIXEL, 0.0, 0.0) for k in range(1, 19)]  # most of the first cloth has left the picture by then

    found = way(follow, *far)

    assert abs(found[0] - far[-1][0]) < 6 * PIXEL


def test_the_second_pass_goes_on_from_the_first_ones_start():
    follow = BodyFollower(Person())
    way(follow, (8 * PIXEL, 0.0, 0.0))
    follow.begin_again()

    assert np.abs(follow(picture((0.0, 0.0, 0.0)), BOX)).max() < 0.3 * PIXEL
    assert abs(follow(picture((2 * PIXEL, 0.0, 0.0)), BOX)[0] - 2 * PIXEL) < 0.3 * PIXEL


@pytest.mark.parametrize("box", [np.array([0.1, 0.1, 0.9, 0.95]), np.array([0.2, 0.4, 0.8, 1.0])])
def test_nothing_is_said_where_no_chest_is_seen(box):
    follow = BodyFollower(Person())

    assert follow(picture((0.0, 0.0, 0.0)), box) is None
    assert follow(picture((4 * PIXEL, 0.0, 0.0)), box) is None


def test_plain_cloth_says_nothing():
    plain = np.full((SIDE, SIDE, 3), 90, np.uint8)

    assert BodyFollower(Person())(plain, BOX) is None


def test_the_black_beyond_a_frame_is_no_wall_and_no_chest():
    """A frame that ends in the square: its edge rests while the person moves."""
    follow = BodyFollower(Person())
    pictures = [picture((shift * PIXEL, 0.0, 0.0)) for shift in (0, 5)]
    for part in pictures:
        part[SIDE - 40 :] = 0
    follow(pictures[0], BOX)

    assert abs(follow(pictures[1], BOX)[0] - 5 * PIXEL) < 0.5 * PIXEL
