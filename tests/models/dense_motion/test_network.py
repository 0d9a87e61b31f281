"""Dense motion, warping and detail: geometry that must hold whatever the weights."""

import pytest
import torch
import torch.nn.functional as F

from megactor.faces.head_pose import MEAN_FACE
from megactor.models.dense_motion.face_crops import face_crop
from megactor.models.dense_motion.flow import meet_keypoints, warp, zoom_flow
from megactor.models.dense_motion.keypoints import KEYPOINTS, MIRRORED
from megactor.models.dense_motion.network import DenseMotion, DenseMotionNet, FollowedMotion, _shares
from megactor.models.dense_motion.portrait_detail import add_portrait_detail


def picture(size: int = 32) -> torch.Tensor:
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_zero_flow_changes_nothing():
    image = picture()
    torch.testing.assert_close(warp(image, torch.zeros(1, 2, 16, 16)), image)


def test_flow_says_where_the_pixel_comes_from():
    image = picture(32)
    flow = torch.zeros(1, 2, 32, 32)
    flow[:, 0] = 4 / 32  # four pixels to the right in the portrait

    moved = warp(image, flow)

    torch.testing.assert_close(moved[..., :-4], image[..., 4:])


def test_flow_means_the_same_at_every_size():
    small = F.interpolate(picture(16), size=64, mode="bilinear")
    flow = torch.full((1, 2, 8, 8), 0.125)

    large = warp(small, flow)

    torch.testing.assert_close(large[..., :-8, :-8], small[..., 8:, 8:], atol=1e-5, rtol=0)


def on_grid(points: torch.Tensor, size: int = 64) -> torch.Tensor:
    """Points moved to centers of pixels, where sampling needs no interpolation."""
    return ((points * size).floor() + 0.5) / size


