"""H.264 output in MP4, MOV or MKV that plays everywhere: yuv420p, BT.709, index in front, sound alongside."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)
from numpy.typing import NDArray

from megactor.media.audio import AudioMuxer, create_audio_muxer
from megactor.media.sound import AudioTrack

MAX_SIDE = 16384  # of libx264

_PLAYABLE_MACROBLOCKS = 36_864  # of level 5.2, which players reach; 4K has 32,400
# x264 holds each frame that it looks ahead, with its analysis: ten of 4K, fewer of what is larger.
_LOOKAHEAD_PIXELS = 10 * 3840 * 2160
# x264's macroblock tree reads memory that it never wrote unless rows have so many pixels: files differ from run to run.
_TREE_WIDTH = 8 * 16
_FARSIGHTED = ("medium", "slow", "slower", "veryslow")  # presets that look 40 frames ahead or more

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}


class H264Writer:
    """Encodes frames as they come.

    Odd sizes are made even by repeating the last row or column: 4:2:0 chroma has no odd sizes.

    Args:
        path: file to write.
        container: FFmpeg's name of the format, one of CONTAINERS.
        size: (width, height) of the frames, up to MAX_SIDE each.
        fps: constant frame rate.
        crf: libx264 quality, 0 (lossless) to 51; lower is better and larger.
        preset: libx264 effort, "ultrafast" to "veryslow".
        reproducible: the same bytes in every run and on any number of cores.
        comment: text of the `comment` tag.
        audio: sound to carry along.

    Raises:
        InputError: `audio` cannot be read.
        OSError: the file cannot be written (from every method).
    """

    def __init__(
        self,
        path: Path,
        container: str,
        size: tuple[int, int],
        fps: Fraction,
        crf: int,
        preset: str,
        reproducible: bool,
        comment: str,
        audio: AudioTrack | None,
    ) -> None:
        # Players can start before all is loaded: the index moves to the front. A Matroska file needs no such
        # step.
        options = {} if container == "matroska" else {"movflags": "+faststart"}
        self._container = av.open(str(path), "w", format=container, container_options=options)
        self._audio: AudioMuxer | None = None
        try:
            self._container.metadata["comment"] = comment
            self._open_video(size, fps, crf, preset, reproducible)
            if audio is not None:
                self._audio = create_audio_muxer(audio, self._container)
        except BaseException:
            self.close()
            raise
        self._fps = fps
        self._frames = 0
        self._reformatter = VideoReformatter()

    @property
    def warnings(self) -> Sequence[str]:
        """That few players show such a size, and what went wrong with the sound, if anything."""
        width, height = self._stream.width, self._stream.height
        large = -(-width // 16) * -(-height // 16) > _PLAYABLE_MACROBLOCKS
        said = [f"few players show a video of {width}x{height}: 4K is 3840x2160"] if large else []
        return said if self._audio is None else [*said, *self._audio.warnings]

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append a uint8 RGB (H, W, 3) frame."""
        height, width = image.shape[:2]
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = self._reformatter.reformat(
            VideoFrame.from_ndarray(image, format="rgb24"),
            format="yuv420p",
            # The very matrix and range that the stream is tagged with.
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
            threads=1,
        )
        frame.pts, frame.time_base = self._frames, 1 / self._fps
        self._container.mux(self._stream.encode(frame))
        self._frames += 1
        if self._audio is not None:
            self._audio.advance(self._frames / self._fps)

    def finish(self) -> None:
        """Complete the file; the sound ends with the last frame."""
        self._container.mux(self._stream.encode(None))
        if self._audio is not None:
            self._audio.finish(self._frames / self._fps)
        self._container.close()

    def close(self) -> None:
        """Let go of the file and of the source of the sound."""
        try:
            self._container.close()
        finally:
            if self._audio is not None:
                self._audio.close()

    def _open_video(self, size: tuple[int, int], fps: Fraction, crf: int, preset: str, reproducible: bool) -> None:
        options = {"crf": str(crf), "preset": preset}
        lookahead = max(2, _LOOKAHEAD_PIXELS // (size[0] * size[1]))
        if preset in _FARSIGHTED and lookahead < 40:
            options["rc-lookahead"] = str(lookahead)
        if reproducible and size[0] % _TREE_WIDTH:
            options["mbtree"] = "0"
        self._stream = self._container.add_stream("libx264", rate=fps, options=options, time_base=1 / fps)
        self._stream.width, self._stream.height = (side + side % 2 for side in size)
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        if reproducible:
            context.thread_count = 1  # each one more makes a slice more
        context.colorspace = Colorspace.ITU709.value
        context.color_range = ColorRange.MPEG.value
        context.color_primaries = ColorPrimaries.BT709.value
        context.color_trc = ColorTrc.BT709.value
