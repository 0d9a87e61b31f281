"""The driving video's sound, carried into the result in sync with its frames."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from numpy.typing import NDArray

from megactor.errors import InputError
from megactor.media.container import audio_stream_index, open_input, probe
from megactor.media.packets import Restart, continued

_KEPT_RATES = {32_000, 44_100, 48_000}
_OTHER_RATE = 48_000  # telephone and studio rates: AAC frames would be long, or the file large for nothing
_AAC_FRAME = 1024  # samples
_BITS_PER_CHANNEL = 96_000
_NO_CLIPPING = {"rematrix_maxval": "1.0"}  # of loud surround sound brought to two channels
# Seconds. Stamps are rounded (Matroska: to 1 ms), so that small deviations are no gaps.
_TOLERANCE = Fraction(30, 1000)
# Seconds between the begin of picture and sound up to which the sound is copied: players handle that much.
_COPY_SLACK = Fraction(1, 10)
# Elsewhere the priming samples of a copy would not be skipped, but delay the picture.
_COPY_FORMATS = ("mp4", "mov")


@dataclass(frozen=True)
class AudioTrack:
    """The sound of a video between two times, for `VideoWriter`.

    Attributes:
        path: a video file with sound.
        start: seconds from the first frame (not from the first sound) that become second 0.
        end: seconds from the first frame where the sound stops; None for as long as the written video lasts.
    """

    path: str | os.PathLike[str]
    start: float = 0.0
    end: float | None = None


class AudioMuxer(Protocol):
    """Feeds sound into an output container alongside its pictures."""

    warnings: list[str]

    def advance(self, until: Fraction) -> None:
        """Write the sound of the output's first `until` seconds, as far as not written yet."""

    def finish(self, until: Fraction) -> None:
        """As `advance`, for the last time: nothing sounds after `until`."""

    def close(self) -> None:
        """Let go of the source file."""


def create_audio_muxer(track: AudioTrack, output: OutputContainer) -> AudioMuxer:
    """Add a sound stream to `output` (before its first packet) and return what fills it.

    AAC that starts with the picture is copied unchanged into MP4 and MOV; anything else, and anything cut at
    the start, is encoded as AAC, mono or stereo.

    Raises:
        InputError: the file of the track has no sound.
    """
    info = probe(track.path)
    resources = contextlib.ExitStack()
    try:
        container = resources.enter_context(open_input(info.path))
        index = audio_stream_index(container)
        if index is None:
            raise InputError(f"video has no sound: {track.path}; write without an audio track")
        source = _Source(container, container.streams.audio[index], info.restarts)
        origin = info.origin + Fraction(track.start).limit_denominator(1_000_000)
        end = None if track.end is None else Fraction(track.end - track.start).limit_denominator(1_000_000)
        uncut = track.start == 0 and output.format.name in _COPY_FORMATS and _can_copy(source.stream, origin)
        kind = _AudioCopier if uncut else _AudioEncoder
        return kind(source, output, origin, end, resources)
    except BaseException:
        resources.close()
        raise


def _can_copy(stream: AudioStream, origin: Fraction) -> bool:
    """Whether packets can be moved over: AAC with its setup in the header, beginning with the picture."""
    if stream.codec_context.name != "aac" or not stream.codec_context.extradata:
        return False
    if stream.start_time is None or stream.time_base is None:
        return False
    return abs(stream.start_time * stream.time_base - origin) <= _COPY_SLACK


