"""HDR and wide-gamut clips made at test time from light, by ITU-R BT.2100, as phones and editors write them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image
from scheduling import as_before

WHITE = 203.0  # nits of SDR's white in HDR, BT.2408
TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # BT.2087
TO_P3 = np.array([[0.8225, 0.1775, 0.0], [0.0332, 0.9668, 0.0], [0.0171, 0.0724, 0.9105]])
LUMA = np.array([0.2627, 0.6780, 0.0593])
PQ, HLG = 16, 18


@dataclass(frozen=True)
class Kind:
    """How a clip is stored."""

    transfer: int
    suffix: str = ".mov"
    codec: str = "libx265"
    pixels: str = "yuv420p10le"
    full_range: bool = False
    primaries: int = 9


def photo() -> np.ndarray:
    """uint8 (288, 216, 3): a face, upright and taller than wide."""
    with (resources.files("megactor") / "assets" / "demo" / "photo.jpg").open("rb") as file:
        return np.asarray(Image.open(file).convert("RGB").resize((288, 288))).copy()[:, 36:252]


def nits(picture: np.ndarray) -> np.ndarray:
    """What a display shows of an SDR picture whose white is HDR's reference white."""
    return (picture / 255.0) ** 2.4 * WHITE


def signal(light: np.ndarray, kind: Kind) -> np.ndarray:
    """Nits in BT.709 primaries -> R'G'B' in [0, 1] as `kind` stores it."""
    light = light @ (TO_2020 if kind.primaries == 9 else TO_P3).T
    if kind.transfer == PQ:
        power = (light / 10_000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    if kind.transfer == HLG:
        shown = light / 1000
        scene = shown * np.maximum(shown @ LUMA, 1e-9)[..., None] ** (1 / 1.2 - 1)
        bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    return (light / WHITE) ** (1 / 2.4)


def stored_frame(values: np.ndarray, kind: Kind) -> VideoFrame:
    """R'G'B' of 16 bits -> the clip's pixels, in BT.2020's matrix and the clip's range."""
    deep = VideoFrame.from_ndarray(np.rint(values * 65535).astype(np.uint16), format="rgb48le")
    frame = deep.reformat(
        format=kind.pixels,
        dst_colorspace=None if kind.pixels.startswith("gbr") else "BT2020" if kind.primaries == 9 else "ITU709",
        dst_color_range="JPEG" if kind.full_range else "MPEG",
        interpolation="BICUBIC",
    )
    frame.color_trc, frame.color_primaries = kind.transfer, kind.primaries
    if not kind.pixels.startswith("gbr"):
        frame.colorspace = 9 if kind.primaries == 9 else 1
    frame.color_range = 2 if kind.full_range else 1
    return frame


def write_hdr(path: Path, light: np.ndarray, kind: Kind, rotation: float | None = None, count: int = 3) -> Path:
    options = {
        "libx264": {"preset": "ultrafast", "crf": "6"},
        "libx265": {"preset": "ultrafast", "crf": "8", "x265-params": "log-level=none"},
        "libvpx-vp9": {"crf": "8", "cpu-used": "8"},
        "libsvtav1": {"preset": "12", "crf": "8", "svtav1-params": "lp=1"},
    }
    with as_before(), av.open(str(path), "w") as container:
        stream = container.add_stream(kind.codec, rate=Fraction(30), options=options.get(kind.codec, {}))
        stream.height, stream.width = light.shape[:2]
        stream.pix_fmt = kind.pixels
        context = stream.codec_context
        context.color_primaries, context.color_trc = kind.primaries, kind.transfer
        context.color_range = 2 if kind.full_range else 1
        if not kind.pixels.startswith("gbr"):
            context.colorspace = 9 if kind.primaries == 9 else 1
        if rotation is not None:
            stream.set_display_rotation(rotation, False, False)
        for index in range(count):
            frame = stored_frame(signal(light, kind), kind)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