def test_flow_meets_the_keypoints():
    keypoints = on_grid(torch.rand(2, 12, 2, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.2)
    portrait_keypoints = keypoints + torch.tensor([0.05, -0.02])
    flow = torch.zeros(2, 2, 64, 64)

    met = meet_keypoints(flow, keypoints, portrait_keypoints, torch.ones(2, 12, 1), radius=0.02, smoothing=0.0)

    at_points = F.grid_sample(met, (2 * keypoints - 1)[:, None], align_corners=False)[:, :, 0].transpose(1, 2)
    torch.testing.assert_close(at_points, portrait_keypoints - keypoints, atol=2e-4, rtol=0)
    assert met[:, :, :4, :4].abs().max() < 1e-4, "far from all keypoints nothing changes"


def test_keypoints_that_cannot_be_trusted_bend_nothing():
    flow = torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    points = torch.rand(1, 5, 2, generator=torch.Generator().manual_seed(1))

    met = meet_keypoints(flow, points, points + 0.1, torch.zeros(1, 5, 1), radius=0.05, smoothing=0.1)

    torch.testing.assert_close(met, flow)


def test_two_equal_keypoints_do_not_break_the_interpolation():
    points = torch.full((1, 2, 2), 0.5)
    met = meet_keypoints(
        torch.zeros(1, 2, 16, 16), points, points + 0.1, torch.ones(1, 2, 1), radius=0.05, smoothing=0.05
    )
    assert met.isfinite().all()


def test_zoom_flow_shifts_and_zooms_about_the_middle_of_the_lower_edge():
    motion = torch.tensor([[0.1, -0.2, 0.0], [0.0, 0.0, 0.5]])

    shift, zoom = zoom_flow(motion, 8, 16)

    torch.testing.assert_close(shift, torch.tensor([0.1, -0.2]).view(2, 1, 1).expand(2, 8, 16))
    torch.testing.assert_close(zoom[0, 3], 0.5 * ((torch.arange(16) + 0.5) / 16 - 0.5))
    torch.testing.assert_close(zoom[1, :, 3], 0.5 * ((torch.arange(8) + 0.5) / 8 - 1))


def layered_net(layer: int) -> DenseMotionNet:
    """Every pixel follows one layer: 0 none, 1 the head, 2 the body, which moves by a tenth to the right."""
    net = DenseMotionNet(
        block_out_channels=(16, 16),
        attention_levels=(False, False),
        keypoint_channels=(16, 16),
        keypoint_radius=1e-3,
        body_width=16,
    )
    cells = (net.config.patch_size // 2) ** 2
    with torch.no_grad():
        net.unet.conv_out.bias[(2 + layer) * cells : (3 + layer) * cells] = 30
        net.body.proj_out.bias.copy_(torch.tensor([0.1 * 16, 0, 0]))
    return net


def test_pixels_follow_the_layer_that_the_unet_names():
    driving = torch.rand(1, 70, 2, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.2
    still, head, body = (
        layered_net(layer).logits(picture(64), picture(64), driving + torch.tensor([0.05, 0.0]), driving).flow
        for layer in range(3)
    )

    corner = (slice(None), slice(None), slice(0, 4), slice(0, 4))  # keypoints bend what is near them
    torch.testing.assert_close(still[corner], torch.zeros(1, 2, 4, 4), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        head[corner], torch.tensor([0.05, 0]).view(2, 1, 1).expand(1, 2, 4, 4), atol=5e-3, rtol=0
    )
    torch.testing.assert_close(body[corner], torch.tensor([0.1, 0]).view(2, 1, 1).expand(1, 2, 4, 4), atol=1e-4, rtol=0)


def small_net() -> DenseMotionNet:
    torch.manual_seed(0)
    net = DenseMotionNet(
        block_out_channels=(16, 32),
        attention_levels=(False, True),
        keypoint_channels=(16, 16),
        refiner_channels=(8, 8, 8),
        close_up_channels=(8, 8, 8),
        body_width=16,
    )
    torch.nn.init.normal_(net.unet.conv_out.weight, std=0.1)
    torch.nn.init.normal_(net.retargeter.proj_out.weight, std=0.1)
    torch.nn.init.normal_(net.body.proj_out.weight, std=0.1)
    return net


def test_half_the_resolution_comes_out():
    motion = small_net()(picture(64), picture(64))

    assert motion.flow.shape == (1, 2, 32, 32)
    assert motion.visibility.shape == (1, 1, 32, 32)
    assert motion.visibility.min() >= 0 and motion.visibility.max() <= 1


def flat(motion: DenseMotion) -> list[torch.Tensor]:
    return [motion.flow, motion.visibility, *(field for part in motion.close_ups for field in part[2:5])]


def test_keypoints_of_the_portrait_may_be_handed_in():
    net, large = small_net(), picture(128)
    known = net.find_keypoints(large)

    motions = (net(picture(64), large * 0.5, large, keypoints) for keypoints in (known, None))

    torch.testing.assert_close(*(flat(motion) for motion in motions))


class Looks(torch.nn.Module):
    """Finds what it is told, one answer a look, and keeps the pictures."""

    def __init__(self, *answers: torch.Tensor) -> None:
        super().__init__()
        self.answers, self.seen = list(answers), []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.seen.append(image)
        return self.answers[len(self.seen) - 1]


def frontal_face() -> torch.Tensor:
    """(1, 70, 2), as wide as it is high."""
    face = torch.from_numpy(MEAN_FACE[:, :2]).float()
    return torch.cat([face, face[42:48].mean(0, keepdim=True), face[36:42].mean(0, keepdim=True)])[None]


def test_the_second_look_is_at_the_face_alone_and_upright():
    face = frontal_face()
    lean = torch.tensor([[0.0, -1.0], [1.0, 0.0]])  # the head lies on its side
    first, second = 0.6 + 0.1 * face @ lean.T, 0.5 + 0.2 * face
    net = DenseMotionNet(block_out_channels=(16,), attention_levels=(False,), keypoint_channels=(16,), looks_twice=True)
    net.keypoints = Looks(first, second.expand(2, -1, -1))
    image = torch.zeros(1, 3, 256, 256)
    eye = first[:, 36:42].mean(1)[0]
    x, y = (int(256 * place) for place in eye)
    image[:, :, y - 3 : y + 4, x - 3 : x + 4] = 1

    found = net.find_coarse(image)

    whole, (closer, in_mirror) = net.keypoints.seen[0], net.keypoints.seen[1].split(1)
    assert whole.shape == closer.shape == (1, 3, 128, 128)
    bright = (closer[0, 0] > 0.5).nonzero().float().mean(0) / 128
    assert bright[0] < 0.45 and bright[1] < 0.45  # the left eye is up and left
    beside = (in_mirror[0, 0] > 0.5).nonzero().float().mean(0) / 128
    assert beside[0] < bright[0] and beside[1] > 0.55  # in the mirror it is to the right; and it is closer
    assert closer.sum() > 1.3 * whole.sum()
    turned = found[0] - found[0].mean(0)
    torch.testing.assert_close(
        torch.nn.functional.cosine_similarity(turned, (face[0] - face[0].mean(0)) @ lean.T),
        torch.ones(70),
        atol=1e-3,
        rtol=0,
    )


def test_what_is_wrong_in_the_mirror_too_cancels_out():
    """A finder that has every point too far to its right, whichever face it sees."""
    face, aside = frontal_face(), torch.tensor([0.03, 0.0])
    first, second = 0.5 + 0.1 * face, 0.5 + 0.2 * face
    net = DenseMotionNet(block_out_channels=(16,), attention_levels=(False,), keypoint_channels=(16,), looks_twice=True)
    image = torch.zeros(1, 3, 256, 256)
    found = []
    for error in (torch.zeros(2), aside):
        net.keypoints = Looks(first, (second + error).expand(2, -1, -1))
        found.append(net.find_coarse(image))

    alone = 0.03 * float(face_crop(first).side)
    assert (found[1] - found[0]).norm(dim=-1).max() < 0.1 * alone


def test_a_mirrored_portrait_moves_in_the_mirror():
    """Whatever the weights: the motion UNet looks at both."""
    net, random = small_net(), torch.Generator().manual_seed(1)
    portrait, driving = (torch.rand(1, 3, 64, 64, generator=random) for _ in range(2))
    points = frontal_face() * 0.2 + 0.5
    moved = points + 0.02 * torch.randn(1, 70, 2, generator=random)
    body = torch.tensor([[0.05, -0.02, 0.1]])

    def mirrored(places: torch.Tensor) -> torch.Tensor:
        return (torch.tensor([1.0, 0.0]) + torch.tensor([-1.0, 1.0]) * places)[:, list(MIRRORED)]

    motion = net(portrait, driving, portrait_keypoints=points, followed=FollowedMotion(points, moved, body))
    other_way = torch.tensor([-1.0, 1.0, 1.0])
    followed = FollowedMotion(mirrored(points), mirrored(moved), body * other_way)
    in_mirror = net(portrait.flip(-1), driving.flip(-1), portrait_keypoints=mirrored(points), followed=followed)

    assert motion.flow.std() > 0.01
    torch.testing.assert_close(in_mirror.visibility.flip(-1), motion.visibility, atol=1e-4, rtol=1e-4)
    flow = in_mirror.flow.flip(-1) * other_way[:2].view(2, 1, 1)
    torch.testing.assert_close(flow, motion.flow, atol=1e-4, rtol=1e-4)


def test_frames_of_a_motion_do_not_know_of_each_other():
    net, drivers = small_net(), torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    portrait, large = picture(64), picture(128)

    together = net(portrait.expand(3, -1, -1, -1), drivers, large.expand(3, -1, -1, -1)).split()

    assert len(together) == 3
    for motion, driver in zip(together, drivers.split(1), strict=True):
        torch.testing.assert_close(flat(motion), flat(net(portrait, driver, large)), atol=1e-4, rtol=1e-3)
        assert motion.close_ups[0].place.center.shape == (1, 1, 2)


def test_color_of_the_driver_is_not_seen():
    net = small_net()
    gray = torch.rand(1, 1, 64, 64).expand(1, 3, 64, 64)
    tint = torch.tensor([1 / 0.2989, 0.0, 0.0]).view(1, 3, 1, 1)

    as_gray, as_red = (net(picture(64), driving).flow for driving in (gray * 0.2, gray * 0.2 * 0.9999 * tint))

    torch.testing.assert_close(as_red, as_gray, atol=1e-5, rtol=1e-3)


def test_sizes_must_agree():
    points = torch.rand(1, 70, 2)
    with pytest.raises(ValueError, match="differ in size"):
        DenseMotionNet().logits(picture(64), picture(32), points, points)


def test_detail_restores_a_still_portrait_exactly_where_it_is_visible():
    large = picture(64)
    small = F.interpolate(large, size=(32, 32), mode="bilinear", antialias=True)
    still = DenseMotion(torch.zeros(1, 2, 16, 16), torch.ones(1, 1, 16, 16))
    hidden = still._replace(visibility=torch.zeros(1, 1, 16, 16))

    torch.testing.assert_close(add_portrait_detail(small, large, still), large, atol=1e-5, rtol=0)
    enlarged = F.interpolate(small, size=(64, 64), mode="bicubic").clamp(0, 1)
    torch.testing.assert_close(add_portrait_detail(small, large, hidden), enlarged)


def test_the_persons_flow_is_the_same_on_the_person() -> None:
    """Pixels that follow head or body move alike in both; those that follow nothing go with what is nearby."""
    follows = torch.zeros(1, 3, 32, 32)
    follows[:, 0], follows[:, 1, 8:24, 8:24], follows[:, 0, 8:24, 8:24] = 1, 1, 0
    still, of_person = (_shares(follows, flag) for flag in (False, True))
    assert torch.equal(still, follows[:, 1:])
    torch.testing.assert_close(of_person.sum(1), torch.ones(1, 32, 32))
    assert of_person[0, 0, 12:20, 12:20].min() > 0.99
    assert of_person[0, 0, 4, 16] > 0.9


@torch.no_grad()
def test_the_chin_meets_its_point_like_all_others() -> None:
    torch.manual_seed(0)
    shape = {"block_out_channels": (16, 16), "attention_levels": (False, False), "keypoint_channels": (16, 16)}
    net = DenseMotionNet(**shape)  # says that nothing moves
    points = torch.rand(1, KEYPOINTS, 2) * 0.2 + 0.4
    points[:, 8] = torch.tensor([0.5, 0.9])  # far from all others
    moved = points.clone()
    moved[:, 8] += 0.05

    flow = net.logits(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64), moved, points).flow

    assert flow[0, :, 28, 16].abs().min() > 0.01  # of 32 x 32
    assert flow[0, :, 16, 16].abs().max() < 0.005
