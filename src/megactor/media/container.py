"""Opening videos with PyAV, safely, and finding out what is in them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from megactor.errors import InputError
from megactor.media.files import readable_file
from megactor.media.heif import is_still
from megactor.media.packets import RESTARTING_FORMATS, PacketTiming, Restart, packet_timing
from megactor.media.picture import Turn, display_turn, pixel_aspect, upright_size
from megactor.media.timing import FALLBACK_RATE, MAX_RATE, tidy_rate, typical_rate
from megactor.media.webp import is_webp, webp_info

MAX_SIDE = 8192

# Demuxers that turn text or a list of other files into video. What a user calls a driving video is never one
# of them.
_REFUSED_FORMATS = {"tty", "ass", "srt", "webvtt", "hls", "dash", "concat", "sdp", "rtsp", "image2", "lavfi"}

# How Matroska files tell the end of each track, counted from the container's zero.
_DURATION_TAG = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")

_A_PICTURE = "a picture, which drives nothing: {}; give a video or an animation with a face as the driver"
_NOT_A_VIDEO = "not a video that can be read: {}; check that it plays, or convert it to MP4"


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds.

    Attributes:
        path: absolute path.
        container: format names as FFmpeg gives them, e.g. "mov,mp4,m4a,3gp,3g2,mj2".
        codec: video codec, e.g. "h264".
        width: pixels of an upright frame with square pixels.
        height: likewise.
        fps: constant rate that suits the source (see `timing.typical_rate`).
        duration: seconds from the first frame to the end of the last; None when the file does not say.
        has_audio: there is a sound track that can be decoded.
        origin: container time of the first frame in seconds; second 0 of everything this package counts.
        turn: what makes the stored frames upright.
        restarts: where time stamps start anew; see `packets.continued`.
    """

    path: Path
    container: str
    codec: str
    width: int
    height: int
    fps: Fraction
    duration: Fraction | None
    has_audio: bool
    origin: Fraction
    turn: Turn
    restarts: tuple[Restart, ...] = ()


@contextlib.contextmanager
def open_input(path: Path) -> Iterator[InputContainer]:
    """Open a local media file.

    Only the file itself is read: network addresses and playlists that point elsewhere are refused.

    Raises:
        InputError: not a media file.
    """
    options = {"protocol_whitelist": "file", "max_pixels": str(MAX_SIDE * MAX_SIDE)}
    try:
        # Titles and the like may be in any encoding; they do not matter here.
        container = av.open(str(path), options=options, metadata_errors="replace")
    except MemoryError:
        raise InputError(f"not enough memory to open the video: {path}") from None
    except (av.error.FFmpegError, OSError, ValueError):
        raise InputError(_explain_unreadable(path)) from None
    with container:
        if _REFUSED_FORMATS & set(container.format.name.split(",")):
            raise InputError(_NOT_A_VIDEO.format(path))
        yield container


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The main moving picture of a file; cover art of music files does not count.

    Raises:
        InputError: there is none, no decoder is at hand, or its frames are too large.
    """
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not moving:
        held = "only sound, no picture" if container.streams.audio else "no picture"
        raise InputError(f"{held} in the video: {path}; give a file with a video track")
    best = container.streams.best("video")
    stream = next((s for s in moving if s is best), moving[0])
    if stream.codec_context is None:
        raise InputError(f"video codec is not supported: {path}; convert it to H.264 MP4")
    # 0x0: the header tells no size. Then max_pixels stops the decoder, and decoded frames are checked again.
    check_size(stream.codec_context.width, stream.codec_context.height, path)
    return stream


def check_size(width: int, height: int, path: Path) -> None:
    """Raise InputError for frames with a side above MAX_SIDE pixels."""
    if max(width, height) > MAX_SIDE:
        raise InputError(f"video frames too large: {path} is {width}x{height}, the limit is {MAX_SIDE} a side")


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Find out what a video holds; decodes one frame.

    Raises:
        InputError: the file is missing, not a video but a picture, say, or no frame of it can be decoded.
    """
    file = readable_file(path, "video")
    if is_still(file):
        raise InputError(_A_PICTURE.format(file))
    if is_webp(file):
        webp = webp_info(file)
        if webp.frames == 1:
            raise InputError(_A_PICTURE.format(file))
        check_size(webp.width, webp.height, file)
        return VideoInfo(
            path=file,
            container="webp",
            codec="webp",
            width=webp.width,
            height=webp.height,
            fps=webp.fps,
            duration=webp.duration,
            has_audio=False,
            origin=Fraction(0),
            turn=Turn(),
        )
    with open_input(file) as container:
        stream = video_stream(container, file)
        if container.format.name.endswith("_pipe") or (container.format.name == "gif" and stream.frames == 1):
            raise InputError(_A_PICTURE.format(file))
        frame = _first_frame(container, stream, file)
        check_size(frame.width, frame.height, file)
        turn = display_turn(frame)
        width, height = upright_size(frame, pixel_aspect(stream), turn)
        origin = frame_time(frame) or Fraction(0)
        fps, duration = _declared_timing(container, stream, origin)
        container_name, codec = container.format.name, stream.codec_context.name
        has_audio = audio_stream_index(container) is not None
    restarts: tuple[Restart, ...] = ()
    if fps is None or duration is None or container_name in RESTARTING_FORMATS:
        counted = _scan(file)
        restarts = counted.restarts
        if restarts or fps is None:
            fps = counted.fps or FALLBACK_RATE
        if restarts or duration is None:
            duration = counted.duration
    return VideoInfo(file, container_name, codec, width, height, fps, duration, has_audio, origin, turn, restarts)