@dataclass(frozen=True)
class _Source:
    """A sound stream to read, and what was found wrong with it meanwhile."""

    container: InputContainer
    stream: AudioStream
    restarts: tuple[Restart, ...]
    warnings: list[str] = field(default_factory=list)

    def packets(self) -> Iterator[Packet[AudioStream]]:
        """The packets in order, on one clock; a stamp that no neighbor bears out is replaced."""
        return _without_stray_stamps(continued(self._demuxed(), self.restarts), self.stream)

    def seek_before(self, origin: Fraction) -> None:
        """Go to a little before `origin`: decoders need some packets to swing in; what comes early is cut off."""
        if self.stream.time_base is None or self.restarts:
            return
        begin = (self.stream.start_time or 0) * self.stream.time_base
        target = origin - Fraction(1, 2)
        if target > begin:
            with contextlib.suppress(av.error.FFmpegError):  # cannot seek: decode from the beginning
                self.container.seek(math.floor(target / self.stream.time_base), stream=self.stream)

    def _demuxed(self) -> Generator[Packet[AudioStream], None, None]:
        try:
            yield from self.container.demux(self.stream)
        except (av.error.FFmpegError, OSError) as error:
            self.warnings.append(f"the sound ends early: reading it stopped ({error})")


def _without_stray_stamps(packets: Iterable[Packet[AudioStream]], stream: AudioStream) -> Iterator[Packet[AudioStream]]:
    """Time stamps that stand alone, between neighbors that follow each other, become what these say."""
    waiting: Packet[AudioStream] | None = None
    due: Fraction | None = None
    for packet in itertools.chain(packets, [None]):
        if waiting is not None:
            time, length = _time(waiting), _length(waiting, stream)
            following = None if packet is None else _time(packet)
            if due is not None and waiting.time_base:
                stray = time is None or abs(time - due) > _TOLERANCE
                if stray and following is not None and abs(following - due - length) <= _TOLERANCE:
                    waiting.pts = waiting.dts = round(due / waiting.time_base)
                    time = due
            due = None if time is None else time + length
            yield waiting
        waiting = packet


def _time(packet: Packet[AudioStream]) -> Fraction | None:
    return None if packet.pts is None or not packet.time_base else packet.pts * packet.time_base


def _length(packet: Packet[AudioStream], stream: AudioStream) -> Fraction:
    if packet.duration and packet.time_base:
        return packet.duration * packet.time_base
    return Fraction(stream.codec_context.frame_size or _AAC_FRAME, stream.codec_context.sample_rate)


class _AudioCopier:
    """Moves whole packets over. They follow each other: those that overlap are left out, gaps stay."""

    def __init__(
        self,
        source: _Source,
        output: OutputContainer,
        origin: Fraction,
        end: Fraction | None,
        resources: contextlib.ExitStack,
    ) -> None:
        self.warnings = source.warnings
        self._source, self._packets = source.stream, source.packets()
        self._stream = output.add_stream_from_template(source.stream)
        self._output, self._origin, self._end, self._resources = output, origin, end, resources
        self._waiting = next(self._packets, None)
        self._written: Fraction | None = None  # seconds

    def advance(self, until: Fraction) -> None:
        if self._end is not None:
            until = min(until, self._end)
        while self._waiting is not None:
            if not self._move(self._waiting, until):
                return
            self._waiting = next(self._packets, None)

    def finish(self, until: Fraction) -> None:
        self.advance(until)

    def close(self) -> None:
        self._resources.close()

    def _move(self, packet: Packet[AudioStream], until: Fraction) -> bool:
        """False if it ends after `until`: whole packets only, so that the last 21 ms may be missing."""
        stamp, length = _time(packet), _length(packet, self._source)
        time = self._written if stamp is None else stamp - self._origin
        if time is None or not packet.time_base:
            return True
        if self._written is not None and time < self._written:
            if time < self._written - _TOLERANCE:
                return True
            time = self._written
        if time + length > until:
            return False
        packet.pts = packet.dts = round(time / packet.time_base)
        packet.stream = self._stream
        self._output.mux(packet)
        self._written = time + length
        return True


