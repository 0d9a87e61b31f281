"""Errors of keypoints as training draws them."""

import torch

from megactor.models.dense_motion import DenseMotionNet
from megactor.models.dense_motion.face_crops import JAW_AND_NOSE
from megactor.train.tasks.finder_errors import JAW_ERROR, found_keypoints, with_errors


def errors() -> torch.Tensor:
    """(4000, 70, 2) in pixels of 128."""
    draws = torch.randn(4000, 70, 2, generator=torch.Generator().manual_seed(0))
    return with_errors(torch.full((70, 2), 0.5), draws) * 128 - 64


def test_jaws_are_vague_and_close_looks_exact():
    spread = errors().std(0).mean(1)

    assert abs(float(spread[:17].mean()) - JAW_ERROR) < 0.1 * JAW_ERROR
    assert float(spread[36:].max()) < 0.5 * JAW_ERROR


def test_neighbors_along_the_jaw_err_alike_and_its_ends_do_not():
    x = torch.corrcoef(errors()[..., 0].T)

    assert x[8, 9] > 0.8
    assert x[0, 16].abs() < 0.1
    assert x[8, 30].abs() < 0.1, "the nose errs on its own"


def test_what_is_found_differs_from_the_truth_only_in_jaw_and_nose():
    torch.manual_seed(0)
    network = DenseMotionNet(block_out_channels=(16, 16), attention_levels=(False, False), keypoint_channels=(16, 16))
    points = torch.rand(2, 4, 70, 2, generator=torch.Generator().manual_seed(1))
    images = torch.randint(256, (2, 3, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    batch = {
        "portrait": images[:, 0],
        "driving": images[:, 1:],
        "portrait_keypoints": points[:, 0],
        "driving_keypoints": points[:, 1:3],
        "anchor_keypoints": points[:, 3],
    }

    with torch.no_grad():
        seen = found_keypoints(network, batch)
        expected = network.find_coarse(images[:, 0].float() / 255)

    vague = list(JAW_AND_NOSE)
    close = [point for point in range(70) if point not in JAW_AND_NOSE]
    torch.testing.assert_close(seen.portrait[::2, vague], expected[:, vague])
    torch.testing.assert_close(seen.portrait[:, close], points[:, 0].repeat_interleave(2, 0)[:, close])
    torch.testing.assert_close(seen.driving[:, close], points[:, 1:3].flatten(0, 1)[:, close])