def frame_time(frame: VideoFrame) -> Fraction | None:
    """Presentation time of a decoded frame in seconds of the container's clock."""
    if frame.pts is None or frame.time_base is None:
        return None
    return frame.pts * frame.time_base


def audio_stream_index(container: InputContainer) -> int | None:
    """Index among the audio streams of the main sound track that can be decoded."""
    usable = [i for i, s in enumerate(container.streams.audio) if s.codec_context is not None]
    best = container.streams.best("audio")
    return next((i for i in usable if container.streams.audio[i] is best), usable[0] if usable else None)


def _explain_unreadable(path: Path) -> str:
    """Tell a recording that was cut off before its index was written from something that is no video."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        if file.read(12)[4:8] == b"ftyp":
            return f"video is incomplete or damaged (no index): {path}; copy, download or record it again"
    return _NOT_A_VIDEO.format(path)


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    try:
        for packet in container.demux(stream):
            with contextlib.suppress(av.error.InvalidDataError):
                for frame in packet.decode():
                    return frame
    except (av.error.FFmpegError, OSError, EOFError):
        pass  # same answer as for a stream that simply ends
    raise InputError(f"no frame of the video can be decoded: {path}; check that it plays, or convert it to MP4")


def _declared_timing(
    container: InputContainer, stream: VideoStream, origin: Fraction
) -> tuple[Fraction | None, Fraction | None]:
    """Frame rate and duration as far as the headers tell them believably."""
    # FFmpeg leaves a GIF's last delay out where it stands for a default.
    if container.format.name == "gif":
        return None, None
    duration: Fraction | None = None
    if stream.duration and stream.time_base:
        duration = stream.duration * stream.time_base
    elif tag := _DURATION_TAG.fullmatch(stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = (Fraction(part) for part in tag.groups())
        duration = 3600 * hours + 60 * minutes + seconds - origin
    elif container.duration:
        # The container's clock starts with its first stream, which may be the sound.
        begin = Fraction(container.start_time or 0, av.time_base)
        duration = Fraction(container.duration, av.time_base) - max(Fraction(0), origin - begin)
    return _declared_rate(stream), duration if duration and duration > 0 else None


def _declared_rate(stream: VideoStream) -> Fraction | None:
    """The rate by the index, which tells when each frame comes, or else by the header, if that is of one mind."""
    index = stream.index_entries
    if 1 < stream.frames <= len(index) and stream.time_base:
        return typical_rate(entry.timestamp * stream.time_base for entry in index)
    mean, finest = stream.average_rate, stream.base_rate
    if not mean or not 0 < mean < MAX_RATE or (finest and abs(finest - mean) > mean / 100):
        return None
    return tidy_rate(mean)


def _scan(path: Path) -> PacketTiming:
    with open_input(path) as container:
        stream = video_stream(container, path)
        sound = audio_stream_index(container)
        streams = [stream] if sound is None else [stream, container.streams.audio[sound]]
        may_restart = container.format.name in RESTARTING_FORMATS
        return packet_timing(_readable(container.demux(streams)), stream, may_restart)


def _readable(packets: Iterator[Packet[Any]]) -> Iterator[Packet[Any]]:
    """Packets up to where the file is damaged beyond reading."""
    with contextlib.suppress(av.error.FFmpegError, OSError):
        yield from packets
