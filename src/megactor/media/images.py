"""Portraits: any picture Pillow reads, and those of phones, as upright 8-bit sRGB pixels."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from megactor.errors import InputError
from megactor.media.container import probe
from megactor.media.files import readable_file
from megactor.media.heif import HeifPicture, is_still

# Raster formats decoded by Pillow itself. EPS is left out on purpose: Pillow would run Ghostscript on it.
_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "JPEG2000", "PPM", "TGA", "PSD")
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")
_WHITE = (255, 255, 255, 255)


def load_image(path: str | os.PathLike[str], max_pixels: int = 64_000_000) -> NDArray[np.uint8]:
    """Read a picture as it looks in a viewer.

    EXIF orientation is applied, an embedded color profile is converted to sRGB, transparent pixels are put
    over white, deeper than 8-bit pictures are scaled (not clipped), and of an animation the first frame is
    taken.

    Args:
        path: the file; the content decides the format, not the suffix.
        max_pixels: largest width * height; checked from the header, before any pixel is decoded.

    Returns:
        uint8 RGB array (H, W, 3), C-contiguous and writable.

    Raises:
        InputError: no such file, not a picture, damaged, or too large.
    """
    file = readable_file(path, "image")
    try:
        with warnings.catch_warnings():
            # Pillow's own size guard is replaced by max_pixels; its remarks on odd metadata are not the
            # user's.
            warnings.simplefilter("ignore")
            heif = HeifPicture(file) if is_still(file) else None
            if heif is not None and (heif.is_hdr or not heif.is_avif):
                _check_size(path, heif.size, max_pixels)
                return np.array(_to_srgb(Image.fromarray(heif.pixels()), heif.icc), dtype=np.uint8)
            with Image.open(file, formats=_FORMATS) as image:
                _check_size(path, image.size, max_pixels)
                image.load()
                return upright_rgb(image)
    except UnidentifiedImageError:
        raise InputError(_what_it_is(file, path)) from None
    except Image.DecompressionBombError:
        raise InputError(_too_large(path, "far too many pixels", max_pixels)) from None
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"not enough memory to decode the picture: {path}; scale it down") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, FFmpegError, ...
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"damaged picture: {path} ({reason}); open and save it again") from error


def _what_it_is(file: Path, path: str | os.PathLike[str]) -> str:
    """Why a file that Pillow does not know cannot be a portrait."""
    with file.open("rb") as opened:
        head = opened.read(12)
    if head.startswith(_JPEG_XL):
        return f"JPEG XL pictures cannot be read: {path}; convert it to PNG or JPEG"
    try:
        probe(file)
    except InputError:
        return f"not a picture that can be read: {path}; convert it to PNG or JPEG"
    return f"a video, not a picture: {path}; the portrait comes first, then the driving video"


def _check_size(path: str | os.PathLike[str], size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise InputError(_too_large(path, f"{size[0]}x{size[1]}", max_pixels))


def _too_large(path: str | os.PathLike[str], size: str, max_pixels: int) -> str:
    return f"picture too large: {path} is {size}, the limit is {max_pixels:,} pixels; scale it down"


def upright_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """An opened picture as `load_image` gives it: uint8 RGB (H, W, 3); raises what Pillow raises."""
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    eight_bit = _to_eight_bits(upright)
    if eight_bit.has_transparency_data or eight_bit.mode in ("LA", "La", "PA", "RGBa"):
        # RGBa (premultiplied) reaches RGBA only directly, La only through LA.
        straight = eight_bit.convert("LA") if eight_bit.mode == "La" else eight_bit
        straight = straight.convert("RGBA")
        eight_bit = Image.alpha_composite(Image.new("RGBA", straight.size, _WHITE), straight)
    return np.array(_to_srgb(eight_bit, profile), dtype=np.uint8)


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale the gray modes deeper than 8 bits; Pillow's own conversion would clip them to white.

    Pillow hands out deep color pictures (PNG, TIFF) as 8 bits already. A mode does not tell the range of its
    values, so the smallest usual range that holds the maximum is taken.
    """
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    values = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0.0, neginf=0.0).clip(min=0)
    peak = float(values.max())
    if image.mode.startswith("I;16"):
        white = 65535.0
    elif image.mode == "F" and peak <= 1.0:
        white = 1.0
    else:
        white = next((limit for limit in (255.0, 65535.0) if peak <= limit), peak)
    return Image.fromarray(np.rint(values * (255.0 / white)).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to RGB, through the embedded ICC profile when it fits the pixels (phones save Display P3)."""
    if image.mode == "RGBA":
        image = image.convert("RGB")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken or mismatched profile: viewers show the plain values too
    return image.convert("RGB")
