"""Reading a driving video frame by frame at a constant rate."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Any

import av.error
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from megactor.errors import InputError
from megactor.media.container import frame_time, open_input, probe, video_stream
from megactor.media.deinterlace import deinterlaced
from megactor.media.packets import continued
from megactor.media.picture import FrameConverter
from megactor.media.sound import AudioTrack
from megactor.media.timing import Timed, checked_rate, constant_rate, frame_count
from megactor.media.webp import webp_frames

# A file whose picture ends this much before its declared end was cut off (or holds its last frame: no harm).
_MISSING_SECONDS = Fraction(1, 2)


class VideoReader:
    """The frames of a video, or of a part of it, at a constant rate.

    Iterating yields uint8 RGB arrays (height, width, 3), upright, with square pixels. Each iteration opens
    the file anew and decodes as it goes, so a reader can be iterated any number of times and never holds more
    than a few frames. Variable frame rates are brought to `fps` by timestamps (see `timing.constant_rate`),
    interlaced frames are deinterlaced.

    Reads what FFmpeg reads (MP4, MOV, MKV, WebM, AVI, MPEG-TS, GIF, APNG, ...) and animated WebP.

    Args:
        path: a local file.
        start: seconds from the first frame at which to begin; None for the beginning.
        end: seconds from the first frame at which to stop (exclusive); None, or beyond the end, for all.
        fps: frame rate to give; None for the source's own (the usual rate of a variable one).
        max_side: larger frames are reduced to this longer side while they are converted; None for full size.
        threads: of the decoder; 0 for as many as it thinks fit.

    Attributes:
        path: absolute path.
        source: what the whole file holds, before `start`, `end` and `fps` apply.
        fps: frame rate of the frames given.
        width: pixels of the frames given.
        height: likewise.
        duration: seconds of the part that is read; None when the file does not say and `end` was not given.
        frame_count_estimate: how many frames to expect; None likewise. Damaged files may give fewer.
        has_audio: the file has sound.
        warnings: what was found wrong while opening and iterating, each a line for the user.

    Raises:
        InputError: the file cannot be used (see `container.probe`), or `start`, `end` or `fps` make no sense
    for it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        start: float | None = None,
        end: float | None = None,
        fps: Fraction | float | None = None,
        max_side: int | None = None,
        threads: int = 0,
    ) -> None:
        self._threads = threads
        self._start = _checked_seconds("start", start) or Fraction(0)
        self._end = _checked_seconds("end", end)
        if self._end is not None and self._end <= self._start:
            raise InputError(f"end ({end} s) must be after start ({start or 0} s)")
        wanted_fps = None if fps is None else checked_rate(fps)
        self.source = probe(path)
        self.path = self.source.path
        self.fps = wanted_fps or self.source.fps
        longer = max(self.source.width, self.source.height)
        reduced = 1.0 if max_side is None else min(1.0, max_side / longer)
        self.width = max(1, round(self.source.width * reduced))
        self.height = max(1, round(self.source.height * reduced))
        self.has_audio = self.source.has_audio
        self.warnings: list[str] = []
        total = self.source.duration
        if total is not None and self._end is not None and self._end > total + 1 / self.source.fps:
            self.warnings.append(f"{self.path.name} ends at {float(total):.2f} s, before the end asked for ({end} s)")
            self._end = None
        self._check_start()
        stop = self._end if self._end is not None else total
        # A frame can be found at `start`, so the part is not empty even if the header says so.
        length = None if stop is None else max(stop - self._start, 1 / self.fps)
        self.duration = None if length is None else float(length)
        self.frame_count_estimate = None if length is None else frame_count(length, self.fps)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        count = None if self._end is None else frame_count(self._end - self._start, self.fps)
        convert = FrameConverter((self.width, self.height), self.source.turn)
        for frame in constant_rate(self._timed_frames(), self.fps, self._start, count):
            # Repeated frames are converted again: each array is the caller's own, to change as they like.
            yield self._fitted(frame) if isinstance(frame, np.ndarray) else convert(frame)

    def audio_track(self) -> AudioTrack | None:
        """The sound that belongs to these frames, for `VideoWriter`; None when there is none."""
        if not self.has_audio:
            return None
        end = None if self._end is None else float(self._end)
        return AudioTrack(self.path, float(self._start), end)

    def _fitted(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if frame.shape[:2] == (self.height, self.width):
            return frame.copy()
        return np.array(Image.fromarray(frame).resize((self.width, self.height), Image.Resampling.BOX))

    def _check_start(self) -> None:
        total = self.source.duration
        beyond = total is not None and self._start >= total
        if self._start > 0 and (beyond or next(iter(self), None) is None):
            ends = "" if total is None else f" ({float(total):.2f} s)"
            raise InputError(f"start ({float(self._start):g} s) is beyond the end of {self.path}{ends}; choose less")

    def _warn(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)

    def _timed_frames(self) -> Iterator[Timed[Any]]:
        """Frames in time order from `start` or before it, timed from the first frame of the file."""
        if self.source.container == "webp":
            yield from self._report_cut(webp_frames(self.path))
            return
        if self._start > 0 and not self.source.restarts:
            frames = self._report_cut(self._decoded(self._start))
            first = next(frames, None)
            if first is not None and first.time <= self._start:
                yield first
                yield from frames
                return
            frames.close()  # no index, or an inexact one: count from the beginning
        yield from self._report_cut(self._decoded(Fraction(0)))

    def _report_cut(self, frames: Iterator[Timed[Any]]) -> Generator[Timed[Any], None, None]:
        """Pass frames through and warn if they end long before the file says."""
        last = None
        try:
            for last in frames:
                yield last
        except EOFError:
            pass  # the gap found below tells it
        total = self.source.duration
        if last is not None and total is not None and last.time + last.duration < total - _MISSING_SECONDS:
            ends = float(last.time + last.duration)
            self._warn(f"{self.path.name} is cut off: the picture ends at {ends:.2f} s of {float(total):.2f} s")

    def _decoded(self, seek_to: Fraction) -> Iterator[Timed[VideoFrame]]:
        period = 1 / self.source.fps
        due = Fraction(0)  # when the next frame is expected
        latest: Fraction | None = None
        for frame in deinterlaced(self._decoded_frames(seek_to), self._say_interlaced):
            stamp = frame_time(frame)
            if stamp is None and latest is None and seek_to > 0:
                return  # where the seek led to cannot be told
            time = due if stamp is None else stamp - self.source.origin
            if latest is not None and not latest < time <= self._latest_credible(due):
                time = due  # missing, repeated or damaged time stamps: play on at the source's rate
            duration = period
            if frame.duration and frame.time_base:
                duration = frame.duration * frame.time_base
            yield Timed(time, duration, frame)
            latest, due = time, time + period

    def _say_interlaced(self) -> None:
        self._warn(f"{self.path.name} is interlaced: every two half pictures were made into one")

    def _latest_credible(self, due: Fraction) -> Fraction:
        """One damaged stamp must not fill hours with one frame; stills within the file are fine."""
        return max(due, self.source.duration or due) + 10

    def _decoded_frames(self, seek_to: Fraction) -> Iterator[VideoFrame]:
        damaged = 0
        with open_input(self.path) as container:
            stream = video_stream(container, self.path)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = self._threads
            if seek_to > 0 and stream.time_base:
                offset = math.floor((self.source.origin + seek_to) / stream.time_base)
                try:
                    container.seek(offset, stream=stream)
                except av.error.FFmpegError:
                    return  # this container cannot seek; the caller reads from the beginning
            try:
                for packet in continued(container.demux(stream), self.source.restarts):
                    try:
                        yield from packet.decode()
                    except av.error.EOFError:
                        break
                    except av.error.InvalidDataError:
                        damaged += 1
            except (av.error.FFmpegError, OSError) as error:
                self._warn(f"{self.path.name}: reading stopped early ({error})")
        if damaged:
            self._warn(f"{self.path.name}: {damaged} damaged pieces of the picture were skipped")


def _checked_seconds(name: str, value: float | None) -> Fraction | None:
    if value is None:
        return None
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{name} must be a number of seconds from 0 on, not {value}")
    return Fraction(value).limit_denominator(1_000_000)
