"""The driving video's sound: at the right moment, whatever its format, and never longer than the picture."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_samples import Clip, Sound, beep_times, cut_file, flat_frame, sound_end, sound_of, write_clip

from megactor.errors import InputError
from megactor.media import AudioTrack, VideoReader, VideoWriter

SYNC = 0.006  # seconds; half of what a trained listener can notice


def animate(source: Path, target: Path, size: tuple[int, int] = (64, 48), **part: float) -> VideoReader:
    """What the pipeline does, without the animating: same frames, same sound."""
    reader = VideoReader(source, **part)
    with VideoWriter(target, reader.fps, size, audio=reader.audio_track(), preset="ultrafast") as writer:
        for frame in reader:
            writer.write(frame)
    assert writer.warnings == []
    return reader


def picture_end(path: Path) -> float:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        return float(max((p.pts + p.duration) * p.time_base for p in packets))


def assert_sound_ends_with_picture(path: Path) -> None:
    end = picture_end(path)
    with av.open(str(path)) as container:
        if container.format.name.startswith("mov"):
            assert container.duration == pytest.approx(end * 1_000_000, abs=1000)
    # Encoders fill their last frame of 1024 samples with silence.
    assert sound_end(path) <= end + 1024 / 44_100


def audio_codec(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.streams.audio[0].codec_context.name


SOURCES = [
    ("mp4", "aac", 44_100, "mp4"), ("mp4", "aac", 48_000, "mkv"), ("mkv", "aac", 44_100, "mov"),
    ("ts", "aac", 48_000, "mp4"), ("mov", "pcm_s16le", 48_000, "mkv"), ("avi", "mp3", 44_100, "mp4"),
    ("webm", "libopus", 48_000, "mp4"), ("mkv", "flac", 192_000, "mp4"), ("mkv", "pcm_s16le", 7_350, "mp4"),
]  # fmt: skip


@pytest.mark.parametrize(("container", "codec", "rate", "target"), SOURCES)
@pytest.mark.parametrize("start", [0.0, 0.6])
def test_sync(tmp_path: Path, container: str, codec: str, rate: int, target: str, start: float) -> None:
    video = {"webm": "libvpx", "avi": "mpeg4"}.get(container, "libx264")
    sound = Sound([0.3, 1.0, 1.4], 2.0, codec, rate)
    source = write_clip(tmp_path / f"driving.{container}", Clip(50, codec=video, sound=sound))
    truth = [t - start for t in beep_times(source) if t >= start]
    assert len(truth) >= 2
    result = tmp_path / f"result.{target}"
    animate(source, result, start=start)
    heard = beep_times(result)
    assert heard == pytest.approx(truth, abs=SYNC)
    assert_sound_ends_with_picture(result)
    assert audio_codec(result) == "aac"


@pytest.mark.parametrize("target", ["mp4", "mov"])
def test_aac_is_copied_unchanged_when_nothing_is_cut(tmp_path: Path, target: str) -> None:
    source = write_clip(tmp_path / "driving.mp4", Clip(50, sound=Sound([0.5, 1.5], 2.0)))
    result = tmp_path / f"result.{target}"
    animate(source, result)

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(audio=0) if p.size]

    copied, original = packets(result), packets(source)
    assert copied == original[: len(copied)] and len(original) - len(copied) <= 2
    assert beep_times(result) == pytest.approx(beep_times(source), abs=0.002)


@pytest.mark.parametrize("end", [0.7, 1.0])
def test_an_end_without_a_start(tmp_path: Path, end: float) -> None:
    source = write_clip(tmp_path / "driving.mp4", Clip(50, sound=Sound([0.3, 0.9, 1.5], 2.0)))
    result = tmp_path / "result.mp4"
    animate(source, result, end=end)
    assert beep_times(result) == pytest.approx([t for t in (0.3, 0.9) if t < end], abs=SYNC)
    assert_sound_ends_with_picture(result)
    assert sound_end(result) > end - 0.03


@settings(max_examples=6, deadline=None)
@given(start=st.integers(1, 39), length=st.integers(3, 30))
def test_any_part(tmp_path_factory: pytest.TempPathFactory, start: int, length: int) -> None:
    source = tmp_path_factory.getbasetemp() / "driving_part.mp4"
    if not source.exists():
        write_clip(source, Clip(50, sound=Sound([0.1 * i for i in range(20)], 2.0)))
    begin, end = start / 25, (start + length) / 25
    result = tmp_path_factory.mktemp("part") / "result.mp4"
    animate(source, result, start=begin, end=end)
    # Beeps that the cut splits may or may not be recognized.
    expected = [0.1 * i - begin for i in range(20) if begin + 0.005 < 0.1 * i < min(end, 2) - 0.03]
    heard = beep_times(result)
    for time in expected:
        assert min(abs(time - other) for other in heard) < SYNC
    assert_sound_ends_with_picture(result)


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("offset", [0.5, 0.04])
@pytest.mark.parametrize("start", [0.0, 0.2])
def test_sound_that_starts_late(tmp_path: Path, container: str, offset: float, start: float) -> None:
    sound = Sound([0.3, 0.8], 1.2, offset=offset)
    source = write_clip(tmp_path / f"driving.{container}", Clip(50, sound=sound))
    truth = beep_times(source)
    assert truth == pytest.approx([0.3 + offset, 0.8 + offset], abs=0.03)
    result = tmp_path / "result.mp4"
    animate(source, result, start=start)
    assert beep_times(result) == pytest.approx([t - start for t in truth], abs=SYNC)


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_sound_that_starts_before_the_picture(tmp_path: Path, container: str) -> None:
    clip = Clip(50, offset=Fraction(2, 5), sound=Sound([0.2, 0.9, 1.5], 2.4))
    source = write_clip(tmp_path / f"driving.{container}", clip)
    truth = [t for t in beep_times(source) if t >= 0]
    assert truth == pytest.approx([0.5, 1.1], abs=0.03)
    result = tmp_path / "result.mp4"
    animate(source, result)
    assert beep_times(result) == pytest.approx(truth, abs=SYNC)


@pytest.mark.parametrize("codec", ["aac", "flac"])
@pytest.mark.parametrize("duration", [0.6, 3.5])
def test_the_sound_does_not_change_the_duration(tmp_path: Path, codec: str, duration: float) -> None:
    source = write_clip(tmp_path / "driving.mkv", Clip(50, sound=Sound([0.3, 1.9, 2.6], duration, codec)))
    result = tmp_path / "result.mp4"
    animate(source, result)
    assert picture_end(result) == pytest.approx(2.0)
    assert_sound_ends_with_picture(result)
    assert beep_times(result) == pytest.approx([t for t in (0.3, 1.9) if t < duration], abs=0.03)


def test_a_gap_becomes_silence(tmp_path: Path) -> None:
    lossless = Sound([0.2, 0.8, 1.6], 2.0, "pcm_s16le", 16_000)
    whole = write_clip(tmp_path / "whole.mkv", Clip(50, sound=lossless))
    source = tmp_path / "driving.mkv"
    with av.open(str(whole)) as container, av.open(str(source), "w") as output:
        streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in container.streams}
        for packet in container.demux():
            lost = packet.stream.type == "audio" and packet.pts and 0.5 < packet.pts * packet.time_base < 1.2
            if packet.dts is not None and not lost:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    result = tmp_path / "result.mp4"
    animate(source, result)
    assert beep_times(result) == pytest.approx([0.2, 1.6], abs=0.01)


@pytest.mark.parametrize("layout", ["mono", "5.1"])
def test_channels(tmp_path: Path, layout: str) -> None:
    sound = Sound([0.3, 1.0], 2.0, "flac", layout=layout)
    source = write_clip(tmp_path / "driving.mkv", Clip(50, sound=sound))
    result = tmp_path / "result.mp4"
    animate(source, result)
    with av.open(str(result)) as container:
        assert container.streams.audio[0].codec_context.channels == (1 if layout == "mono" else 2)
    assert beep_times(result) == pytest.approx([0.3, 1.0], abs=SYNC)
    assert 0.3 < np.abs(sound_of(result)[0]).max() <= 1.2


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_are_silent(tmp_path: Path, suffix: str) -> None:
    source = write_clip(tmp_path / "driving.mp4", Clip(10, sound=Sound([0.1], 0.4)))
    result = tmp_path / f"result{suffix}"
    animate(source, result)
    assert not VideoReader(result).has_audio


def test_a_silent_video_has_no_track(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "driving.mp4", Clip(5))
    assert VideoReader(source).audio_track() is None
    writer = VideoWriter(tmp_path / "out.mp4", 25, (64, 48), audio=AudioTrack(source))
    with pytest.raises(InputError, match="no sound"), writer:
        pytest.fail("must not get here")
    assert [p.name for p in tmp_path.iterdir()] == ["driving.mp4"]


def test_a_track_without_a_reader(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "driving.mp4", Clip(50, sound=Sound([0.3, 1.0, 1.5], 2.0)))
    with VideoWriter(tmp_path / "out.mp4", 25, (64, 48), audio=AudioTrack(source, 0.5, 1.2)) as writer:
        for index in range(50):
            writer.write(flat_frame(index))
    assert beep_times(writer.path) == pytest.approx([0.5], abs=SYNC)
    assert sound_end(writer.path) == pytest.approx(0.7, abs=0.03)


def test_sound_of_a_cut_off_file_ends_early(tmp_path: Path) -> None:
    sound = Sound([0.3, 0.6, 1.6], 2.0)
    full = write_clip(tmp_path / "full.ts", Clip(50, sound=sound), images=noise(50))
    source = cut_file(full, tmp_path / "cut.ts", 0.6)
    result = tmp_path / "result.mp4"
    reader = VideoReader(source)
    with VideoWriter(result, reader.fps, (64, 48), audio=reader.audio_track()) as writer:
        for frame in reader:
            writer.write(frame)
    assert beep_times(result) == pytest.approx([t for t in beep_times(source) if t < 1.1], abs=SYNC)


def noise(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(count)]


def test_sound_lies_beside_its_picture_in_the_file(tmp_path: Path) -> None:
    """Players read on; sound that comes long after its picture would make them jump."""
    source = write_clip(tmp_path / "driving.mkv", Clip(200, sound=Sound([1.0], 8.0, "flac")))
    result = tmp_path / "result.mp4"
    animate(source, result)
    latest = {"audio": 0.0, "video": 0.0}
    with av.open(str(result)) as container:
        for packet in sorted((p for p in container.demux() if p.pos is not None and p.size), key=lambda p: p.pos):
            latest[packet.stream.type] = float(packet.pts * packet.time_base)
            assert abs(latest["audio"] - latest["video"]) < 1.5


# --- clocks that do not go on ---


def joined(path: Path, parts: list[Path]) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@pytest.mark.parametrize("start", [0.0, 1.8])
def test_files_that_were_written_one_behind_the_other(tmp_path: Path, start: float) -> None:
    """Each part has a clock of its own; the second is one of pictures only, the third of another frame rate."""
    parts = [
        write_clip(tmp_path / "a.ts", Clip(38, 25, sound=Sound([0.2, 1.0], 1.52))),
        write_clip(tmp_path / "b.ts", Clip(20, 25)),
        write_clip(tmp_path / "c.ts", Clip(45, 30, sound=Sound([0.3, 1.1], 1.5))),
    ]
    source = joined(tmp_path / "joined.ts", parts)
    reader = animate(source, tmp_path / "result.mp4", start=start)
    assert float(reader.source.duration or 0) == pytest.approx(1.52 + 0.8 + 1.5, abs=0.03)
    assert picture_end(tmp_path / "result.mp4") == pytest.approx(3.82 - start, abs=0.05)
    truth = [time - start for time in (0.2, 1.0, 2.32 + 0.3, 2.32 + 1.1) if time > start]
    assert beep_times(tmp_path / "result.mp4") == pytest.approx(truth, abs=0.03)


def test_many_joins_do_not_let_the_sound_drift(tmp_path: Path) -> None:
    """A part's sound is never quite as long as its picture."""
    part = write_clip(tmp_path / "part.ts", Clip(10, 25, sound=Sound([0.1], 0.42)))
    source = joined(tmp_path / "joined.ts", [part] * 12)
    animate(source, tmp_path / "result.mp4")
    assert beep_times(tmp_path / "result.mp4") == pytest.approx([0.1 + 0.4 * i for i in range(12)], abs=0.03)


