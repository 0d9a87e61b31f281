"""What is painted into a picture has the picture's colors."""

import torch

from megactor.models.dense_motion.palette import MouthTones, Palette


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


def mouth(skin: tuple[float, ...], lips: tuple[float, ...]) -> torch.Tensor:
    """(1, 3, 64, 64), lips in shaded skin."""
    picture = torch.tensor(skin).view(1, 3, 1, 1) * torch.linspace(0.6, 1, 64).view(1, 1, 1, 64)
    picture = picture.repeat(1, 1, 64, 1)
    picture[..., 26:38, 16:48] = torch.tensor(lips).view(1, 3, 1, 1)
    return picture


def painted(*color: float) -> torch.Tensor:
    return torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, 4, 4)


def test_a_mouth_in_blue_light_has_no_orange_tongue() -> None:
    tones = MouthTones.of(mouth((0.4, 0.55, 0.55), (0.3, 0.36, 0.36)))
    tongue = tones.fitted(painted(0.5, 0.3, 0.2))[0, :, 0, 0]
    assert tongue[0] <= tongue[1] + 0.02 and tongue[0] <= tongue[2] + 0.02
    assert abs(float(tongue.mean()) - 1 / 3) < 0.01, "as light as before"


def test_teeth_are_not_green_and_nothing_is_stronger_than_lips() -> None:
    tones = MouthTones.of(mouth((0.9, 0.78, 0.7), (0.6, 0.15, 0.15)))
    teeth = tones.fitted(painted(0.55, 0.58, 0.42))[0, :, 0, 0]
    assert teeth[0] >= teeth[1]
    brown = MouthTones.of(mouth((0.9, 0.78, 0.7), (0.7, 0.4, 0.38))).fitted(painted(0.4, 0.2, 0.0))[0, :, 0, 0]
    assert brown[2] > 0.1, "no stronger than lips"


def test_the_colors_of_a_mouth_stay() -> None:
    skin, lips = (0.9, 0.7, 0.6), (0.7, 0.35, 0.33)
    tones = MouthTones.of(mouth(skin, lips))
    for color in (skin, lips, (0.35, 0.17, 0.16), (0.8, 0.78, 0.77)):
        torch.testing.assert_close(tones.fitted(painted(*color)), painted(*color), atol=0.03, rtol=0)


def test_a_gray_or_black_mouth_gets_no_colors() -> None:
    for gray in (0.5, 0.0):
        assert saturation(MouthTones.of(mouth((gray,) * 3, (gray / 2,) * 3)).fitted(painted(0.8, 0.5, 0.4))) < 0.01
