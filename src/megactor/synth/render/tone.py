"""From linear light to display values, and how bright a picture is developed."""

import numpy as np

LARGEST = 4.0
"""Exposed linear light above this looks the same as this."""

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def tone_curve(entries: int = 4096) -> np.ndarray:
    """(entries,) float32 sRGB in [0, 1] over the square root of exposed linear light from 0 to `LARGEST`.

    A filmic shoulder (Narkowicz's fit of ACES) mixed with a softer one, then the sRGB encoding.
    """
    light = LARGEST * np.linspace(0, 1, entries) ** 2
    x = 0.62 * light
    filmic = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
    soft = np.minimum(1.45 * x / (1 + 0.62 * x), 1.2)
    shown = np.clip(0.35 * filmic + 0.65 * soft, 0, 1)
    encoded = np.where(shown < 0.0031308, 12.92 * shown, 1.055 * np.maximum(shown, 1e-9) ** (1 / 2.4) - 0.055)
    return encoded.astype(np.float32)


def exposure_for(skin_light: np.ndarray, albedo: tuple[float, float, float]) -> float:
    """The factor that shows skin about as bright as it is.

    Args:
        skin_light: (N, 3) linear light that comes from skin in a neutral pose; may be empty.
        albedo: of the skin.
    """
    if len(skin_light) == 0:
        return 1.0
    reflected = float(np.percentile(skin_light @ _LUMINANCE, 75))
    bright = float(_LUMINANCE @ np.asarray(albedo, np.float32))
    return (0.075 + 0.64 * bright) / max(reflected, 1e-4)
