"""The driving video's sound, carried into the result in sync with its frames."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Protocol

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from numpy.typing import NDArray

from megactor.media.sound import TOLERANCE, AudioTrack, SoundLine, SoundSource, packet_length, packet_time

_BITS_PER_CHANNEL = 96_000
# Seconds between the begin of picture and sound up to which the sound is copied: players handle that much.
_COPY_SLACK = Fraction(1, 10)
# Elsewhere the priming samples of a copy would not be skipped, but delay the picture.
_COPY_FORMATS = ("mp4", "mov")


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
    resources = contextlib.ExitStack()
    try:
        source = resources.enter_context(SoundSource.open(track))
        uncut = track.start == 0 and output.format.name in _COPY_FORMATS and _can_copy(source)
        kind = _AudioCopier if uncut else _AudioEncoder
        return kind(source, output, resources)
    except BaseException:
        resources.close()
        raise


def _can_copy(source: SoundSource) -> bool:
    """Whether packets can be moved over: AAC with its setup in the header, beginning with the picture."""
    stream = source.stream
    if stream.codec_context.name != "aac" or not stream.codec_context.extradata:
        return False
    if stream.start_time is None or stream.time_base is None:
        return False
    return abs(stream.start_time * stream.time_base - source.origin) <= _COPY_SLACK


class _AudioCopier:
    """Moves whole packets over. They follow each other: those that overlap are left out, gaps stay."""

    def __init__(self, source: SoundSource, output: OutputContainer, resources: contextlib.ExitStack) -> None:
        self.warnings = source.warnings
        self._source, self._packets = source, source.packets()
        self._stream = output.add_stream_from_template(source.stream)
        self._output, self._resources = output, resources
        self._waiting = next(self._packets, None)
        self._written: Fraction | None = None  # seconds

    def advance(self, until: Fraction) -> None:
        if self._source.end is not None:
            until = min(until, self._source.end)
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
        stamp, length = packet_time(packet), packet_length(packet, self._source.stream)
        time = self._written if stamp is None else stamp - self._source.origin
        if time is None or not packet.time_base:
            return True
        if self._written is not None and time < self._written:
            if time < self._written - TOLERANCE:
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
    """Encodes the samples of a `SoundLine`, to the exact one where the picture ends."""

    def __init__(self, source: SoundSource, output: OutputContainer, resources: contextlib.ExitStack) -> None:
        self.warnings = source.warnings
        self._line = SoundLine(source)
        self._stream = output.add_stream("aac", rate=self._line.rate, layout=self._line.layout)
        self._stream.codec_context.bit_rate = _BITS_PER_CHANNEL * self._line.channels
        self._output, self._resources = output, resources
        self._written = 0  # samples a channel

    def advance(self, until: Fraction) -> None:
        for samples in self._line.take(until):
            self._encode(samples)

    def finish(self, until: Fraction) -> None:
        self.advance(until)
        self._output.mux(self._stream.encode(None))
        if self._line.damaged:
            self.warnings.append(f"{self._line.damaged} damaged pieces of the sound are silent")

    def close(self) -> None:
        self._line.close()
        self._resources.close()

    def _encode(self, samples: NDArray[np.float32]) -> None:
        """Append float32 (channels, n)."""
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._line.layout)
        frame.sample_rate = self._line.rate
        frame.time_base = Fraction(1, self._line.rate)
        frame.pts = self._written
        self._written += samples.shape[1]
        self._output.mux(self._stream.encode(frame))
