"""Keypoints: what must hold whatever the weights."""

import torch

from megactor.models.dense_motion.keypoints import KeypointNet, KeypointRetargeter, to_gray


def test_keypoints_are_places_in_the_picture():
    torch.manual_seed(0)
    points = KeypointNet(block_out_channels=(16, 16))(torch.rand(2, 3, 64, 32))

    assert points.shape == (2, 70, 2)
    assert points.min() > 0 and points.max() < 1


def test_a_sharp_heatmap_is_a_place():
    net = KeypointNet(block_out_channels=(16, 16))
    heatmaps = torch.zeros(1, 70, 16, 16)
    heatmaps[:, :, 3, 12] = 100.0
    net.unet.register_forward_hook(lambda module, inputs, output: heatmaps)

    points = net(torch.rand(1, 3, 64, 64))

    torch.testing.assert_close(points, torch.tensor([12.5 / 16, 3.5 / 16]).expand(1, 70, 2))


def test_untrained_retargeting_takes_the_drivers_keypoints():
    portrait, driving = torch.rand(2, 3, 70, 2).unbind(0)
    torch.testing.assert_close(KeypointRetargeter(width=16)(portrait, driving), driving)


def test_gray_is_what_the_eye_sees():
    assert to_gray(torch.ones(1, 3, 2, 2)).allclose(torch.ones(1, 1, 2, 2), atol=1e-3)
