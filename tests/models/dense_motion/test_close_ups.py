"""Close-ups of faces: where they lie, that they find their way back, and what is made of them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from megactor.models.dense_motion.close_up import CloseUp, CloseUpNet, fade, insert
from megactor.models.dense_motion.face_crops import (
    EYE,
    LIDS,
    MIRRORED_EYE,
    MOUTH,
    UprightCrop,
    eye_crops,
    mouth_crop,
)
from megactor.models.dense_motion.keypoint_refiner import KeypointRefiner
from megactor.models.dense_motion.network import DenseMotion
from megactor.models.dense_motion.picture_layers import Layers
from megactor.models.dense_motion.portrait_detail import place_person
from megactor.models.dense_motion.sampling import pixel_centers, sample
from megactor.models.dense_motion.seams import within_face


def face(turn: float = 0.0, size: float = 1.0) -> torch.Tensor:
    """(1, 70, 2): a face of 68 points and irises that is its own mirror image, turned by an angle in radians."""
    points = torch.zeros(70, 2)
    points[:17] = torch.stack([torch.linspace(-1, 1, 17), 1 - torch.linspace(-1, 1, 17).square()], 1)
    points[17:27] = torch.stack([torch.linspace(-0.8, 0.8, 10), torch.full((10,), -0.8)], 1)
    points[27:36, 1] = torch.linspace(-0.5, 0.2, 9)
    eye = torch.tensor([[-0.2, 0.0], [-0.1, -0.1], [0.1, -0.1], [0.2, 0.0], [0.1, 0.1], [-0.1, 0.1]])
    points[36:42] = eye + torch.tensor([-0.45, -0.5])
    points[42:48] = eye + torch.tensor([0.45, -0.5])
    angles = torch.linspace(0, 2 * torch.pi, 21)[:20]
    points[48:68] = torch.stack([-0.4 * angles.cos(), 0.2 * angles.sin() + 0.5], 1)
    points[68], points[69] = torch.tensor([0.45, -0.5]), torch.tensor([-0.45, -0.5])  # the person's left is our right
    cosine, sine = torch.cos(torch.tensor(turn)), torch.sin(torch.tensor(turn))
    rotation = torch.stack([torch.stack([cosine, sine]), torch.stack([-sine, cosine])])
    return (points @ rotation * 0.2 * size + 0.5)[None]


@pytest.mark.parametrize("turn", [0.0, 0.5, -2.0])
def test_both_eyes_look_alike_upright_and_mirrored(turn):
    left, right = eye_crops(face(turn))
    seen_left, seen_right = left.into(face(turn)[:, EYE]), right.into(face(turn)[:, MIRRORED_EYE])

    lids_and_iris = [5, 8, 11]  # outer corner, inner corner, iris
    torch.testing.assert_close(seen_left[:, lids_and_iris], seen_right[:, lids_and_iris], atol=1e-5, rtol=0)
    assert seen_left[0, 5, 0] < seen_left[0, 11, 0] < seen_left[0, 8, 0], "the outer corner is at the left"
    assert seen_left[0, 0, 1] < seen_left[0, 11, 1], "the brow is above"


def test_a_turned_head_has_an_upright_mouth():
    crop = mouth_crop(face(0.7))
    corners = crop.into(face(0.7)[:, [48, 58]])
    torch.testing.assert_close(corners[0, 0, 1], corners[0, 1, 1], atol=1e-5, rtol=0)
    assert corners.min() > 0.1 and corners.max() < 0.9, "with room around it"


@given(st.floats(-3, 3), st.floats(0.2, 2), st.booleans())
def test_into_and_back(turn, side, mirrored):
    right = torch.tensor([[[torch.cos(torch.tensor(turn)), torch.sin(torch.tensor(turn))]]])
    crop = UprightCrop(torch.tensor([[[0.3, 0.6]]]), right, torch.tensor([[[side]]]), mirrored)
    points = torch.rand(1, 9, 2)
    torch.testing.assert_close(crop.back(crop.into(points)), points, atol=1e-5, rtol=0)


def test_pixels_of_a_crop_lie_where_it_says():
    image = torch.rand(1, 3, 16, 16)
    whole = UprightCrop(torch.tensor([[[0.5, 0.5]]]), torch.tensor([[[1.0, 0.0]]]), torch.ones(1, 1, 1), False)
    mirrored = UprightCrop(whole.center, whole.right, whole.side, True)

    torch.testing.assert_close(whole.pixels(image, 16), image)
    torch.testing.assert_close(mirrored.pixels(image, 16), image.flip(-1))


def test_refiner_keeps_jaw_and_nose_and_sees_no_brightness():
    torch.manual_seed(0)
    refiner, picture = KeypointRefiner((8, 8, 8)), torch.rand(1, 1, 128, 128)

    found, darker = refiner(picture, face()), refiner(picture * 0.4, face())

    torch.testing.assert_close(found[:, :17], face()[:, :17])
    assert (found[:, 36:] - face()[:, 36:]).abs().amax(-1).min() > 1e-4, "everything else is found anew"
    torch.testing.assert_close(darker, found, atol=2e-2, rtol=0)


def test_refined_points_stay_in_their_close_ups():
    found = KeypointRefiner((8, 8, 8))(torch.rand(1, 1, 64, 64), face())
    left, right = eye_crops(face())
    for crop, ids in ((left, EYE), (right, MIRRORED_EYE), (mouth_crop(face()), MOUTH)):
        inside = crop.into(found[:, ids])
        assert inside.min() > 0 and inside.max() < 1


def close_up(flow: float = 0.0, shown: float = 30.0, color: float = 0.0) -> CloseUp:
    crop = mouth_crop(face())
    return CloseUp(
        crop,
        crop,
        torch.tensor([flow, 0.0]).view(1, 2, 1, 1).expand(1, 2, 8, 8),
        torch.full((1, 1, 8, 8), shown),
        torch.full((1, 3, 8, 8), color),
    )


def test_a_still_close_up_is_the_portrait():
    portrait = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(insert(portrait, portrait, close_up()), portrait, atol=1e-5, rtol=0)


def test_flow_says_where_a_close_up_comes_from():
    portrait = torch.linspace(0, 1, 64).expand(1, 3, 64, 64).contiguous()  # brighter to the right
    moved = insert(portrait, portrait, close_up(flow=0.1))
    side = float(mouth_crop(face()).side)
    x, y = (face()[0, 48:68].mean(0) * 64).int().tolist()
    assert float((moved - portrait)[0, 0, y, x]) == pytest.approx(0.1 * side, rel=0.05)


def test_what_the_portrait_does_not_show_is_painted_and_the_border_fades():
    frame = torch.ones(1, 3, 64, 64)
    painted = insert(frame, frame, close_up(shown=-30.0))
    x, y = (face()[0, 48:68].mean(0) * 64).int().tolist()
    assert painted[..., y, x].max() < 0.01
    assert painted[..., :8, :].min() == 1, "outside nothing changes"
    places = pixel_centers(32, 32, frame.device).view(1, 32, 32, 2)
    assert fade(places).diff(dim=-1).abs().max() < 0.4, "no hard edge"


def test_a_face_at_the_border_or_outside_of_the_picture():
    frame = torch.rand(1, 3, 64, 64)
    at_border, outside = (
        insert(frame, frame, close_up(shown=-30.0, color=0.5)._replace(place=mouth_crop(face() + shift)))
        for shift in (0.4, 3.0)
    )
    torch.testing.assert_close(outside, frame)
    assert at_border.isfinite().all()
    torch.testing.assert_close(at_border[..., :32, :32], frame[..., :32, :32])
    torch.testing.assert_close(at_border[..., 63, 56:58], torch.full((1, 3, 2), 0.5), atol=0.02, rtol=0)


def test_close_ups_are_told_apart_by_expression_and_pixels():
    torch.manual_seed(0)
    net = CloseUpNet((8, 8, 8))
    for unet in (net.eye, net.mouth):
        torch.nn.init.normal_(unet.conv_out.weight, std=0.1)
    portrait, driver, points = torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64), face()
    open_mouth = points.clone()
    open_mouth[:, 61:64, 1] -= 0.03
    open_mouth[:, 65:68, 1] += 0.03

    still = net(portrait, driver, points, points, points)
    spoken = net(portrait, driver, points, points, open_mouth)
    other = net(portrait, driver.flip(-1), points, points, points)

    assert len(still) == 3
    assert (still[2].flow - spoken[2].flow).abs().max() > 1e-4
    assert (still[0].color - other[0].color).abs().max() > 1e-4
    torch.testing.assert_close(still[0].color, spoken[0].color)


def turned_aside() -> torch.Tensor:
    """(1, 70, 2): the face's left jaw comes near to the corners of its eye and mouth."""
    points = face()
    points[:, :9, 0] = 0.5 + (points[:, :9, 0] - 0.5) * 0.75
    return points