@pytest.mark.parametrize("ahead", [2.0, 60_000.0])
def test_a_clock_that_jumps_ahead_at_a_join(tmp_path: Path, ahead: float) -> None:
    """Two recordings of one day; 2 seconds are a pause like any other, hours are not waited for."""
    one = write_clip(tmp_path / "one.ts", Clip(25, 25, sound=Sound([0.2], 1.0)))
    two = tmp_path / "two.ts"
    raw = write_clip(tmp_path / "raw.ts", Clip(25, 25, sound=Sound([0.3], 1.0)))
    with av.open(str(raw)) as container, av.open(str(two), "w", container_options={"mpegts_copyts": "1"}) as output:
        streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in container.streams}
        for packet in container.demux():
            if packet.dts is not None and packet.pts is not None:
                shift = round((1 + ahead) / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    animate(joined(tmp_path / "joined.ts", [one, two]), tmp_path / "result.mp4")
    begin = 1 + (ahead if ahead < 10 else 0)
    assert beep_times(tmp_path / "result.mp4") == pytest.approx([0.2, begin + 0.3], abs=0.05)
    assert picture_end(tmp_path / "result.mp4") == pytest.approx(begin + 1, abs=0.05)


SOUND, PICTURE = 8, 9  # what Flash calls them


def with_stamps(
    source: Path, target: Path, change: Callable[[int, int], int], kinds: tuple[int, ...] = (SOUND,)
) -> Path:
    """The same packets, those of `kinds` with the stamps `change(index, milliseconds)`, as a Flash video.

    Written by hand, since FFmpeg writes no stamps that go back.
    """
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in container.streams}
        for packet in container.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    data = bytearray(target.read_bytes())
    position, index = 13, 0
    while position + 15 < len(data):
        size = int.from_bytes(data[position + 1 : position + 4], "big")
        if data[position] in kinds and data[position + 12] == 1:  # not a description for the decoder
            stamp = int.from_bytes(data[position + 4 : position + 7], "big")
            data[position + 4 : position + 7] = change(index, stamp).to_bytes(3, "big")
            index += 1
        position += 15 + size
    target.write_bytes(data)
    return target


