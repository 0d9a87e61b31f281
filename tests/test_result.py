"""The result of the pipeline as it is written: frames, sound and words, without the networks."""

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_samples import Clip, Sound, beep_times, flat_frame, frame_numbers, sound_end, write_clip

from megactor.media import AudioTrack, VideoReader
from megactor.result import AnimationResult


def frames(count: int) -> Generator[np.ndarray]:
    for index in range(count):
        yield flat_frame(index)


def result_of(source: Path, count: int = 50) -> AnimationResult:
    return AnimationResult(Fraction(25), (64, 48), count, AudioTrack(source, 0.0), frames(count))


@pytest.mark.parametrize("taken", [0, 1, 15])
def test_frames_that_were_taken_keep_their_sound_to_themselves(tmp_path: Path, taken: int) -> None:
    source = write_clip(tmp_path / "driving.mp4", Clip(50, sound=Sound([0.3, 1.0, 1.5], 2.0)))
    result = result_of(source)
    assert frame_numbers(next(iter(result)) for _ in range(taken)) == list(range(taken))
    result.save(tmp_path / "out.mp4")
    assert frame_numbers(VideoReader(tmp_path / "out.mp4")) == [index % 26 for index in range(taken, 50)]
    truth = [time - taken / 25 for time in (0.3, 1.0, 1.5) if time > taken / 25]
    assert beep_times(tmp_path / "out.mp4") == pytest.approx(truth, abs=0.006)
    assert sound_end(tmp_path / "out.mp4") <= (50 - taken) / 25 + 1024 / 44_100


def test_what_was_found_wrong_with_the_sound_is_said(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", Clip(50, sound=Sound([0.3], 2.0)))
    source = tmp_path / "driving.mkv"
    with av.open(str(whole)) as container, av.open(str(source), "w") as output:
        streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in container.streams}
        for number, packet in enumerate(packet for packet in container.demux() if packet.dts is not None):
            if packet.stream.type == "audio" and 60 < number < 70:
                packet.update(b"\xff" * packet.size)
            packet.stream = streams[packet.stream.index]
            output.mux(packet)
    result = result_of(source)
    result.warnings.append("the video is dark")
    result.save(tmp_path / "out.mkv")
    assert result.warnings[0] == "the video is dark"
    assert len(result.warnings) == 2 and "of the sound are silent" in result.warnings[1]