@pytest.mark.parametrize("points", [face(), face(0.6), turned_aside()])
def test_a_close_up_ends_within_the_face(points: torch.Tensor) -> None:
    middle, jaw = points[:, :68].mean(1, keepdim=True), points[:, :17]
    for crop, part in ((mouth_crop(points), MOUTH), (eye_crops(points)[0], LIDS)):
        share = within_face(crop, points, part)

        def shown(places: torch.Tensor, crop: UprightCrop = crop, share: torch.Tensor = share) -> torch.Tensor:
            inside = crop.into(places)
            return sample(share, inside[:, None])[0, 0, 0] * ((inside - 0.5).abs() < 0.48).all(-1)

        assert shown(points[:, list(part)]).min() > 0.85, "all of the part"
        for beyond, most in ((1.0, 0.35), (1.15, 1e-3)):
            assert shown(middle + (jaw - middle) * beyond).max() <= most


def test_a_profiles_far_eye_is_shown_whole() -> None:
    points = face()
    points[:, :9, 0] = 0.5 + (points[:, :9, 0] - 0.5) * 0.3  # the jaw's line passes before it
    crop = eye_crops(points)[0]
    assert torch.equal(within_face(crop, points, LIDS), torch.ones(1, 1, 32, 32))


def gray_face(points: torch.Tensor, side: int) -> tuple[torch.Tensor, tuple[CloseUp, CloseUp, CloseUp]]:
    """A gray portrait (1, 3, side, side) and what a network without training makes of its eyes and mouth."""
    gray = torch.full((1, 3, side, side), 0.5)
    torch.manual_seed(0)
    return gray, CloseUpNet((8, 8, 8))(gray, gray[:, :1], points, points, points)


