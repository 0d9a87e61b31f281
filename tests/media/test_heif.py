"""HEIC portraits, as phones write them: in tiles, turned, in a wide gamut, of 10 bits, in HDR, named .JPG."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hdr_samples import Kind, nits, signal
from hdr_samples import photo as demo_photo
from heif_samples import Heif, write_heif
from PIL import ImageCms

from megactor.errors import InputError
from megactor.media import VideoReader, load_image


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """uint8 (288, 216, 3) with a red corner at the top left."""
    picture = demo_photo()
    picture[:24, :24] = (220, 20, 20)
    return picture


def difference(one: np.ndarray, other: np.ndarray) -> float:
    assert one.shape == other.shape and one.dtype == np.uint8
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "IMG_1.JPG"])
@pytest.mark.parametrize("options", [Heif(), Heif(tile=128), Heif(tile=128, in_idat=False), Heif(pixels="yuv420p10le"),
                                     Heif(pixels="yuv444p"), Heif(brand="mif1"), Heif(color=None)])  # fmt: skip
def test_heic(tmp_path: Path, photo: np.ndarray, name: str, options: Heif) -> None:
    image = load_image(write_heif(tmp_path / name, photo, options))
    assert difference(image, photo) < 2.5
    assert image.flags.c_contiguous and image.flags.writeable


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("mirror", [None, "horizontal", "vertical"])
@pytest.mark.parametrize("tile", [None, 128])
def test_turned(tmp_path: Path, photo: np.ndarray, turns: int, mirror: str | None, tile: int | None) -> None:
    upright = np.rot90(photo, turns)
    upright = {None: upright, "horizontal": np.fliplr(upright), "vertical": np.flipud(upright)}[mirror]
    path = write_heif(tmp_path / "turned.heic", photo, Heif(turns=turns, mirror=mirror, tile=tile))
    assert difference(load_image(path), upright) < 2.5


def test_the_clean_aperture_is_cut_out(tmp_path: Path, photo: np.ndarray) -> None:
    image = load_image(write_heif(tmp_path / "cut.heic", photo, Heif(crop=(100, 200))))
    assert difference(image, photo[44:244, 58:158]) < 2.5


def test_transparency_is_put_over_white(tmp_path: Path, photo: np.ndarray) -> None:
    alpha = np.full((288, 216), 255, np.uint8)
    alpha[:, 108:] = 0
    image = load_image(write_heif(tmp_path / "clear.heic", photo, Heif(alpha=alpha)))
    assert difference(image[:, :100], photo[:, :100]) < 2.5
    assert image[:, 116:].min() > 250


def test_a_color_profile_is_converted(tmp_path: Path, photo: np.ndarray) -> None:
    """Apple's files bring one of Display P3; here one that swaps red and green cannot be overlooked."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    plain = load_image(write_heif(tmp_path / "plain.heic", photo, Heif(icc=srgb, color=(12, 13, 6))))
    assert difference(plain, photo) < 3, "the profile goes before the primaries"
    corner = load_image(write_heif(tmp_path / "swapped.heic", photo, Heif(icc=swapped)))[12, 12]
    assert corner[1] > 150 > corner[0]


@pytest.mark.parametrize("options", [Heif(color=(9, 18, 9)), Heif(color=(9, 16, 9), tile=128),
                                     Heif(color=(9, 16, 9), codec="av01", brand="avif")])  # fmt: skip
def test_hdr_pictures(tmp_path: Path, photo: np.ndarray, options: Heif) -> None:
    kind = Kind(transfer=options.color[1] if options.color else 0)
    stored = np.rint(signal(nits(photo), kind) * 65535).astype(np.uint16)
    image = load_image(write_heif(tmp_path / "hdr.heic", stored, replace(options, pixels="yuv420p10le")))
    assert difference(image, photo) < 4


def test_wide_gamut_without_a_profile(tmp_path: Path, photo: np.ndarray) -> None:
    stored = np.rint(signal(nits(photo), Kind(transfer=1, primaries=12)) * 65535).astype(np.uint16)
    image = load_image(write_heif(tmp_path / "p3.heic", stored, Heif(color=(12, 13, 6))))
    assert difference(image, photo) < 3


def test_the_size_limit_is_checked_before_decoding(tmp_path: Path, photo: np.ndarray) -> None:
    path = write_heif(tmp_path / "large.heic", photo, Heif())
    data = path.read_bytes().replace(struct.pack(">II", 216, 288), struct.pack(">II", 9000, 9000))
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"too large.*9000x9000"):
        load_image(path)


@pytest.mark.parametrize("part", range(12))
@pytest.mark.parametrize("options", [Heif(), Heif(tile=128)])
def test_damaged_files(tmp_path: Path, photo: np.ndarray, options: Heif, part: int) -> None:
    """Cut off, or with a piece of nonsense somewhere in the index."""
    path = write_heif(tmp_path / "damaged.heic", photo, options)
    data = bytearray(path.read_bytes())
    index = data.index(b"mdat")
    if part < 4:
        data = data[: 30 + part * len(data) // 5]
    else:
        place = 16 + (part - 4) * index // 8
        data[place : place + 9] = b"\xff\x00\x7f" * 3
    path.write_bytes(data)
    try:
        assert load_image(path).ndim == 3  # what was hit did not matter
    except InputError as error:
        assert "damaged.heic" in str(error) and "\n" not in str(error)


@pytest.mark.parametrize("head", [b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"])
def test_jpeg_xl_is_refused_by_name(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "photo.jxl").write_bytes(head + bytes(100))
    with pytest.raises(InputError, match="JPEG XL"):
        load_image(tmp_path / "photo.jxl")


def test_a_heic_drives_nothing(tmp_path: Path, photo: np.ndarray) -> None:
    """FFmpeg would take it for a video of one tile."""
    for options in (Heif(tile=128), Heif(codec="av01", brand="avif")):
        path = write_heif(tmp_path / "photo.mp4", photo, options)
        with pytest.raises(InputError, match="a picture, which drives nothing"):
            VideoReader(path)
