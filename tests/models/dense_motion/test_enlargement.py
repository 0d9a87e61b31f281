"""Bicubic enlargement as a convolution gives what PyTorch's own gives."""

import pytest
import torch
import torch.nn.functional as F

from megactor.models.dense_motion import enlargement
from megactor.models.dense_motion.enlargement import enlarged


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_whole_factors(factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = torch.rand(2, 3, 16, 16) * 3 - 1  # beyond a picture's range, too
    expected = F.interpolate(picture, scale_factor=factor, mode="bicubic", align_corners=False)
    enlargement._weights(factor)
    monkeypatch.setattr(F, "interpolate", None)  # else it would be compared with itself
    torch.testing.assert_close(enlarged(picture, factor * 16), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [8, 16, 40])
def test_other_sizes(size: int) -> None:
    picture = torch.rand(1, 1, 16, 16)
    expected = F.interpolate(picture, size=(size, size), mode="bicubic", align_corners=False)
    torch.testing.assert_close(enlarged(picture, size), expected)
