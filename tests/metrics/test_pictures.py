import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from megactor.metrics.pictures import l1, ms_ssim, psnr, ssim


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(2, 3, 24, 20, generator=generator)
    return (truth + 0.1 * torch.randn(truth.shape, generator=generator)).clamp(0, 1), truth


def test_known_values():
    black, gray = torch.zeros(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.1)
    assert l1(gray, black).item() == pytest.approx(0.1)
    assert psnr(gray, black).item() == pytest.approx(20, abs=1e-4)
    assert psnr(gray, gray).item() == 100 and ssim(gray, gray).item() == pytest.approx(1)
    assert ssim(gray, black).item() == pytest.approx(1e-4 / (0.01 + 1e-4), rel=1e-3)


def test_every_picture_is_judged_alone(pair):
    result, truth = pair
    for metric in (l1, psnr, ssim):
        both = metric(result, truth)
        assert both.shape == (2,)
        torch.testing.assert_close(both[1:], metric(result[1:], truth[1:]))


def test_ssim_is_the_formula_of_the_paper(pair):
    def local(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, 1.5, truncate=5 / 1.5)[5:-5, 5:-5]  # 11 pixels wide

    result, truth = (picture.double().numpy() for picture in pair)
    for n in range(2):
        channels = []
        for a, b in zip(result[n], truth[n], strict=True):
            ma, mb = local(a), local(b)
            va, vb, ab = local(a * a) - ma**2, local(b * b) - mb**2, local(a * b) - ma * mb
            top = (2 * ma * mb + 0.0001) * (2 * ab + 0.0009)
            channels.append((top / ((ma**2 + mb**2 + 0.0001) * (va + vb + 0.0009))).mean())
        assert ssim(*pair)[n].item() == pytest.approx(np.mean(channels), abs=1e-5)


def test_ms_ssim_is_the_formula_of_the_paper():
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(2, 3, 12, 11, generator=generator).repeat_interleave(16, 2).repeat_interleave(16, 3)
    result = (truth + 0.2 * torch.randn(truth.shape, generator=generator)).clamp(0, 1)

    def window(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, 1.5, truncate=5 / 1.5)[5:-5, 5:-5]

    for n in range(2):
        channels = []
        for a, b in zip(result[n].double().numpy(), truth[n].double().numpy(), strict=True):
            product = 1.0
            for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
                ma, mb = window(a), window(b)
                va, vb, ab = window(a * a) - ma**2, window(b * b) - mb**2, window(a * b) - ma * mb
                similarity = (2 * ab + 0.0009) / (va + vb + 0.0009)
                if scale == 4:
                    similarity = similarity * (2 * ma * mb + 0.0001) / (ma**2 + mb**2 + 0.0001)
                product *= similarity.mean() ** weight
                a, b = (
                    x[: len(x) // 2 * 2, : x.shape[1] // 2 * 2].reshape(len(x) // 2, 2, -1, 2).mean((1, 3))
                    for x in (a, b)
                )
            channels.append(product)
        assert ms_ssim(result, truth)[n].item() == pytest.approx(np.mean(channels), abs=1e-5)
        assert 0.3 < np.mean(channels) < 0.99


def test_ms_ssim_refuses_small_pictures_and_bears_opposite_ones(pair):
    with pytest.raises(ValueError, match="176"):
        ms_ssim(*pair)
    noise = torch.rand(1, 3, 176, 176, generator=torch.Generator().manual_seed(0))
    assert ms_ssim(noise, noise).item() == pytest.approx(1)
    assert ms_ssim(1 - noise, noise).item() == 0


def test_autocast_does_not_blur_the_measure(pair):
    with torch.autocast("cpu", torch.bfloat16):
        inside = ssim(*pair)
    torch.testing.assert_close(inside, ssim(*pair), rtol=0, atol=0)
