"""Sound as samples: those of the frames asked for, with silence where there are none."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_samples import Clip, Sound, write_clip

from megactor.errors import InputError
from megactor.media.sound import AudioTrack, read_waveform


def begins(waveform: np.ndarray, rate: int) -> list[float]:
    loud = np.flatnonzero(np.abs(waveform[0]) > 0.25)
    return [i / rate for k, i in enumerate(loud) if k == 0 or i - loud[k - 1] > 0.03 * rate]


@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2), ("5.1", 2)])
def test_a_part_of_a_sound(tmp_path: Path, layout: str, channels: int) -> None:
    sound = Sound([0.2, 0.6, 0.9], 1.0, "flac", 48_000, layout)
    source = write_clip(tmp_path / "driving.mkv", Clip(30, sound=sound))
    waveform, rate = read_waveform(AudioTrack(source, 0.4), Fraction(3, 10))
    assert (waveform.shape, waveform.dtype, rate) == ((channels, 14_400), np.float32, 48_000)
    assert begins(waveform, rate) == pytest.approx([0.2], abs=0.005)


def test_silence_before_and_behind(tmp_path: Path) -> None:
    sound = Sound([0.0, 0.3], 0.5, "flac", 22_050, offset=0.2)
    source = write_clip(tmp_path / "driving.mkv", Clip(40, sound=sound))
    waveform, rate = read_waveform(AudioTrack(source), Fraction(8, 5))
    assert (waveform.shape, rate) == ((2, 76_800), 48_000)
    assert begins(waveform, rate) == pytest.approx([0.2, 0.5], abs=0.005)
    assert not waveform[:, :9_000].any() and not waveform[:, 34_600:].any()
    waveform, _ = read_waveform(AudioTrack(source, 0.0, 0.4), Fraction(8, 5))
    assert begins(waveform, rate) == pytest.approx([0.2], abs=0.005)


def test_a_silent_video(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "driving.mp4", Clip(5))
    with pytest.raises(InputError, match="no sound"):
        read_waveform(AudioTrack(source), Fraction(1))
