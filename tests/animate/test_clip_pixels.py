"""CLIP's preprocessing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from megactor.animate.clip_pixels import clip_pixels
from megactor.models.background_encoder import CLIP_MEAN, CLIP_STD


@pytest.mark.parametrize("size", [(64, 64), (100, 40), (33, 97), (7, 5)])
def test_clip_pixels_keep_the_middle(size: tuple[int, int]) -> None:
    rows, columns = (np.linspace(0, 255, side) for side in size)
    ramps = np.stack([*np.meshgrid(columns, rows), np.full(size, 90.0)], axis=-1)  # brighter to the right, and down
    pixels = clip_pixels(np.rint(ramps).astype(np.uint8), 32)
    assert pixels.shape == (1, 3, 32, 32) and pixels.dtype == torch.float32

    levels = 255 * (pixels[0] * torch.tensor(CLIP_STD)[:, None, None] + torch.tensor(CLIP_MEAN)[:, None, None])
    side = min(size)
    for channel, line, length in ((0, levels[0, 16], size[1]), (1, levels[1, :, 16], size[0])):
        places = (np.arange(32) + 0.5) * side / 32 + (length - side) / 2 - 0.5  # in the picture
        slope = 255 / (length - 1)
        inside = slice(6, 26)  # a small picture's border has no neighbors to go on with
        np.testing.assert_allclose(
            line[inside], (places * slope)[inside], rtol=0, atol=1 + slope * side / 32, err_msg=str(channel)
        )
    torch.testing.assert_close(levels[2], torch.full((32, 32), 90.0), rtol=0, atol=0.6)
