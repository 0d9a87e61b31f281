"""One pass over the packets of a video: what its header does not tell, and where its clock starts anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

from megactor.media.timing import FALLBACK_RATE, tidy_rate, typical_rate

RESTARTING_FORMATS = {"mpegts", "mpeg", "flv"}
"""Their clock may start anew: files are joined by writing one behind the other, recorders of streams begin again."""

AnyPacket = TypeVar("AnyPacket", bound="Packet[Any]")

_BACK = Fraction(1, 10)  # seconds; decoding times go forward otherwise
_APART = Fraction(1)  # seconds of picture between the places where sound and picture of the next part begin, at most
_AHEAD = Fraction(10)  # seconds; a picture that stands still for so long still has its sound


@dataclass(frozen=True)
class Restart:
    """From byte `position` of the file on, `shift` seconds added to time stamps make them go on from those before."""

    position: int
    shift: Fraction


@dataclass(frozen=True)
class PacketTiming:
    """Usual frame rate and duration (seconds) of a picture, None where no packet tells them, and its restarts."""

    fps: Fraction | None
    duration: Fraction | None
    restarts: tuple[Restart, ...]


def packet_timing(packets: Iterable[Packet[Any]], stream: VideoStream, may_restart: bool) -> PacketTiming:
    """Read all packets.

    Args:
        packets: of `stream` and of the sound, in the file's order.
        stream: the picture.
        may_restart: the format is one of RESTARTING_FORMATS.
    """
    times: list[Fraction] = []
    restarts: list[Restart] = []
    shift, gap = Fraction(0), 1 / FALLBACK_RATE
    latest: Fraction | None = None
    end = Fraction(0)
    sound = _SoundClock()
    for packet in packets:
        decoding, shown = _seconds(packet, packet.dts), _seconds(packet, packet.pts)
        if packet.stream.index != stream.index:
            sound.hear(decoding, packet.pos, latest)
            continue
        if decoding is not None:
            if latest is not None:
                anew = decoding < latest - _BACK or (decoding > latest + _AHEAD and not sound.passes(latest + _AHEAD))
                if may_restart and anew and packet.pos is not None:
                    shift = end - (decoding if shown is None else shown)
                    restarts.append(Restart(sound.restart(latest, packet.pos), shift))
                elif decoding > latest:
                    gap = decoding - latest
            latest = decoding
        if shown is not None:
            times.append(shown + shift)
            end = max(end, times[-1] + (_seconds(packet, packet.duration) or gap))
    if not times:
        return PacketTiming(None, None, ())
    return PacketTiming(typical_rate(times) or tidy_rate(1 / (end - times[0])), end - min(times), tuple(restarts))


class _SoundClock:
    """How far the sound has come without a jump, and where it jumped: sound may come before its picture in a file."""

    def __init__(self) -> None:
        self._heard: Fraction | None = None
        self._jump: tuple[int, Fraction | None] | None = None

    def hear(self, decoding: Fraction | None, position: int | None, picture: Fraction | None) -> None:
        """Take a packet's time and place, and the time of the picture before it."""
        if decoding is None:
            return
        if self._heard is None or self._heard - _BACK <= decoding <= self._heard + _AHEAD:
            self._heard = decoding
        elif self._jump is None and position is not None:
            self._jump = position, picture

    def passes(self, time: Fraction) -> bool:
        """Whether it went on beyond `time` step by step."""
        return self._heard is not None and self._heard > time

    def restart(self, picture: Fraction, position: int) -> int:
        """Where a restart begins that shows in the picture behind `picture`, at `position`."""
        jump, self._jump, self._heard = self._jump, None, None
        if jump is not None and jump[1] is not None and abs(picture - jump[1]) < _APART:
            return min(position, jump[0])
        return position


def continued(packets: Iterable[AnyPacket], restarts: Sequence[Restart]) -> Iterator[AnyPacket]:
    """The same packets with time stamps that go on where the clock starts anew."""
    waiting = list(restarts)
    shift = Fraction(0)
    for packet in packets:
        while waiting and packet.pos is not None and packet.pos >= waiting[0].position:
            shift = waiting.pop(0).shift
        if shift and packet.time_base:
            ticks = round(shift / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
        yield packet


def _seconds(packet: Packet[VideoStream | AudioStream], ticks: int | None) -> Fraction | None:
    return None if ticks is None or not packet.time_base else ticks * packet.time_base
