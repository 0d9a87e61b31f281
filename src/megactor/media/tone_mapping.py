"""HDR and wide-gamut frames (HLG, PQ, BT.2020, Display P3) as the SDR pictures that everything else expects.

PyAV's FFmpeg brings neither zscale nor libplacebo, and swscale's own conversion clips all above reference white. So
the mapping is a table, made here once for a clip by the formulas of ITU-R BT.2100 and BT.2408, which FFmpeg's filter
lut3d applies.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import av
import av.filter
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

REFERENCE_WHITE = 203.0
"""Nits of a white page in HDR (BT.2408); becomes about the brightest of SDR."""

HLG_PEAK = 1000.0
"""Nits of the display that HLG is meant for; of PQ, which tells absolute light, all above is as bright."""

KNEE = 0.75
"""Of reference white, linear: below nothing changes, so that faces look as an SDR camera saw them; above is room for
what is brighter than white."""

_NODES = 33  # a side of the table: twice as many change nothing that 8 bits show
_SDR_GAMMA = 2.4  # of the display, BT.1886
_UNSPECIFIED = 2
_BT2020_MATRIX = 9  # AVCOL_SPC_BT2020_NCL
_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593])
_LUMA_709 = np.array([0.2126, 0.7152, 0.0722])
# Linear RGB to linear RGB of BT.709: BT.2087 and, for Display P3 (SMPTE EG 432-1), likewise from its primaries.
_TO_709 = {
    ColorPrimaries.BT709.value: np.eye(3),
    ColorPrimaries.BT2020.value: np.array(
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    ),
    ColorPrimaries.SMPTE432.value: np.array(
        [[1.2249, -0.2249, 0.0], [-0.0421, 1.0421, 0.0], [-0.0196, -0.0786, 1.0982]]
    ),
}
_HDR = {ColorTrc.SMPTE2084.value, ColorTrc.ARIB_STD_B67.value}
_WIDE = {ColorPrimaries.BT2020.value, ColorPrimaries.SMPTE432.value}


def is_hdr(frame: VideoFrame) -> bool:
    """Whether a frame's values stand for more light than SDR has: HLG or PQ."""
    return frame.color_trc in _HDR


def needs_mapping(frame: VideoFrame) -> bool:
    """Whether a frame's values mean something else than BT.709 and sRGB pixels do."""
    return is_hdr(frame) or frame.color_primaries in _WIDE


class ToneMapper:
    """Brings the frames of one video to upright SDR colors.

    Args:
        size: (width, height) of every result; frames that differ are scaled.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._graph: av.filter.Graph | None = None
        self._key: tuple[object, ...] = ()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Any frame that `needs_mapping` -> rgb24, or rgba where it has alpha."""
        if frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb:
            frame.colorspace = _BT2020_MATRIX
        key = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, *_light(frame))
        if self._graph is None or key != self._key:
            self._graph, self._key = _graph(frame, self._size), key
        self._graph.push(frame)
        mapped = self._graph.pull()
        assert isinstance(mapped, VideoFrame)
        return mapped


def sdr(signal: NDArray[np.float64], transfer: int, primaries: int) -> NDArray[np.float64]:
    """HDR or wide-gamut R'G'B' values as SDR ones, both in [0, 1], (..., 3).

    Args:
        signal: as stored.
        transfer: AVColorTransferCharacteristic; all but HLG and PQ are taken as an SDR display's.
        primaries: AVColorPrimaries, one of BT.709, BT.2020 and Display P3.
    """
    light = _display_light(signal, transfer) @ _TO_709[primaries].T
    # A color that BT.709 cannot hold becomes paler, with the same hue and brightness.
    luma, lowest = (light @ _LUMA_709)[..., None], light.min(-1, keepdims=True)
    light = luma + (light - luma) * np.where(lowest < 0, luma / np.maximum(luma - lowest, 1e-9), 1.0)
    # One factor for all channels keeps the hue of highlights.
    brightest = light.max(-1, keepdims=True)
    light = light * (_shoulder(brightest, transfer) / np.maximum(brightest, 1e-9))
    return np.asarray(np.clip(light, 0, 1) ** (1 / _SDR_GAMMA))


def _display_light(signal: NDArray[np.float64], transfer: int) -> NDArray[np.float64]:
    """Light of the display, 1 at reference white (BT.2100 tables 4 and 5)."""
    if transfer == ColorTrc.SMPTE2084.value:
        root = signal ** (32 / 2523)
        ratio = np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)
        return ratio ** (16384 / 2610) * (10_000 / REFERENCE_WHITE)
    if transfer == ColorTrc.ARIB_STD_B67.value:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        return scene * (scene @ _LUMA_2020)[..., None] ** 0.2 * (HLG_PEAK / REFERENCE_WHITE)
    return signal**_SDR_GAMMA


def _shoulder(light: NDArray[np.float64], transfer: int) -> NDArray[np.float64]:
    """Light up to HDR's peak in [0, 1]: itself below the knee, then a curve of Reinhard's that ends at the peak."""
    if transfer not in _HDR:
        return np.minimum(light, 1.0)
    above = np.maximum(light - KNEE, 0) / (1 - KNEE)
    peak = (HLG_PEAK / REFERENCE_WHITE - KNEE) / (1 - KNEE)
    bent = KNEE + (1 - KNEE) * above * (1 + above / peak**2) / (1 + above)
    return np.where(light < KNEE, light, np.minimum(bent, 1.0))


def _light(frame: VideoFrame) -> tuple[int, int]:
    """Transfer and primaries of a frame; HDR that does not tell its primaries has those of BT.2020."""
    primaries = frame.color_primaries
    if primaries not in _TO_709:
        primaries = ColorPrimaries.BT2020.value if is_hdr(frame) else ColorPrimaries.BT709.value
    return frame.color_trc, primaries


def _graph(frame: VideoFrame, size: tuple[int, int]) -> av.filter.Graph:
    """Frames like `frame` -> scaled, full chroma, through the table, 8 bits."""
    alpha = any(component.is_alpha for component in frame.format.components)
    quality = "bilinear+accurate_rnd+full_chroma_int"
    graph = av.filter.Graph()
    graph.threads = 1
    with tempfile.TemporaryDirectory(prefix="megactor-") as folder:
        table = Path(folder) / "table.cube"
        _write_table(table, *_light(frame))
        chain = [
            graph.add(
                "buffer",
                f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000:"
                f"pixel_aspect=1/1:colorspace={frame.colorspace}:range={frame.color_range}",
            ),
            graph.add("scale", f"w={size[0]}:h={size[1]}:flags={quality}"),
            graph.add("format", "gbrapf32le" if alpha else "gbrpf32le"),
            graph.add("lut3d", file=str(table), interp="tetrahedral"),
            graph.add("scale", "flags=accurate_rnd:sws_dither=none"),
            graph.add("format", "rgba" if alpha else "rgb24"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*chain).configure()
    return graph


def _write_table(path: Path, transfer: int, primaries: int) -> None:
    """A .cube file: red runs fastest."""
    values = np.linspace(0, 1, _NODES)
    blue, green, red = np.meshgrid(values, values, values, indexing="ij")
    table = sdr(np.stack([red, green, blue], -1).reshape(-1, 3), transfer, primaries)
    np.savetxt(path, table, fmt="%.6f", header=f"LUT_3D_SIZE {_NODES}", comments="")