class _AudioEncoder:
    """Decodes, lays the samples on the output's time line, encodes.

    Samples are counted, not stamped: silence fills gaps (a late start among them), overlaps are cut, and
    encoding stops at the exact sample where the picture ends.
    """

    def __init__(
        self,
        source: _Source,
        output: OutputContainer,
        origin: Fraction,
        end: Fraction | None,
        resources: contextlib.ExitStack,
    ) -> None:
        self.warnings = source.warnings
        stream = source.stream
        channels = min(stream.codec_context.channels, 2)
        self._layout = "mono" if channels == 1 else "stereo"
        self._rate = stream.codec_context.sample_rate
        if self._rate not in _KEPT_RATES:
            self._rate = _OTHER_RATE
        self._stream = output.add_stream("aac", rate=self._rate, layout=self._layout)
        self._stream.codec_context.bit_rate = _BITS_PER_CHANNEL * channels
        self._output, self._end, self._resources = output, end, resources
        self._chunks = self._decoded(source, origin)
        self._channels = channels
        self._damaged = 0  # packets
        self._written = 0  # samples a channel
        self._silence = 0  # samples to be silent before what waits
        self._waiting: tuple[int | None, NDArray[np.float32]] | None = next(self._chunks, None)

    def advance(self, until: Fraction) -> None:
        if self._end is not None:
            until = min(until, self._end)
        limit = math.floor(until * self._rate + Fraction(1, 2))
        while self._waiting is not None and self._written < limit:
            if self._silence > 0:
                silence = min(self._silence, limit - self._written)
                self._silence -= silence
                self._encode(np.zeros((self._channels, silence), np.float32))
                continue
            begin, samples = self._waiting
            deviation = 0 if begin is None else begin - self._written
            # The first sample is placed exactly, later ones follow on unless they are clearly out of place.
            if abs(deviation) > (_TOLERANCE * self._rate if self._written else 0):
                if deviation > 0:
                    self._silence = deviation
                    self._waiting = (None, samples)
                    continue
                samples = samples[:, -deviation:]
            now, later = np.split(samples, [limit - self._written], axis=1)
            self._encode(now)
            self._waiting = (None, later) if later.shape[1] else next(self._chunks, None)

    def finish(self, until: Fraction) -> None:
        self.advance(until)
        self._output.mux(self._stream.encode(None))
        if self._damaged:
            self.warnings.append(f"{self._damaged} damaged pieces of the sound are silent")

    def close(self) -> None:
        self._chunks.close()
        self._resources.close()

    def _encode(self, samples: NDArray[np.float32]) -> None:
        """Append float32 (channels, n)."""
        count = samples.shape[1]
        if count == 0:
            return
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._layout)
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._written
        self._written += count
        self._output.mux(self._stream.encode(frame))

    def _decoded(
        self, source: _Source, origin: Fraction
    ) -> Generator[tuple[int | None, NDArray[np.float32]], None, None]:
        """Yield (index of the first sample on the output's time line or None, float32 (channels, n))."""
        source.seek_before(origin)
        resampler: AudioResampler | None = None
        setup: tuple[str, str, int] | None = None
        for frame in self._decoded_frames(source):
            parts: list[AudioFrame] = []
            if frame is None or (frame.format.name, frame.layout.name, frame.sample_rate) != setup:
                if resampler is not None:
                    parts += resampler.resample(None)
                resampler = AudioResampler(format="fltp", layout=self._layout, rate=self._rate, options=_NO_CLIPPING)
            if frame is not None:
                setup = (frame.format.name, frame.layout.name, frame.sample_rate)
                assert resampler is not None
                parts += resampler.resample(frame)
            for part in parts:
                begin = None
                if part.pts is not None and part.time_base is not None:
                    begin = round((part.pts * part.time_base - origin) * self._rate)
                yield begin, np.asarray(part.to_ndarray(), np.float32)

    def _decoded_frames(self, source: _Source) -> Iterator[AudioFrame | None]:
        """The decoded frames, then None: time to give out what is held back."""
        for packet in source.packets():
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                self._damaged += 1  # becomes a moment of silence
        yield None