def test_a_recorder_that_began_again(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "plain.mp4", Clip(75, sound=Sound([0.2, 1.0, 1.8, 2.6], 3.0)))
    source = with_stamps(
        clip, tmp_path / "driving.flv", lambda index, time: time - 1520 * (time >= 1520), (SOUND, PICTURE)
    )
    animate(source, tmp_path / "result.mp4")
    assert beep_times(tmp_path / "result.mp4") == pytest.approx([0.2, 1.0, 1.8, 2.6], abs=0.03)
    assert picture_end(tmp_path / "result.mp4") == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("change", "truth"),
    [
        (lambda index, time: time - 23 if index == 40 else time, [0.3, 1.2, 1.7]),  # a stamp comes twice
        (lambda index, time: time + 7000 if index == 40 else time, [0.3, 1.2, 1.7]),  # one is wild
        (lambda index, time: 0 if index == 40 else time, [0.3, 1.2, 1.7]),
        (lambda index, time: time - 300 if index >= 40 else time, [0.3, 0.9, 1.4]),  # stamped, though late
    ],
)
def test_stamps_that_repeat_or_go_back(
    tmp_path: Path, suffix: str, change: Callable[[int, int], int], truth: list[float]
) -> None:
    clip = write_clip(tmp_path / "plain.mp4", Clip(50, sound=Sound([0.3, 1.2, 1.7], 2.0)))
    source = with_stamps(clip, tmp_path / "driving.flv", change)
    result = tmp_path / f"result{suffix}"
    animate(source, result)
    assert beep_times(result) == pytest.approx(truth, abs=0.03)
    assert_sound_ends_with_picture(result)


def test_the_same_stamp_twice_in_matroska(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", Clip(50, sound=Sound([0.3, 1.2], 2.0)))
    source = tmp_path / "driving.mkv"
    with av.open(str(whole)) as container, av.open(str(source), "w") as output:
        streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in container.streams}
        heard: list[int] = []
        for packet in container.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                heard.append(packet.pts)
                if len(heard) == 41:
                    packet.pts = packet.dts = heard[39]
            packet.stream = streams[packet.stream.index]
            output.mux(packet)
    animate(source, tmp_path / "result.mp4")
    assert beep_times(tmp_path / "result.mp4") == pytest.approx([0.3, 1.2], abs=0.03)
