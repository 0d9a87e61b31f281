"""A decoded video frame as upright RGB pixels: colors, transparency, pixel shape and rotation."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple, cast

import av.filter
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from megactor.media.tone_mapping import ToneMapper, needs_mapping

_SIDE_DATA_KINDS = 64  # FFmpeg 8 has 32
_UNSPECIFIED_MATRIX = 2  # AVCOL_SPC_UNSPECIFIED
# Exact chroma handling costs little beside the networks, and keeps colors within one step of the source.
_QUALITY = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class Turn(NamedTuple):
    """What makes a stored picture upright: transpose, then mirror."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a view of (H, W, C) as (H, W, C) or (W, H, C)."""
        if self.transpose:
            pixels = pixels.transpose(1, 0, 2)
        return pixels[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]


def display_turn(frame: VideoFrame) -> Turn:
    """The turn that the display matrix of a video asks for; phones store their sensor's orientation in it.

    The matrix maps a stored pixel to (a x + c y, b x + d y) with y down (ISO/IEC 14496-12, 6.2.2). Cameras
    use quarter turns and mirrors only; anything between is taken as the nearest of them.

    Ask it of one frame per video: `side_data` ties a frame into a reference cycle, so that its pixels stay
    until the garbage collector runs.
    """
    side_data = _side_data(frame)
    if "DISPLAYMATRIX" not in side_data:
        return Turn()
    matrix = side_data["DISPLAYMATRIX"]
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Turn(True, c < 0, b < 0)
    return Turn(False, a < 0, d < 0)


def _side_data(frame: VideoFrame) -> SideDataContainer:
    """What comes with a frame, as far as PyAV knows its kind.

    FFmpeg has more kinds (EXIF is one), and PyAV gives out nothing of a frame that holds one of those: they are
    taken off first.
    """
    try:
        return cast(SideDataContainer, frame.side_data)
    except ValueError:
        graph = av.filter.Graph()
        graph.link_nodes(
            graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1)
            ),
            # PyAV's kinds are FFmpeg's first ones.
            *(graph.add("sidedata", f"mode=delete:type={kind}") for kind in range(len(Type), _SIDE_DATA_KINDS)),
            graph.add("buffersink"),
        ).configure()
        graph.push(frame)
        return cast(SideDataContainer, cast(VideoFrame, graph.pull()).side_data)


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Width / height of a stored pixel; 1 when unknown or absurd."""
    aspect = stream.sample_aspect_ratio
    if not aspect or not Fraction(1, 4) <= aspect <= 4:
        return Fraction(1)
    return aspect


def upright_size(frame: VideoFrame, aspect: Fraction, turn: Turn) -> tuple[int, int]:
    """(width, height) of `frame` as a viewer shows it."""
    width, height = _square_pixel_size(frame.width, frame.height, aspect)
    return (height, width) if turn.transpose else (width, height)


class FrameConverter:
    """Turns the decoded frames of one video into upright RGB arrays of one size.

    Args:
        size: (width, height) of every result; frames that differ (streams may change resolution) are scaled.
        turn: what makes the frames upright.
    """

    def __init__(self, size: tuple[int, int], turn: Turn) -> None:
        width, height = size
        self._stored_size = (height, width) if turn.transpose else size
        self._turn = turn
        self._reformatter = VideoReformatter()  # keeps swscale's tables from frame to frame
        self._tone_mapper = ToneMapper(self._stored_size)

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Return uint8 RGB (height, width, 3), C-contiguous, the caller's own."""
        converted = self._tone_mapper(frame) if needs_mapping(frame) else self._plain(frame)
        pixels = np.asarray(converted.to_ndarray(), np.uint8)
        if pixels.shape[2] == 4:
            pixels = _over_white(pixels)
        return np.ascontiguousarray(self._turn.apply(pixels))

    def _plain(self, frame: VideoFrame) -> VideoFrame:
        width, height = self._stored_size
        has_alpha = any(component.is_alpha for component in frame.format.components)
        return self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgba" if has_alpha else "rgb24",
            src_colorspace=_assumed_matrix(frame),
            interpolation=_QUALITY,
            threads=1,
        )


def _over_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 with straight alpha -> (H, W, 3) uint8 over white."""
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed = rgba[..., :3] * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _square_pixel_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Stretch the short side, so that no detail is lost."""
    if aspect >= 1:
        return max(1, round(width * aspect)), height
    return width, max(1, round(height / aspect))


def _assumed_matrix(frame: VideoFrame) -> Colorspace | None:
    """The YUV matrix of an untagged frame as players guess it: BT.709 for HD, else 601; None when known."""
    if frame.colorspace != _UNSPECIFIED_MATRIX or frame.format.is_rgb:
        return None
    return Colorspace.ITU709 if frame.width >= 1280 or frame.height > 576 else Colorspace.ITU601
