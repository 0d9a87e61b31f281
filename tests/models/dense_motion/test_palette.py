"""What is painted into a picture has the picture's colors."""

import torch

from megactor.models.dense_motion.palette import Palette


def grays(size: int = 128) -> torch.Tensor:
    """A black-and-white photograph with the faint colors that JPEG leaves."""
    light = torch.rand(1, 1, size, size, generator=torch.Generator().manual_seed(0)).expand(1, 3, size, size)
    return (light + 0.003 * torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))).clamp(0, 1)


def saturation(colors: torch.Tensor) -> float:
    return float((colors.amax(1) - colors.amin(1)).max())


def test_a_black_and_white_photograph_gets_gray_eyes_and_teeth() -> None:
    painted = torch.tensor([0.9, 0.6, 0.3]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    fitted = Palette.of(grays()).fitted(painted)
    assert saturation(painted) > 0.5 and saturation(fitted) < 0.05
    assert abs(float(fitted.mean()) - 0.6) < 0.02, "as bright as before"


def test_a_toned_print_keeps_its_tone() -> None:
    tone = torch.tensor([1.0, 0.85, 0.6]).view(1, 3, 1, 1)
    fitted = Palette.of(grays() * tone).fitted(torch.full((1, 3, 4, 4), 0.5))
    warm = fitted[0, :, 0, 0]
    torch.testing.assert_close(warm / warm[0], tone[0, :, 0, 0], atol=0.05, rtol=0)


def test_a_picture_with_colors_takes_all_of_them() -> None:
    colorful = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(2))
    colors = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(Palette.of(colorful).fitted(colors), colors, atol=0.01, rtol=0)
