"""Dense motion, warping and detail: geometry that must hold whatever the weights."""

import pytest
import torch
import torch.nn.functional as F

from megactor.models.dense_motion import DenseMotion, DenseMotionNet, warp
from megactor.models.detail import add_portrait_detail


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


def test_untrained_network_leaves_the_portrait_in_place():
    net = DenseMotionNet()
    motion = net(picture(64), picture(64))

    assert motion.flow.shape == (1, 2, 32, 32)
    assert not motion.flow.any()
    torch.testing.assert_close(motion.visibility, torch.full((1, 1, 32, 32), 0.5))


def test_color_of_the_driver_is_not_seen():
    torch.manual_seed(0)
    net = DenseMotionNet()
    torch.nn.init.normal_(net.conv_out.weight, std=0.1)
    gray = torch.rand(1, 1, 64, 64).expand(1, 3, 64, 64)
    tint = torch.tensor([1 / 0.2989, 0.0, 0.0]).view(1, 3, 1, 1)

    as_gray, as_red = (net(picture(64), driving).flow for driving in (gray * 0.2, gray * 0.2 * 0.9999 * tint))

    torch.testing.assert_close(as_red, as_gray, atol=1e-5, rtol=1e-4)


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="differ in size"):
        DenseMotionNet()(picture(64), picture(32))


def test_detail_restores_a_still_portrait_exactly_where_it_is_visible():
    large = picture(64)
    small = F.interpolate(large, size=(32, 32), mode="bilinear", antialias=True)
    still = DenseMotion(torch.zeros(1, 2, 16, 16), torch.ones(1, 1, 16, 16))
    hidden = still._replace(visibility=torch.zeros(1, 1, 16, 16))

    torch.testing.assert_close(add_portrait_detail(small, large, still), large, atol=1e-5, rtol=0)
    enlarged = F.interpolate(small, size=(64, 64), mode="bicubic").clamp(0, 1)
    torch.testing.assert_close(add_portrait_detail(small, large, hidden), enlarged)
