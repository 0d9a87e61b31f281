"""What a camera does to a picture: white balance, tone, vignette, blur, noise, compression."""

from dataclasses import dataclass

import cv2
import numpy as np

from megactor.synth.streams import chance, stream


@dataclass(frozen=True)
class PhotoLook:
    """Numbers of a camera and of whoever processed its pictures; the default changes nothing.

    white_balance: (3,) factors on sRGB values.
    gamma, contrast, saturation: 1 = unchanged; a saturation of 0 is black and white.
    vignette: how much darker the corners are, 0..1.
    blur: standard deviation of the softening in pixels of a picture 256 high.
    noise: standard deviation of the sensor's noise, of 1; `chroma_noise` that of its colored, coarser part.
    jpeg: quality of the compression, 0 = none.
    """

    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    vignette: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    chroma_noise: float = 0.0
    jpeg: int = 0


def random_photo(seed: int) -> PhotoLook:
    """Somebody's camera: mostly good ones, some soft, noisy, heavily compressed or black and white."""
    rng = stream(seed, "photo")
    balance = np.exp(rng.normal(0, 0.03, 3))
    return PhotoLook(
        white_balance=(float(balance[0]), float(balance[1]), float(balance[2])),
        gamma=float(rng.uniform(0.92, 1.08)),
        contrast=float(rng.uniform(0.9, 1.15)),
        saturation=0.0 if chance(rng, 0.04) else float(rng.uniform(0.75, 1.15)),
        vignette=float(rng.uniform(0, 0.3)) if chance(rng, 0.5) else 0.0,
        blur=float(rng.choice([0, 0, 0.4, 0.7])),
        noise=float(abs(rng.normal(0, 0.009))),
        chroma_noise=float(abs(rng.normal(0, 0.006))),
        jpeg=int(rng.uniform(45, 95)) if chance(rng, 0.4) else 0,
    )


def develop(picture: np.ndarray, look: PhotoLook, noise_seed: int) -> np.ndarray:
    """The picture as that camera would have stored it.

    Args:
        picture: (S, S, 3) float32 sRGB, nominally in [0, 1].
        look: the same for all frames of a clip.
        noise_seed: of this frame; sensors are never noisy in the same way twice.

    Returns:
        (S, S, 3) float32 in [0, 1].
    """
    size = picture.shape[0]
    x = np.clip(picture * np.array(look.white_balance, np.float32), 0, 1) ** np.float32(look.gamma)
    gray = x.mean(axis=2, keepdims=True)
    x = gray + (x - gray) * np.float32(look.saturation)
    x = (x - 0.5) * np.float32(look.contrast) + 0.5
    if look.vignette:
        offset = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
        x = x * (1 - 2 * np.float32(look.vignette) * (offset[:, None] ** 2 + offset**2))[..., None]
    x = softened(x, look)
    x = x + _sensor_noise(look, x.shape, noise_seed)
    x = np.clip(x, 0, 1).astype(np.float32)
    return _compressed(x, look.jpeg) if look.jpeg else x


def softened(picture: np.ndarray, look: PhotoLook) -> np.ndarray:
    """What that camera's lens makes of (S, S) or (S, S, C) float32 values."""
    return cv2.GaussianBlur(picture, (0, 0), look.blur * len(picture) / 256) if look.blur else picture


def _sensor_noise(look: PhotoLook, shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = stream(seed, "sensor noise")
    luma = rng.normal(0, look.noise, (*shape[:2], 1))
    chroma = rng.normal(0, look.chroma_noise, (shape[0] // 2, shape[1] // 2, 3)).astype(np.float32)
    chroma -= chroma.mean(axis=2, keepdims=True)
    if look.saturation == 0:
        chroma *= 0
    return (luma + cv2.resize(chroma, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)).astype(np.float32)


def _compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    bgr = np.round(picture[..., ::-1] * 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32) / 255
