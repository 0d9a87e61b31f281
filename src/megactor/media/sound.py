"""The sound of a video: its packets, and its samples on the time line of its frames."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from megactor.errors import InputError
from megactor.media.container import audio_stream_index, open_input, probe
from megactor.media.packets import Restart, continued

_KEPT_RATES = {32_000, 44_100, 48_000}
_AAC_FRAME = 1024  # samples
_OTHER_RATE = 48_000  # telephone and studio rates: AAC frames would be long, or the file large for nothing
_NO_CLIPPING = {"rematrix_maxval": "1.0"}  # of loud surround sound brought to two channels
# Seconds. Stamps are rounded (Matroska: to 1 ms), so that small deviations are no gaps.
TOLERANCE = Fraction(30, 1000)


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


@dataclass(frozen=True)
class SoundSource:
    """The sound stream of a track, open for reading.

    Attributes:
        container: the file.
        stream: its sound.
        restarts: where time stamps start anew.
        origin: seconds on the container's clock that become second 0.
        end: seconds from there at which the sound stops, or None.
        warnings: what was found wrong with it meanwhile.
    """

    container: InputContainer
    stream: AudioStream
    restarts: tuple[Restart, ...]
    origin: Fraction
    end: Fraction | None
    warnings: list[str] = field(default_factory=list)

    @classmethod
    @contextlib.contextmanager
    def open(cls, track: AudioTrack) -> Generator[SoundSource]:
        """Opens the file of a track.

        Raises:
            InputError: it cannot be opened, or has no sound.
        """
        info = probe(track.path)
        with open_input(info.path) as container:
            index = audio_stream_index(container)
            if index is None:
                raise InputError(f"video has no sound: {track.path}; write without an audio track")
            origin = info.origin + Fraction(track.start).limit_denominator(1_000_000)
            end = None if track.end is None else Fraction(track.end - track.start).limit_denominator(1_000_000)
            yield cls(container, container.streams.audio[index], info.restarts, origin, end)

    def packets(self) -> Iterator[Packet[AudioStream]]:
        """The packets in order, on one clock; a stamp that no neighbor bears out is replaced."""
        return _without_stray_stamps(continued(self._demuxed(), self.restarts), self.stream)

    def seek_to_origin(self) -> None:
        """Go to a little before `origin`: decoders need some packets to swing in; what comes early is cut off."""
        if self.stream.time_base is None or self.restarts:
            return
        begin = (self.stream.start_time or 0) * self.stream.time_base
        target = self.origin - Fraction(1, 2)
        if target > begin:
            with contextlib.suppress(av.error.FFmpegError):  # cannot seek: decode from the beginning
                self.container.seek(math.floor(target / self.stream.time_base), stream=self.stream)

    def _demuxed(self) -> Generator[Packet[AudioStream], None, None]:
        try:
            yield from self.container.demux(self.stream)
        except (av.error.FFmpegError, OSError) as error:
            self.warnings.append(f"the sound ends early: reading it stopped ({error})")


class SoundLine:
    """Decoded samples, laid on the time line of the frames.

    Samples are counted, not stamped: silence fills gaps (a late start among them), overlaps are cut.

    Attributes:
        rate: samples a second.
        channels: 1 or 2.
        layout: "mono" or "stereo".
        damaged: packets that could not be decoded so far.
    """

    def __init__(self, source: SoundSource) -> None:
        codec = source.stream.codec_context
        self.channels = min(codec.channels, 2)
        self.layout = "mono" if self.channels == 1 else "stereo"
        self.rate = codec.sample_rate if codec.sample_rate in _KEPT_RATES else _OTHER_RATE
        self._source = source
        self._chunks = self._decoded()
        self.damaged = 0
        self._given = 0  # samples a channel
        self._silence = 0  # samples to be silent before what waits
        self._waiting: tuple[int | None, NDArray[np.float32]] | None = next(self._chunks, None)

    def take(self, until: Fraction) -> Iterator[NDArray[np.float32]]:
        """What was not given yet of the first `until` seconds, as float32 (channels, n) one after the other.

        The sound stops at its exact last sample; nothing follows where it ends before `until`.
        """
        if self._source.end is not None:
            until = min(until, self._source.end)
        limit = math.floor(until * self.rate + Fraction(1, 2))
        while self._waiting is not None and self._given < limit:
            if self._silence > 0:
                silence = min(self._silence, limit - self._given)
                self._silence -= silence
                self._given += silence
                yield np.zeros((self.channels, silence), np.float32)
                continue
            begin, samples = self._waiting
            deviation = 0 if begin is None else begin - self._given
            # The first sample is placed exactly, later ones follow on unless they are clearly out of place.
            if abs(deviation) > (TOLERANCE * self.rate if self._given else 0):
                if deviation > 0:
                    self._silence = deviation
                    self._waiting = (None, samples)
                    continue
                samples = samples[:, -deviation:]
            now, later = np.split(samples, [limit - self._given], axis=1)
            self._given += now.shape[1]
            self._waiting = (None, later) if later.shape[1] else next(self._chunks, None)
            if now.shape[1]:
                yield now

    def close(self) -> None:
        """Lets go of the decoder."""
        self._chunks.close()

    def _decoded(self) -> Generator[tuple[int | None, NDArray[np.float32]], None, None]:
        """Yield (index of the first sample on the output's time line or None, float32 (channels, n))."""
        self._source.seek_to_origin()
        resampler: AudioResampler | None = None
        setup: tuple[str, str, int] | None = None
        for frame in self._decoded_frames():
            parts: list[AudioFrame] = []
            if frame is None or (frame.format.name, frame.layout.name, frame.sample_rate) != setup:
                if resampler is not None:
                    parts += resampler.resample(None)
                resampler = AudioResampler(format="fltp", layout=self.layout, rate=self.rate, options=_NO_CLIPPING)
            if frame is not None:
                setup = (frame.format.name, frame.layout.name, frame.sample_rate)
                assert resampler is not None
                parts += resampler.resample(frame)
            for part in parts:
                begin = None
                if part.pts is not None and part.time_base is not None:
                    begin = round((part.pts * part.time_base - self._source.origin) * self.rate)
                yield begin, np.asarray(part.to_ndarray(), np.float32)

    def _decoded_frames(self) -> Iterator[AudioFrame | None]:
        """The decoded frames, then None: time to give out what is held back."""
        for packet in self._source.packets():
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                self.damaged += 1  # becomes a moment of silence
        yield None


def read_waveform(track: AudioTrack, seconds: Fraction) -> tuple[NDArray[np.float32], int]:
    """The first seconds of a track as samples, with silence where it has none.

    Args:
        track: the sound.
        seconds: how many of it.

    Returns:
        float32 (channels, samples) in [-1, 1], loud surround sound beyond, with 1 or 2 channels; samples a second.

    Raises:
        InputError: the file cannot be opened, or has no sound.
    """
    with SoundSource.open(track) as source, contextlib.closing(SoundLine(source)) as line:
        waveform = np.zeros((line.channels, math.floor(seconds * line.rate + Fraction(1, 2))), np.float32)
        filled = 0
        for samples in line.take(seconds):
            waveform[:, filled : filled + samples.shape[1]] = samples
            filled += samples.shape[1]
    return waveform, line.rate


def _without_stray_stamps(packets: Iterable[Packet[AudioStream]], stream: AudioStream) -> Iterator[Packet[AudioStream]]:
    """Time stamps that stand alone, between neighbors that follow each other, become what these say."""
    waiting: Packet[AudioStream] | None = None
    due: Fraction | None = None
    for packet in itertools.chain(packets, [None]):
        if waiting is not None:
            time, length = packet_time(waiting), packet_length(waiting, stream)
            following = None if packet is None else packet_time(packet)
            if due is not None and waiting.time_base:
                stray = time is None or abs(time - due) > TOLERANCE
                if stray and following is not None and abs(following - due - length) <= TOLERANCE:
                    waiting.pts = waiting.dts = round(due / waiting.time_base)
                    time = due
            due = None if time is None else time + length
            yield waiting
        waiting = packet


def packet_time(packet: Packet[AudioStream]) -> Fraction | None:
    """Seconds on the container's clock, where the packet says them."""
    return None if packet.pts is None or not packet.time_base else packet.pts * packet.time_base


def packet_length(packet: Packet[AudioStream], stream: AudioStream) -> Fraction:
    """Seconds that a packet sounds."""
    if packet.duration and packet.time_base:
        return packet.duration * packet.time_base
    return Fraction(stream.codec_context.frame_size or _AAC_FRAME, stream.codec_context.sample_rate)