@torch.no_grad()
def test_beyond_a_turned_face_nothing_of_a_close_up_is_shown() -> None:
    """There it showed the portrait's background as if it were a cheek."""
    points, side = turned_aside(), 128
    gray, made = gray_face(points, side)
    black = tuple(
        part._replace(shown=torch.full_like(part.shown, -30.0), color=torch.zeros_like(part.color)) for part in made
    )
    layers = Layers(torch.ones(1, 1, side, side), gray, gray)
    motion = DenseMotion(torch.zeros(1, 2, 16, 16), torch.ones(1, 1, 16, 16), black)

    painted = place_person(gray[..., :16, :16], layers, motion)

    row, mouth = (points[0, 48:68].mean(0).flip(0) * side).int().tolist()
    jaw = int(points[0, 2, 0] * side)  # beside the corner of the mouth
    assert painted[..., row, mouth].max() < 0.05
    torch.testing.assert_close(painted[..., row - 2 : row + 2, : jaw - 1], gray[..., row - 2 : row + 2, : jaw - 1])


@torch.no_grad()
def test_close_ups_show_the_person_and_not_what_lies_behind() -> None:
    points, side = face(), 128
    gray, made = gray_face(points, side)
    matte = torch.zeros(1, 1, side, side)
    matte[..., side // 2 :] = 1
    person = place_person(
        gray[..., :16, :16],
        Layers(matte, gray, torch.zeros_like(gray)),
        DenseMotion(torch.zeros(1, 2, 16, 16), torch.ones(1, 1, 16, 16), made),
    )
    before = matte.expand_as(gray)
    assert made[2].shown.sigmoid().min() > 0.3
    torch.testing.assert_close(person, gray * before, atol=1e-4, rtol=0)
