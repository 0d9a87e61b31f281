"""Portrait loading: every picture looks as in a viewer, or is refused in one line."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_samples import Clip, huge_png, png, write_clip
from PIL import Image, ImageCms

from megactor.errors import InputError
from megactor.media import load_image


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def gradient(width: int = 24, height: int = 16) -> np.ndarray:
    ramp = np.linspace(0, 255, width).astype(np.uint8)
    return np.stack([np.tile(ramp, (height, 1)), np.full((height, width), 90, np.uint8),
                     np.tile(ramp[::-1], (height, 1))], axis=-1)  # fmt: skip


def assert_plain(image: np.ndarray, height: int, width: int) -> None:
    assert image.dtype == np.uint8 and image.shape == (height, width, 3)
    assert image.flags.c_contiguous and image.flags.writeable


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".tga"])
def test_lossless_formats_come_back_exactly(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"picture{suffix}", Image.fromarray(gradient()))
    image = load_image(path)
    assert_plain(image, 16, 24)
    np.testing.assert_array_equal(image, gradient())


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".jp2"])
def test_lossy_formats(tmp_path: Path, suffix: str) -> None:
    image = load_image(save(tmp_path / f"picture{suffix}", Image.fromarray(gradient())))
    assert_plain(image, 16, 24)
    assert np.abs(image.astype(int) - gradient()).mean() < 12


def test_the_content_decides_not_the_suffix(tmp_path: Path) -> None:
    path = save(tmp_path / "picture.jpg", Image.fromarray(gradient()), format="PNG")
    np.testing.assert_array_equal(load_image(str(path)), gradient())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    upright = gradient()
    upright[:4, :4] = 255  # marks the top left corner
    undo: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: lambda a: np.rot90(a, -1),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](upright)))
    np.testing.assert_array_equal(load_image(save(tmp_path / "turned.png", stored, exif=exif)), upright)


def test_transparency_is_put_over_white(tmp_path: Path) -> None:
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[:, 0] = (200, 0, 0, 255)
    rgba[:, 1] = (200, 0, 0, 0)
    rgba[:, 2] = (0, 0, 0, 128)
    image = load_image(save(tmp_path / "alpha.png", Image.fromarray(rgba)))
    np.testing.assert_allclose(image[0], [(200, 0, 0), (255, 255, 255), (127, 127, 127)], atol=1)


def test_gray_with_alpha_and_palette_with_transparency(tmp_path: Path) -> None:
    gray = Image.merge("LA", [Image.new("L", (2, 1), 40), Image.fromarray(np.array([[255, 0]], np.uint8))])
    np.testing.assert_array_equal(load_image(save(tmp_path / "la.png", gray))[0], [(40,) * 3, (255,) * 3])
    paletted = Image.new("P", (2, 1))
    paletted.putpalette([10, 20, 30, 0, 0, 0])
    paletted.putpixel((1, 0), 1)
    image = load_image(save(tmp_path / "p.png", paletted, transparency=1))
    np.testing.assert_array_equal(image[0], [(10, 20, 30), (255, 255, 255)])
    keyed = Image.fromarray(np.array([[[1, 2, 3], [9, 9, 9]]], np.uint8))
    image = load_image(save(tmp_path / "key.png", keyed, transparency=(9, 9, 9)))
    np.testing.assert_array_equal(image[0], [(1, 2, 3), (255, 255, 255)])


def test_gray_bilevel_and_cmyk(tmp_path: Path) -> None:
    assert load_image(save(tmp_path / "l.png", Image.new("L", (3, 2), 77))).tolist() == [[[77] * 3] * 3] * 2
    assert load_image(save(tmp_path / "1.png", Image.new("1", (1, 1), 1))).tolist() == [[[255] * 3]]
    cmyk = load_image(save(tmp_path / "cmyk.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0)), quality=95))
    np.testing.assert_allclose(cmyk.reshape(-1, 3).mean(0), (255, 0, 0), atol=6)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_gray_is_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 257 * 50, 257 * 128, 65535]], np.uint16)
    image = load_image(save(tmp_path / f"deep{suffix}", Image.fromarray(values)))
    assert image[0, :, 0].tolist() == [0, 50, 128, 255]
    dark = load_image(save(tmp_path / f"dark{suffix}", Image.fromarray(values // 257)))
    assert dark.max() <= 1, "a dark 16-bit picture stays dark"


def test_16_bit_color_png(tmp_path: Path) -> None:
    row = b"\0" + struct.pack(">6H", 0, 257 * 100, 65535, 257 * 7, 257 * 200, 257 * 255)
    path = tmp_path / "rgb16.png"
    path.write_bytes(png(2, 1, row, depth=16, color=2))
    np.testing.assert_allclose(load_image(path)[0], [(0, 100, 255), (7, 200, 255)], atol=1)


def test_float_pictures(tmp_path: Path) -> None:
    unit = Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32))
    assert load_image(save(tmp_path / "unit.tif", unit))[0, :, 0].tolist() == [0, 128, 255]
    bad = Image.fromarray(np.array([[np.nan, -3.0, 255.0]], np.float32))
    assert load_image(save(tmp_path / "bad.tif", bad))[0, :, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animation_gives_its_first_frame(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (20, 20), color) for color in ((200, 10, 10), (10, 200, 10))]
    path = save(tmp_path / f"moving{suffix}", frames[0], save_all=True, append_images=frames[1:], duration=40)
    np.testing.assert_allclose(load_image(path)[10, 10], (200, 10, 10), atol=8)


def test_a_color_profile_is_converted(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = load_image(save(tmp_path / "srgb.png", Image.fromarray(gradient()), icc_profile=srgb))
    np.testing.assert_allclose(same, gradient(), atol=2)
    # A profile whose first channel is called green and the second red.
    swapped = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    red = Image.new("RGB", (4, 4), (220, 30, 30))
    image = load_image(save(tmp_path / "swapped.png", red, icc_profile=swapped))
    np.testing.assert_allclose(image[0, 0], (30, 220, 30), atol=6)


@pytest.mark.parametrize("kind", ["XYZ", "garbage"])
def test_a_profile_that_does_not_fit_is_ignored(tmp_path: Path, kind: str) -> None:
    profile = b"not a profile" * 20
    if kind == "XYZ":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    image = load_image(save(tmp_path / "odd.png", Image.fromarray(gradient()), icc_profile=profile))
    np.testing.assert_array_equal(image, gradient())


def test_one_pixel_is_fine(tmp_path: Path) -> None:
    assert load_image(save(tmp_path / "dot.png", Image.new("RGB", (1, 1), (1, 2, 3)))).tolist() == [[[1, 2, 3]]]


def test_the_size_limit_is_checked_before_decoding(tmp_path: Path) -> None:
    path = huge_png(tmp_path / "huge.png", 9000)  # without pixels: decoding would say "damaged"
    with pytest.raises(InputError, match=r"too large.*9000x9000"):
        load_image(path)
    with pytest.raises(InputError, match="too large"):
        load_image(huge_png(path, 60_000))
    with pytest.raises(InputError, match="limit is 100 pixels"):
        load_image(save(tmp_path / "small.png", Image.new("RGB", (11, 10))), max_pixels=100)


def test_an_8k_picture_is_within_the_limit(tmp_path: Path) -> None:
    assert load_image(save(tmp_path / "8k.bmp", Image.new("L", (7680, 4320)))).shape == (4320, 7680, 3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "not found"),
        (b"", "empty"),
        (b"hello, I am a text\n" * 20, "not a picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "picture"),
    ],
)
def test_unusable_files(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "portrait.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        load_image(path)
    assert "portrait.png" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["talk.mp4", "talk.jpg"])
def test_a_video_is_not_a_portrait(tmp_path: Path, name: str) -> None:
    write_clip(tmp_path / "talk.mp4", Clip(3)).rename(tmp_path / name)
    with pytest.raises(InputError, match=r"a video, not a picture.*the portrait comes first"):
        load_image(tmp_path / name)


def test_a_folder_and_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        load_image(tmp_path)
    with pytest.raises(InputError, match="not found"):
        load_image(tmp_path / "no" / "where.png")
    with pytest.raises(InputError, match="cannot be opened"):
        load_image("null\0byte.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_cut_off_picture(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = save(tmp_path / f"cut{suffix}", Image.fromarray(noise))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match="picture") as caught:
        load_image(path)
    assert "\n" not in str(caught.value)


@settings(max_examples=20, deadline=None)
@given(data=st.binary(max_size=200), magic=st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"BM", b"GIF89a", b"P6 "]))
def test_garbage_never_escapes_as_another_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, magic: bytes
) -> None:
    path = tmp_path_factory.mktemp("garbage") / "x.png"
    path.write_bytes(magic + data)
    try:
        image = load_image(path)
    except InputError:
        return
    assert image.dtype == np.uint8 and image.ndim == 3
